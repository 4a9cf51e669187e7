import type { ApiKeyRecord } from './api-key.ts';
import type { Grant, UserRecord } from './user.ts';

/** Tokens of `sub` (`user:…`, `key:…`) with a generation below this one were revoked then. */
export type Revocation = { readonly sub: string; readonly generation: number; readonly revokedAtMs: number };

export type NewUser = Omit<UserRecord, 'generation'>;

/**
 * Users, their grants and API keys. Every change is durable when its promise resolves, and whole or not at all. Names
 * are compared without case. One contract suite (`test/store-contract.ts`) holds for every implementation.
 */
export interface UserStore {
  /** `conflict` when the name is taken, `storage_full` beyond `usersMax` users. */
  insertUser(user: NewUser, usersMax: number): Promise<void>;
  userById(userId: string): Promise<UserRecord | undefined>;
  userByName(username: string): Promise<UserRecord | undefined>;
  setPasswordHash(userId: string, passwordHash: string): Promise<void>;
  /** Repeating a grant changes nothing. `conflict` when the user has grants in another tenant, `not_found` without the user. */
  addGrant(userId: string, grant: Grant): Promise<UserRecord>;
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
