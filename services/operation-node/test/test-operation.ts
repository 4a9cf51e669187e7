import { writeFileSync } from 'node:fs';
import type { Permission } from '@hybridstore/contracts';
import { HttpClient, JwksTokenVerifier } from '@hybridstore/http';
import { Registry, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { type App, createApp } from '../src/app.ts';
import type { OperationConfig } from '../src/config.ts';
import { FakeServices } from './fake-services.ts';

export const acme = 'default/acme';

export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: never;
};

/** An operation node on loopback with fake services behind it, under a fake clock. */
export class TestOperation {
  readonly clock = new FakeClock();
  readonly folder = createTemporaryFolder('operation');
  readonly issuer = new TestIssuer(this.folder.path, this.clock);
  readonly services = new FakeServices(this.issuer, this.clock);
  readonly client = new HttpClient({ hostsFile: `${this.folder.path}/hosts.json` });
  readonly metrics = new Registry();
  app!: App;
  readonly #replicas: App[] = [];
  url = '';

  static async start(config: Partial<OperationConfig> = {}): Promise<TestOperation> {
    const test = new TestOperation();
    await test.services.start();
    test.app = test.#createApp(config, test.metrics);
    test.url = await listen(test.app, '127.0.0.1', 0);
    return test;
  }

  #createApp(config: Partial<OperationConfig>, metrics = new Registry()): App {
    return createApp({
      config: {
        interpreterUrl: this.services.url('query-interpreter'),
        optimizerUrl: this.services.url('cbo-engine'),
        tenantUrlTemplate: `${this.services.url('tenant-node')}`,
        replicasUrl: undefined,
        ownAddress: undefined,
        admission: { runningMax: 8, runningPerTenantMax: 4, waitingMax: 16, waitingPerTenantMax: 8 },
        timeouts: { defaultMs: 60_000, maxMs: 600_000 },
        optimizeMsMax: 1_000,
        ...config,
      },
      version: 'test',
      logger: silentLogger,
      metrics,
      clock: this.clock,
      verifier: new JwksTokenVerifier(this.issuer.jwksFile, this.clock),
      identity: this.issuer.identity('operation-node'),
      client: this.client,
    });
  }

  /** Another replica, at the same port of its own address; it finds others at the addresses of one name. */
  async startReplica(address: string, addresses: readonly string[]): Promise<string> {
    const host = 'operation-node-replicas.test.svc';
    writeFileSync(`${this.folder.path}/hosts.json`, JSON.stringify({ [host]: addresses }));
    const { port } = new URL(this.url);
    const app = this.#createApp({ replicasUrl: `http://${host}:${port}`, ownAddress: address });
    this.#replicas.push(app);
    return listen(app, address, Number(port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { server } of [this.app, ...this.#replicas]) {
      server.app.server.closeAllConnections();
      await server.app.close();
    }
    await this.services.stop();
    await this.client.close();
    this.folder[Symbol.dispose]();
  }

  token(permissions?: readonly Permission[], tenant = acme): string {
    return this.issuer.userToken(tenant, permissions);
  }

  fetch(method: string, path: string, options: FetchOptions = {}): Promise<Response> {
    return fetch(`${options.url ?? this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.token ?? this.token()}`,
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  async call(method: string, path: string, options: FetchOptions = {}): Promise<Answer> {
    const response = await this.fetch(method, path, options);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (isJson ? JSON.parse(text) : undefined) as never,
    };
  }

  sql(body: object = {}, options: FetchOptions = {}): Promise<Answer> {
    return this.call('POST', '/query/sql', {
      ...options,
      body: { query: 'select count(*) as n from events', ...body },
    });
  }

  /** Lets loopback traffic pass until a condition holds; fails loudly instead of waiting for ever. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < 20_000; turn += 1) {
      if (condition()) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    throw new Error('what the test waits for did not happen');
  }
}

async function listen({ server }: App, host: string, port: number): Promise<string> {
  await server.app.listen({ host, port });
  const address = server.app.server.address();
  return `http://${host}:${typeof address === 'object' ? address?.port : 0}`;
}

export type FetchOptions = {
  /** Of another replica. */
  readonly url?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};
