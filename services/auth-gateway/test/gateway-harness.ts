import { readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Permission, Role, TokenResponse, User } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import {
  type Clock,
  createMetrics,
  DatabaseChecks,
  deriveSigningKey,
  LogRing,
  silentLogger,
} from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { createApp, type GatewayApp } from '../src/app.ts';
import { HttpUserStore } from '../src/clients/http-user-store.ts';
import type { GatewayConfig } from '../src/config.ts';
import { parseTrustedProxies } from '../src/domain/client-address.ts';
import type { PasswordHasher, UserStore } from '../src/domain/ports.ts';
import { openUsersDatabase, usersDatabaseOptions } from '../src/store/open-users-database.ts';
import { SqliteUserStore } from '../src/store/sqlite-user-store.ts';
import { systemRandom } from '../src/system-random.ts';

export const password = 'secure_password';

/** Remembers passwords as they are: what is tested here is not the hash. */
export class PlainHasher implements PasswordHasher {
  async hash(text: string): Promise<string> {
    return `plain:${text}`;
  }
  async verify(text: string, held: string | undefined): Promise<boolean> {
    return held === `plain:${text}`;
  }
  isOutdated(): boolean {
    return false;
  }
  awaitOldHashes(): void {}
}

export type Answer = {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
};

/** A gateway under test with its store in a folder of its own; `await using` ends both. */
export class GatewayHarness {
  readonly clock: FakeClock;
  readonly issuer: TestIssuer;
  readonly store: UserStore;
  readonly app: GatewayApp;
  readonly ring = new LogRing();
  readonly #folder = createTemporaryFolder('gateway');

  readonly #client = new HttpClient();
  readonly #database: DatabaseSync;
  readonly #checks: DatabaseChecks;

  constructor(
    options: {
      readonly config?: Partial<GatewayConfig>;
      readonly clock?: Clock;
      readonly hasher?: PasswordHasher;
      /** One that has ended, and whose users this one holds from now on. */
      readonly folderOf?: GatewayHarness;
      /** A gateway that listens there and holds the users of this one. */
      readonly holder?: { readonly gateway: GatewayHarness; readonly url: string };
    } = {},
  ) {
    const { holder } = options;
    const before = options.folderOf ?? holder?.gateway;
    this.clock = before?.clock ?? new FakeClock();
    const clock = options.clock ?? this.clock;
    this.issuer = before?.issuer ?? new TestIssuer(this.#folder.path, clock);
    const usersFolder = options.folderOf?.folder ?? this.#folder.path;
    this.#database = openUsersDatabase(usersFolder);
    const identity = this.issuer.identity('auth-gateway');
    const asking = { client: this.#client, identity, clock, logger: silentLogger };
    this.store = holder
      ? new HttpUserStore({ ...asking, url: holder.url })
      : new SqliteUserStore(this.#database, clock);
    const databaseOptions = usersDatabaseOptions(usersFolder);
    const checked = { database: this.#database, options: databaseOptions, clock, logger: silentLogger };
    this.#checks = new DatabaseChecks(checked);
    this.app = createApp({
      process: {
        version: '0.1.0',
        logger: silentLogger,
        ring: this.ring,
        metrics: createMetrics('auth-gateway'),
        clock,
        verifier: new JwksTokenVerifier(this.issuer.jwksFile, clock),
        signingKey: deriveSigningKey('auth-gateway', testSecret('auth-gateway')),
        hostsFile: `${this.#folder.path}/hosts.json`,
      },
      config: { ...defaults, ...(holder ? { userStoreUrl: holder.url, gateways: 2 } : {}), ...options.config },
      store: this.store,
      checkDatabase: () => this.#checks.check(),
      hasher: options.hasher ?? new PlainHasher(),
      isCommonPassword: (text) => text === 'iloveyou',
      random: systemRandom,
    });
  }

  get folder(): string {
    return this.#folder.path;
  }

  get fastify(): FastifyInstance {
    return this.app.server.app;
  }

  /** How many transactions have changed the file of users: the change counter at byte 24 of its header. */
  changes(): number {
    return readFileSync(`${this.#folder.path}/users.sqlite`).readUInt32BE(24);
  }

  async metrics(): Promise<{ readonly text: string }> {
    return { text: (await this.fastify.inject({ url: '/metrics' })).body };
  }

  async call(method: 'GET' | 'POST' | 'DELETE', url: string, options: CallOptions = {}): Promise<Answer> {
    const request: InjectOptions = {
      method,
      url,
      ...(options.remoteAddress === undefined ? {} : { remoteAddress: options.remoteAddress }),
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : {
            payload:
              typeof options.body === 'string' || Buffer.isBuffer(options.body)
                ? options.body
                : JSON.stringify(options.body),
          }),
    };
    const answer = await this.fastify.inject(request);
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Answer['body'], headers: answer.headers };
  }

  async register(username: string): Promise<string> {
    const answer = await this.call('POST', '/auth/register', { body: { username, password } });
    return (answer.body as unknown as User).user_id;
  }

  async login(username: string, tenantId?: string): Promise<TokenResponse> {
    const body = { username, password, ...(tenantId === undefined ? {} : { tenant_id: tenantId }) };
    return (await this.call('POST', '/auth/login', { body })).body as unknown as TokenResponse;
  }

  /** A user with a role in a tenant, and his token. */
  async member(
    username: string,
    tenantId: string,
    role: Role,
    sources: readonly string[] = ['*'],
  ): Promise<{ readonly userId: string; readonly token: string }> {
    const userId = await this.register(username);
    await this.store.addGrant(userId, { tenantId, role, sources });
    return { userId, token: (await this.login(username)).access_token };
  }

  async administrator(tenantId?: string): Promise<string> {
    await this.app.accounts.ensureAdministrator('root', password);
    return (await this.login('root', tenantId)).access_token;
  }

  async createKey(token: string, body: Record<string, unknown> = { name: 'robot' }): Promise<string> {
    return String((await this.call('POST', '/auth/keys', { token, body })).body['key']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fastify.close();
    await this.app.close();
    await this.store.close();
    if (this.#database.isOpen) this.#database.close();
    await this.#client.close();
    await this.#checks.close();
    this.#folder[Symbol.dispose]();
  }
}

export type CallOptions = {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the call comes from; this machine when absent. */
  readonly remoteAddress?: string;
};

export const readAll: readonly Permission[] = [{ sources: ['*'], actions: ['read'] }];

const defaults: GatewayConfig = {
  usersPath: 'unused',
  userStoreUrl: undefined,
  postgres: undefined,
  gateways: 1,
  tokenLifetimeSeconds: 86_400,
  allowedOrigins: [],
  bcryptRoundsMax: 12,
  selfRegistration: true,
  registration: undefined,
  administrator: undefined,
  legacyUsers: [],
  addresses: {
    services: {
      'operation-node': 'http://127.0.0.1:1',
      'cbo-engine': 'http://127.0.0.1:1',
      'metadata-catalog': 'http://127.0.0.1:1',
      monitoring: 'http://127.0.0.1:1',
      'query-interpreter': 'http://127.0.0.1:1',
    },
    tenantUrlTemplate: 'http://127.0.0.1:1',
  },
  trustedProxies: parseTrustedProxies('TRUSTED_PROXIES', []),
  keepAliveMs: 75_000,
};
