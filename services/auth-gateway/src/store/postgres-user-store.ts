import type { Permission, Role } from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import {
  type ApiKeyRecord,
  addressesPerUserMax,
  type NewUser,
  type Revocation,
  type UserStore,
} from '../domain/ports.ts';
import { type Grant, nameKey, tenantOfUser, type UserRecord } from '../domain/user.ts';
import type { PostgresDatabase, Transaction } from './postgres-database.ts';

/** One statement list a version, in order. */
export const userMigrations: readonly string[] = [
  `CREATE TABLE users (
     user_id text PRIMARY KEY,
     username text NOT NULL,
     name_key text NOT NULL UNIQUE,
     password_hash text NOT NULL,
     is_platform_admin boolean NOT NULL,
     generation bigint NOT NULL DEFAULT 0,
     created_at_ms bigint NOT NULL
   );
   CREATE TABLE grants (
     user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
     position bigint NOT NULL,
     tenant_id text NOT NULL,
     role text NOT NULL,
     sources text NOT NULL,
     PRIMARY KEY (user_id, position),
     UNIQUE (user_id, tenant_id, role, sources)
   );
   CREATE TABLE api_keys (
     key_id text PRIMARY KEY,
     user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
     name text NOT NULL,
     tenant_id text NOT NULL,
     permissions text NOT NULL,
     digest bytea NOT NULL,
     created_at_ms bigint NOT NULL,
     expires_at_ms bigint NOT NULL
   );
   CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at_ms);
   CREATE INDEX api_keys_by_expiry ON api_keys (expires_at_ms);
   CREATE TABLE revocations (
     sub text PRIMARY KEY,
     generation bigint NOT NULL,
     revoked_at_ms bigint NOT NULL
   );
   CREATE INDEX revocations_by_time ON revocations (revoked_at_ms);
   CREATE TABLE known_addresses (
     user_id text NOT NULL REFERENCES users ON DELETE CASCADE,
     address text NOT NULL,
     seen_at_ms bigint NOT NULL,
     PRIMARY KEY (user_id, address)
   );
   CREATE TABLE refused_registrations (count bigint NOT NULL);
   INSERT INTO refused_registrations VALUES (0);`,
];
export const userSchemaName = 'hybridstore_users';

const addressRenewMs = 86_400_000;
/** Any number that is no lock of `postgres-database.ts`: insertions one after the other, for the bound on users. */
const insertionLock = 7_203_115;

/**
 * Users in PostgreSQL, shared by every gateway. Whatever changes a user locks his row first, so that changes of one user
 * come one after the other, as in the file of one process.
 */
export class PostgresUserStore implements UserStore {
  readonly #database: PostgresDatabase;
  readonly #clock: Clock;

  constructor(database: PostgresDatabase, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async insertUser(user: NewUser, usersMax: number): Promise<void> {
    const isNew = await this.#database.transact(async (transaction) => {
      await transaction.rows('SELECT pg_advisory_xact_lock($1)', insertionLock);
      const [{ count } = { count: 0 }] = await transaction.rows<{ count: number }>(
        'SELECT count(*) AS count FROM users',
      );
      if (count >= usersMax) throw new HybridStoreError('storage_full', `there are ${usersMax} users already`);
      const { userId, username, passwordHash, isPlatformAdmin, createdAtMs, address } = user;
      const inserted = await transaction.change(
        `INSERT INTO users (user_id, username, name_key, password_hash, is_platform_admin, created_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name_key) DO NOTHING`,
        userId,
        username,
        nameKey(username),
        passwordHash,
        isPlatformAdmin,
        createdAtMs,
      );
      if (inserted === 0) await transaction.change('UPDATE refused_registrations SET count = count + 1');
      if (inserted === 0) return false;
      for (const grant of user.grants) await insertGrant(transaction, userId, grant);
      if (address !== undefined) await this.#noteAddress(transaction, userId, address);
      return true;
    });
    if (!isNew) throw new HybridStoreError('conflict', `username ${user.username} is taken`, { field: 'username' });
  }

  userById(userId: string): Promise<UserRecord | undefined> {
    return this.#database.transact((transaction) => readUser(transaction, 'user_id = $1', userId));
  }

  userByName(username: string): Promise<UserRecord | undefined> {
    return this.#database.transact((transaction) => readUser(transaction, 'name_key = $1', nameKey(username)));
  }

  async setPasswordHash(userId: string, passwordHash: string): Promise<void> {
    await this.#change('UPDATE users SET password_hash = $1 WHERE user_id = $2', passwordHash, userId);
  }

  changePassword(userId: string, passwordHash: string, address?: string): Promise<UserRecord> {
    return this.#changeUser(userId, async (transaction) => {
      await transaction.change('UPDATE users SET password_hash = $1 WHERE user_id = $2', passwordHash, userId);
      await transaction.change('DELETE FROM known_addresses WHERE user_id = $1', userId);
      if (address !== undefined) await this.#noteAddress(transaction, userId, address);
      await this.#startGeneration(transaction, userId);
    });
  }

  hasHashOf(prefix: string): Promise<boolean> {
    return this.#has('SELECT 1 FROM users WHERE starts_with(password_hash, $1) LIMIT 1', prefix);
  }

  knowsAddress(userId: string, address: string): Promise<boolean> {
    return this.#has('SELECT 1 FROM known_addresses WHERE user_id = $1 AND address = $2', userId, address);
  }

  async noteAddress(userId: string, address: string): Promise<void> {
    // An address that is used every minute is written once a day.
    const sinceMs = this.#clock.now() - addressRenewMs;
    const sql = 'SELECT 1 FROM known_addresses WHERE user_id = $1 AND address = $2 AND seen_at_ms > $3';
    if (await this.#has(sql, userId, address, sinceMs)) return;
    await this.#changeUser(userId, (transaction) => this.#noteAddress(transaction, userId, address));
  }

  addGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#changeUser(userId, async (transaction, user) => {
      const tenantId = tenantOfUser(user);
      if (tenantId !== undefined && tenantId !== grant.tenantId)
        throw new HybridStoreError('conflict', `the user belongs to tenant ${tenantId}`, { tenant_id: tenantId });
      await insertGrant(transaction, userId, grant);
    });
  }

  revokeGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#changeUser(userId, async (transaction) => {
      const taken = await transaction.change(
        'DELETE FROM grants WHERE user_id = $1 AND tenant_id = $2 AND role = $3 AND sources = $4',
        userId,
        grant.tenantId,
        grant.role,
        JSON.stringify(grant.sources),
      );
      if (taken === 0)
        throw new HybridStoreError('not_found', `the user has no such grant of ${grant.role}`, { user_id: userId });
      await this.#startGeneration(transaction, userId);
    });
  }

  revokeAll(userId: string): Promise<UserRecord> {
    return this.#changeUser(userId, async (transaction) => {
      await transaction.change('DELETE FROM grants WHERE user_id = $1', userId);
      await this.#revoke(transaction, userId);
    });
  }

  async endSessions(userId: string): Promise<void> {
    await this.#changeUser(userId, (transaction) => this.#startGeneration(transaction, userId));
  }

  revocationsSince(timeMs: number, max: number): Promise<readonly Revocation[]> {
    return this.#database.transact(async (transaction) => {
      await transaction.change('DELETE FROM revocations WHERE revoked_at_ms < $1', timeMs);
      const rows = await transaction.rows<RevocationRow>(
        'SELECT * FROM revocations ORDER BY revoked_at_ms DESC, sub COLLATE "C" LIMIT $1',
        max,
      );
      return rows.map((row) => ({ sub: row.sub, generation: row.generation, revokedAtMs: row.revoked_at_ms }));
    });
  }

  async setPlatformAdministrator(userId: string): Promise<void> {
    await this.#database.transact(async (transaction) => {
      // In one order, so that two gateways do not wait for each other.
      const changed = await transaction.rows<{ user_id: string }>(
        'SELECT user_id FROM users WHERE is_platform_admin <> (user_id = $1) ORDER BY user_id FOR UPDATE',
        userId,
      );
      await requireUser(transaction, userId);
      for (const user of changed) await this.#revoke(transaction, user.user_id);
      const sql = 'UPDATE users SET is_platform_admin = (user_id = $1) WHERE is_platform_admin <> (user_id = $1)';
      await transaction.change(sql, userId);
    });
  }

  async insertKey(key: ApiKeyRecord, keysMax: number): Promise<void> {
    await this.#changeUser(key.userId, async (transaction) => {
      const [{ count } = { count: 0 }] = await transaction.rows<{ count: number }>(
        'SELECT count(*) AS count FROM api_keys WHERE user_id = $1',
        key.userId,
      );
      if (count >= keysMax)
        throw new HybridStoreError('conflict', `the user has ${keysMax} keys already`, { keys_max: keysMax });
      await transaction.change(
        'INSERT INTO api_keys VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
        key.keyId,
        key.userId,
        key.name,
        key.tenantId,
        JSON.stringify(key.permissions),
        key.digest,
        key.createdAtMs,
        key.expiresAtMs,
      );
    });
  }

  keyById(keyId: string): Promise<ApiKeyRecord | undefined> {
    return this.#database.transact(async (transaction) => {
      const [row] = await transaction.rows<KeyRow>('SELECT * FROM api_keys WHERE key_id = $1', keyId);
      return row && readKey(row);
    });
  }

  keysOfUser(userId: string): Promise<ApiKeyRecord[]> {
    return this.#database.transact(async (transaction) => {
      const sql = 'SELECT * FROM api_keys WHERE user_id = $1 ORDER BY created_at_ms, key_id COLLATE "C"';
      return (await transaction.rows<KeyRow>(sql, userId)).map(readKey);
    });
  }

  deleteKey(userId: string, keyId: string): Promise<boolean> {
    return this.#database.transact(async (transaction) => {
      const sql = 'DELETE FROM api_keys WHERE user_id = $1 AND key_id = $2';
      const isDeleted = (await transaction.change(sql, userId, keyId)) === 1;
      if (isDeleted) await this.#noteRevocation(transaction, `key:${keyId}`, 1);
      return isDeleted;
    });
  }

  deleteKeysExpiredBefore(timeMs: number): Promise<number> {
    return this.#change('DELETE FROM api_keys WHERE expires_at_ms < $1', timeMs);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #change(sql: string, ...values: readonly (string | number)[]): Promise<number> {
    return this.#database.transact((transaction) => transaction.change(sql, ...values));
  }

  #has(sql: string, ...values: readonly (string | number)[]): Promise<boolean> {
    return this.#database.transact(async (transaction) => (await transaction.rows(sql, ...values)).length > 0);
  }

  /** One change of one user, alone; gives him as he is then. `not_found` without him. */
  #changeUser(
    userId: string,
    change: (transaction: Transaction, user: UserRecord) => Promise<void>,
  ): Promise<UserRecord> {
    return this.#database.transact(async (transaction) => {
      await transaction.rows('SELECT 1 FROM users WHERE user_id = $1 FOR UPDATE', userId);
      await change(transaction, await requireUser(transaction, userId));
      return requireUser(transaction, userId);
    });
  }

  async #noteAddress(transaction: Transaction, userId: string, address: string): Promise<void> {
    await transaction.change(
      `INSERT INTO known_addresses VALUES ($1, $2, $3)
       ON CONFLICT (user_id, address) DO UPDATE SET seen_at_ms = excluded.seen_at_ms`,
      userId,
      address,
      this.#clock.now(),
    );
    await transaction.change(
      `DELETE FROM known_addresses WHERE user_id = $1 AND address IN (
         SELECT address FROM known_addresses WHERE user_id = $1 ORDER BY seen_at_ms DESC, address COLLATE "C" OFFSET $2)`,
      userId,
      addressesPerUserMax,
    );
  }

  async #revoke(transaction: Transaction, userId: string): Promise<void> {
    const sql = 'DELETE FROM api_keys WHERE user_id = $1 RETURNING key_id';
    const keys = await transaction.rows<{ key_id: string }>(sql, userId);
    // Tokens of keys carry no generation, which counts as 0.
    for (const key of keys) await this.#noteRevocation(transaction, `key:${key.key_id}`, 1);
    await this.#startGeneration(transaction, userId);
  }

  async #startGeneration(transaction: Transaction, userId: string): Promise<void> {
    const sql = 'UPDATE users SET generation = generation + 1 WHERE user_id = $1 RETURNING generation';
    const [row] = await transaction.rows<{ generation: number }>(sql, userId);
    if (row) await this.#noteRevocation(transaction, `user:${userId}`, row.generation);
  }

  async #noteRevocation(transaction: Transaction, sub: string, generation: number): Promise<void> {
    await transaction.change(
      `INSERT INTO revocations VALUES ($1, $2, $3)
       ON CONFLICT (sub) DO UPDATE SET generation = excluded.generation, revoked_at_ms = excluded.revoked_at_ms`,
      sub,
      generation,
      this.#clock.now(),
    );
  }
}

async function readUser(transaction: Transaction, condition: string, key: string): Promise<UserRecord | undefined> {
  const [row] = await transaction.rows<UserRow>(`SELECT * FROM users WHERE ${condition}`, key);
  if (!row) return undefined;
  const sql = 'SELECT * FROM grants WHERE user_id = $1 ORDER BY position';
  const grants = await transaction.rows<GrantRow>(sql, row.user_id);
  return {
    userId: row.user_id,
    username: row.username,
    passwordHash: row.password_hash,
    isPlatformAdmin: row.is_platform_admin,
    generation: row.generation,
    createdAtMs: row.created_at_ms,
    grants: grants.map(readGrant),
  };
}

async function requireUser(transaction: Transaction, userId: string): Promise<UserRecord> {
  const user = await readUser(transaction, 'user_id = $1', userId);
  if (!user) throw new HybridStoreError('not_found', `user ${userId} does not exist`, { user_id: userId });
  return user;
}

async function insertGrant(transaction: Transaction, userId: string, grant: Grant): Promise<void> {
  await transaction.change(
    `INSERT INTO grants
     SELECT $1, coalesce(max(position), 0) + 1, $2, $3, $4 FROM grants WHERE user_id = $1
     ON CONFLICT (user_id, tenant_id, role, sources) DO NOTHING`,
    userId,
    grant.tenantId,
    grant.role,
    JSON.stringify(grant.sources),
  );
}

type UserRow = {
  readonly user_id: string;
  readonly username: string;
  readonly password_hash: string;
  readonly is_platform_admin: boolean;
  readonly generation: number;
  readonly created_at_ms: number;
};
type RevocationRow = { readonly sub: string; readonly generation: number; readonly revoked_at_ms: number };
type GrantRow = { readonly tenant_id: string; readonly role: Role; readonly sources: string };
type KeyRow = {
  readonly key_id: string;
  readonly user_id: string;
  readonly name: string;
  readonly tenant_id: string;
  readonly permissions: string;
  readonly digest: Buffer;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
};

// JSON columns hold only what `addGrant` and `insertKey` wrote.
function readGrant(row: GrantRow): Grant {
  return { tenantId: row.tenant_id, role: row.role, sources: JSON.parse(row.sources) as string[] };
}

function readKey(row: KeyRow): ApiKeyRecord {
  return {
    keyId: row.key_id,
    userId: row.user_id,
    name: row.name,
    tenantId: row.tenant_id,
    permissions: JSON.parse(row.permissions) as Permission[],
    digest: row.digest,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}
