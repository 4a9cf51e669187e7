import type { Permission } from '@hybridstore/contracts';
import type { Grant, UserRecord } from './user.ts';

/** Tokens of `sub` (`user:…`, `key:…`) with a generation below this one were revoked then. */
export type Revocation = { readonly sub: string; readonly generation: number; readonly revokedAtMs: number };

/** `address`: where he registered from, which is known for his from then on. */
export type NewUser = Omit<UserRecord, 'generation'> & { readonly address?: string | undefined };

/** Addresses that are kept of one user, those of the last successful log-ins. */
export const addressesPerUserMax = 8;

/** What is kept of an API key: never the key itself, only its SHA-256. 256 random bits need no slow hash. */
export type ApiKeyRecord = {
  readonly keyId: string;
  readonly userId: string;
  readonly name: string;
  readonly tenantId: string;
  readonly permissions: readonly Permission[];
  readonly digest: Buffer;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
};

/**
 * Users, their grants and API keys. Every change is durable when its promise resolves, and whole or not at all. Names
 * are compared without case. One contract suite (`test/store-contract.ts`) holds for every implementation.
 */
export interface UserStore {
  /**
   * `conflict` when the name is taken, `storage_full` beyond `usersMax` users. A taken name is written down too (as a count),
   * so that the time for the disk does not show which names exist.
   */
  insertUser(user: NewUser, usersMax: number): Promise<void>;
  userById(userId: string): Promise<UserRecord | undefined>;
  userByName(username: string): Promise<UserRecord | undefined>;
  /** The same password, hashed anew. */
  setPasswordHash(userId: string, passwordHash: string): Promise<void>;
  /**
   * Another password, and a new generation; grants and keys stay. Of the addresses only `address` is known from now on: the
   * others may be those of whoever knew the old one. `not_found` without the user.
   */
  changePassword(userId: string, passwordHash: string, address?: string): Promise<UserRecord>;
  /** Whether some user's password hash begins so. */
  hasHashOf(prefix: string): Promise<boolean>;
  /** Whether this user was seen at the address: by `noteAddress`, or when he registered. */
  knowsAddress(userId: string, address: string): Promise<boolean>;
  /** Keeps the address as the user's latest; of more than `addressesPerUserMax` the oldest goes. */
  noteAddress(userId: string, address: string): Promise<void>;
  /** Repeating a grant changes nothing. `conflict` when the user has grants in another tenant, `not_found` without the user. */
  addGrant(userId: string, grant: Grant): Promise<UserRecord>;
  /** Takes one grant, as it was given, and starts a new generation; keys stay. `not_found` without the user or the grant. */
  revokeGrant(userId: string, grant: Grant): Promise<UserRecord>;
  /** Takes every grant and API key of a user and starts a new generation. `not_found` without the user. */
  revokeAll(userId: string): Promise<UserRecord>;
  /** Starts a new generation; grants and keys stay. `not_found` without the user. */
  endSessions(userId: string): Promise<void>;
  /** What the changes above and `deleteKey` ended since then, newest first, at most `max` of them. Older ones are dropped. */
  revocationsSince(timeMs: number, max: number): Promise<readonly Revocation[]>;
  /**
   * Makes this user the only platform administrator. Whoever was one before, or becomes one now, starts a new generation
   * and loses his API keys; an administrator who stays one keeps both.
   */
  setPlatformAdministrator(userId: string): Promise<void>;
  /** `conflict` when the user has `keysMax` keys already. */
  insertKey(key: ApiKeyRecord, keysMax: number): Promise<void>;
  keyById(keyId: string): Promise<ApiKeyRecord | undefined>;
  /** Oldest first. */
  keysOfUser(userId: string): Promise<ApiKeyRecord[]>;
  /** Whether there was such a key of this user. */
  deleteKey(userId: string, keyId: string): Promise<boolean>;
  deleteKeysExpiredBefore(timeMs: number): Promise<number>;
  close(): Promise<void>;
}

/** Whose slow hash goes first: a log-in from a known address, another log-in, a registration. */
export type HashLane = 'known' | 'unknown' | 'registration';
export type HashOrder = {
  readonly lane: HashLane;
  readonly address: string;
  readonly signal?: AbortSignal | undefined;
};

/** Slow hashes of passwords, off the main loop and a bounded number at a time (`overloaded` beyond). */
export interface PasswordHasher {
  hash(password: string, order: HashOrder): Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash (an unknown user) it does the same work and says no, so
   * that the time of an answer does not show who exists.
   */
  verify(password: string, hash: string | undefined, order: HashOrder): Promise<boolean>;
  /** Whether a hash is of an old kind and should be made anew at the next successful log-in. */
  isOutdated(hash: string): boolean;
  /** From now on some users have hashes of the old kind, and no answer's time may show whose they are. */
  awaitOldHashes(): void;
}

/** Where ids and secrets come from; a cryptographic generator outside of tests. */
export interface RandomSource {
  bytes(count: number): Buffer;
  /** A random UUID (RFC 9562, version 4). */
  uuid(): string;
}
