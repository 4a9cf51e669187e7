import { authGateway, type DatabaseChecked, type StoredKey, type UserStoreCall } from '@hybridstore/contracts';
import { type HttpClient, isTransportFailure, type ServiceIdentity } from '@hybridstore/http';
import { type Clock, isHybridStoreError, type Logger, retryLater } from '@hybridstore/runtime';
import type { ApiKeyRecord, NewUser, Revocation, UserStore } from '../domain/ports.ts';
import type { Grant, UserRecord } from '../domain/user.ts';

export type HttpUserStoreOptions = {
  readonly client: HttpClient;
  readonly identity: ServiceIdentity;
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** Of the process that holds the users. */
  readonly url: string;
};

const callMsMax = 2_000;
/** Every call of a user waits for these, and goes on without where it can: a machine that is gone refuses no connection. */
const lookMsMax = 250;
/** A look for damage reads every row. */
const checkMsMax = 600_000;
/** After a call that reached nobody, the next ones of this time fail at once; then one of them tries, and the others do not wait for it. */
const awayMs = 500;

type Name = UserStoreCall['name'];
type Arguments<N extends Name> = Extract<UserStoreCall, { readonly name: N }>['arguments'];

/**
 * The users of another process, asked over HTTP by the gateways that keep none themselves. Nothing is repeated here: a
 * change whose answer was lost may have been made. Throws `unavailable` or `deadline_exceeded` while the other is away.
 */
export class HttpUserStore implements UserStore {
  readonly #options: HttpUserStoreOptions;
  #awayUntilMs = Number.NEGATIVE_INFINITY;
  #isAway = false;

  constructor(options: HttpUserStoreOptions) {
    this.#options = options;
  }

  async insertUser({ address, grants, ...user }: NewUser, usersMax: number): Promise<void> {
    const sent = { ...user, grants: grants.map(writeGrant), ...(address === undefined ? {} : { address }) };
    await this.#call('insertUser', [sent, usersMax]);
  }

  userById(userId: string): Promise<UserRecord | undefined> {
    return this.#call('userById', [userId], lookMsMax);
  }

  userByName(username: string): Promise<UserRecord | undefined> {
    return this.#call('userByName', [username]);
  }

  async setPasswordHash(userId: string, passwordHash: string): Promise<void> {
    await this.#call('setPasswordHash', [userId, passwordHash]);
  }

  changePassword(userId: string, passwordHash: string, address?: string): Promise<UserRecord> {
    return this.#call('changePassword', [userId, passwordHash, address ?? null]);
  }

  hasHashOf(prefix: string): Promise<boolean> {
    return this.#call('hasHashOf', [prefix]);
  }

  knowsAddress(userId: string, address: string): Promise<boolean> {
    return this.#call('knowsAddress', [userId, address]);
  }

  async noteAddress(userId: string, address: string): Promise<void> {
    await this.#call('noteAddress', [userId, address]);
  }

  addGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#call('addGrant', [userId, writeGrant(grant)]);
  }

  revokeGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#call('revokeGrant', [userId, writeGrant(grant)]);
  }

  revokeAll(userId: string): Promise<UserRecord> {
    return this.#call('revokeAll', [userId]);
  }

  async endSessions(userId: string): Promise<void> {
    await this.#call('endSessions', [userId]);
  }

  revocationsSince(timeMs: number, max: number): Promise<readonly Revocation[]> {
    return this.#call('revocationsSince', [timeMs, max]);
  }

  async setPlatformAdministrator(userId: string): Promise<void> {
    await this.#call('setPlatformAdministrator', [userId]);
  }

  async insertKey({ digest, permissions, ...key }: ApiKeyRecord, keysMax: number): Promise<void> {
    const sent = { ...key, permissions: [...permissions], digest: digest.toString('base64') };
    await this.#call('insertKey', [sent, keysMax]);
  }

  async keyById(keyId: string): Promise<ApiKeyRecord | undefined> {
    const key = await this.#call<'keyById', StoredKey | undefined>('keyById', [keyId], lookMsMax);
    return key && readKey(key);
  }

  async keysOfUser(userId: string): Promise<ApiKeyRecord[]> {
    return (await this.#call<'keysOfUser', StoredKey[]>('keysOfUser', [userId])).map(readKey);
  }

  deleteKey(userId: string, keyId: string): Promise<boolean> {
    return this.#call('deleteKey', [userId, keyId]);
  }

  deleteKeysExpiredBefore(timeMs: number): Promise<number> {
    return this.#call('deleteKeysExpiredBefore', [timeMs]);
  }

  /** See `DatabaseChecks`. */
  checkDatabase(): Promise<DatabaseChecked> {
    return this.#call('checkDatabase', [], checkMsMax);
  }

  /** The other process stays as it is. */
  async close(): Promise<void> {}

  async #call<N extends Name, T>(name: N, given: Arguments<N>, timeoutMs = callMsMax): Promise<T> {
    const { client, identity, clock, url } = this.#options;
    if (clock.monotonicMs() < this.#awayUntilMs) throw retryLater('unavailable', 'the store of users is away', awayMs);
    if (this.#isAway) this.#awayUntilMs = clock.monotonicMs() + Math.min(timeoutMs, callMsMax);
    const body = { name, arguments: given } as UserStoreCall; // a name with its own arguments, by this function's type
    try {
      const { value } = await client.call(url, authGateway.userStore, { token: identity.token(), timeoutMs, body });
      this.#noteBack();
      return value as T; // what the port's method of the other process gave, which is this same program
    } catch (error) {
      if (isTransportFailure(error) || isHybridStoreError(error, 'deadline_exceeded')) this.#noteAway(error);
      // One that says it cannot answer now is not back.
      else if (!isHybridStoreError(error, 'unavailable')) this.#noteBack();
      throw error;
    }
  }

  #noteAway(error: unknown): void {
    const { clock, logger } = this.#options;
    this.#awayUntilMs = clock.monotonicMs() + awayMs;
    if (!this.#isAway) logger.warn('user_store_away', { error });
    this.#isAway = true;
  }

  #noteBack(): void {
    this.#awayUntilMs = Number.NEGATIVE_INFINITY;
    if (this.#isAway) this.#options.logger.info('user_store_back');
    this.#isAway = false;
  }
}

/** The users of another process, as `openUsers` gives those of this one. */
export function askForUsers(options: HttpUserStoreOptions) {
  const store = new HttpUserStore(options);
  return { store, checkDatabase: () => store.checkDatabase(), close: () => store.close() };
}

function writeGrant({ sources, ...grant }: Grant) {
  return { ...grant, sources: [...sources] };
}

function readKey({ digest, ...key }: StoredKey): ApiKeyRecord {
  return { ...key, digest: Buffer.from(digest, 'base64') };
}
