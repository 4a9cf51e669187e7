import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Permission, Role } from '@hybridstore/contracts';
import { asDatabaseError, type Clock, HybridStoreError } from '@hybridstore/runtime';
import {
  type ApiKeyRecord,
  addressesPerUserMax,
  type NewUser,
  type Revocation,
  type UserStore,
} from '../domain/ports.ts';
import { type Grant, nameKey, tenantOfUser, type UserRecord } from '../domain/user.ts';
import { fileName } from './open-users-database.ts';

const addressRenewMs = 86_400_000;

/** Users in one SQLite file of one process. Statements are synchronous and short; each change is one transaction. */
export class SqliteUserStore implements UserStore {
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async insertUser(user: NewUser, usersMax: number): Promise<void> {
    const isNew = this.#transact(() => {
      const { count } = this.#get<{ count: number }>('SELECT count(*) AS count FROM users') ?? { count: 0 };
      if (count >= usersMax) throw new HybridStoreError('storage_full', `there are ${usersMax} users already`);
      const { changes } = this.#prepare(
        `INSERT INTO users (user_id, username, name_key, password_hash, is_platform_admin, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name_key) DO NOTHING`,
      ).run(
        user.userId,
        user.username,
        nameKey(user.username),
        user.passwordHash,
        Number(user.isPlatformAdmin),
        user.createdAtMs,
      );
      if (changes === 0) return false;
      for (const grant of user.grants) this.#insertGrant(user.userId, grant);
      if (user.address !== undefined) this.#noteAddress(user.userId, user.address);
      return true;
    });
    if (isNew) return;
    this.#prepare('UPDATE refused_registrations SET count = count + 1').run();
    throw new HybridStoreError('conflict', `username ${user.username} is taken`, { field: 'username' });
  }

  async userById(userId: string): Promise<UserRecord | undefined> {
    return this.#readUser('SELECT * FROM users WHERE user_id = ?', userId);
  }

  async userByName(username: string): Promise<UserRecord | undefined> {
    return this.#readUser('SELECT * FROM users WHERE name_key = ?', nameKey(username));
  }

  async setPasswordHash(userId: string, passwordHash: string): Promise<void> {
    this.#prepare('UPDATE users SET password_hash = ? WHERE user_id = ?').run(passwordHash, userId);
  }

  async changePassword(userId: string, passwordHash: string, address?: string): Promise<UserRecord> {
    return this.#transact(() => {
      this.#requireUser(userId);
      this.#prepare('UPDATE users SET password_hash = ? WHERE user_id = ?').run(passwordHash, userId);
      this.#prepare('DELETE FROM known_addresses WHERE user_id = ?').run(userId);
      if (address !== undefined) this.#noteAddress(userId, address);
      this.#startGeneration(userId);
      return this.#requireUser(userId);
    });
  }

  async hasHashOf(prefix: string): Promise<boolean> {
    return this.#get('SELECT 1 FROM users WHERE substr(password_hash, 1, ?) = ?', prefix.length, prefix) !== undefined;
  }

  async knowsAddress(userId: string, address: string): Promise<boolean> {
    return this.#addressSeenAtMs(userId, address) !== undefined;
  }

  async noteAddress(userId: string, address: string): Promise<void> {
    const seenAtMs = this.#addressSeenAtMs(userId, address);
    // An address that is used every minute is written once a day.
    if (seenAtMs !== undefined && this.#clock.now() - seenAtMs < addressRenewMs) return;
    this.#transact(() => this.#noteAddress(userId, address));
  }

  async addGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#transact(() => {
      const tenantId = tenantOfUser(this.#requireUser(userId));
      if (tenantId !== undefined && tenantId !== grant.tenantId)
        throw new HybridStoreError('conflict', `the user belongs to tenant ${tenantId}`, { tenant_id: tenantId });
      this.#insertGrant(userId, grant);
      return this.#requireUser(userId);
    });
  }

  async revokeGrant(userId: string, grant: Grant): Promise<UserRecord> {
    return this.#transact(() => {
      this.#requireUser(userId);
      const { changes } = this.#prepare(
        'DELETE FROM grants WHERE user_id = ? AND tenant_id = ? AND role = ? AND sources = ?',
      ).run(userId, grant.tenantId, grant.role, JSON.stringify(grant.sources));
      if (changes === 0)
        throw new HybridStoreError('not_found', `the user has no such grant of ${grant.role}`, { user_id: userId });
      this.#startGeneration(userId);
      return this.#requireUser(userId);
    });
  }

  async revokeAll(userId: string): Promise<UserRecord> {
    return this.#transact(() => {
      this.#requireUser(userId);
      this.#prepare('DELETE FROM grants WHERE user_id = ?').run(userId);
      this.#revoke(userId);
      return this.#requireUser(userId);
    });
  }

  async endSessions(userId: string): Promise<void> {
    this.#transact(() => {
      this.#requireUser(userId);
      this.#startGeneration(userId);
    });
  }

  async revocationsSince(timeMs: number, max: number): Promise<readonly Revocation[]> {
    this.#prepare('DELETE FROM revocations WHERE revoked_at_ms < ?').run(timeMs);
    return this.#all<RevocationRow>('SELECT * FROM revocations ORDER BY revoked_at_ms DESC, sub LIMIT ?', max).map(
      (row) => ({ sub: row.sub, generation: row.generation, revokedAtMs: row.revoked_at_ms }),
    );
  }

  async setPlatformAdministrator(userId: string): Promise<void> {
    this.#transact(() => {
      const changed = this.#all<{ user_id: string }>(
        'SELECT user_id FROM users WHERE is_platform_admin <> (user_id = ?)',
        userId,
      );
      this.#requireUser(userId);
      for (const user of changed) this.#revoke(user.user_id);
      this.#prepare(
        'UPDATE users SET is_platform_admin = (user_id = ?1) WHERE is_platform_admin <> (user_id = ?1)',
      ).run(userId);
    });
  }

  async insertKey(key: ApiKeyRecord, keysMax: number): Promise<void> {
    this.#transact(() => {
      const { count } = this.#get<{ count: number }>(
        'SELECT count(*) AS count FROM api_keys WHERE user_id = ?',
        key.userId,
      ) ?? { count: 0 };
      if (count >= keysMax)
        throw new HybridStoreError('conflict', `the user has ${keysMax} keys already`, { keys_max: keysMax });
      this.#prepare('INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
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

  async keyById(keyId: string): Promise<ApiKeyRecord | undefined> {
    const row = this.#get<KeyRow>('SELECT * FROM api_keys WHERE key_id = ?', keyId);
    return row && readKey(row);
  }

  async keysOfUser(userId: string): Promise<ApiKeyRecord[]> {
    return this.#all<KeyRow>('SELECT * FROM api_keys WHERE user_id = ? ORDER BY created_at_ms, key_id', userId).map(
      readKey,
    );
  }

  async deleteKey(userId: string, keyId: string): Promise<boolean> {
    return this.#transact(() => {
      const { changes } = this.#prepare('DELETE FROM api_keys WHERE user_id = ? AND key_id = ?').run(userId, keyId);
      if (changes === 1) this.#noteRevocation(`key:${keyId}`, 1);
      return changes === 1;
    });
  }

  async deleteKeysExpiredBefore(timeMs: number): Promise<number> {
    return Number(this.#prepare('DELETE FROM api_keys WHERE expires_at_ms < ?').run(timeMs).changes);
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #readUser(sql: string, key: string): UserRecord | undefined {
    const row = this.#get<UserRow>(sql, key);
    if (!row) return undefined;
    const grants = this.#all<GrantRow>('SELECT * FROM grants WHERE user_id = ? ORDER BY position', row.user_id);
    return {
      userId: row.user_id,
      username: row.username,
      passwordHash: row.password_hash,
      isPlatformAdmin: row.is_platform_admin === 1,
      generation: row.generation,
      createdAtMs: row.created_at_ms,
      grants: grants.map(readGrant),
    };
  }

  #requireUser(userId: string): UserRecord {
    const user = this.#readUser('SELECT * FROM users WHERE user_id = ?', userId);
    if (!user) throw new HybridStoreError('not_found', `user ${userId} does not exist`, { user_id: userId });
    return user;
  }

  #insertGrant(userId: string, grant: Grant): void {
    this.#prepare(
      `INSERT INTO grants
       SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3, ?4 FROM grants WHERE user_id = ?1
       ON CONFLICT (user_id, tenant_id, role, sources) DO NOTHING`,
    ).run(userId, grant.tenantId, grant.role, JSON.stringify(grant.sources));
  }

  #addressSeenAtMs(userId: string, address: string): number | undefined {
    const sql = 'SELECT seen_at_ms FROM known_addresses WHERE user_id = ? AND address = ?';
    return this.#get<{ seen_at_ms: number }>(sql, userId, address)?.seen_at_ms;
  }

  #noteAddress(userId: string, address: string): void {
    this.#prepare(
      `INSERT INTO known_addresses VALUES (?1, ?2, ?3)
       ON CONFLICT (user_id, address) DO UPDATE SET seen_at_ms = excluded.seen_at_ms`,
    ).run(userId, address, this.#clock.now());
    this.#prepare(
      `DELETE FROM known_addresses WHERE user_id = ?1 AND address IN (
         SELECT address FROM known_addresses WHERE user_id = ?1 ORDER BY seen_at_ms DESC, address LIMIT -1 OFFSET ?2)`,
    ).run(userId, addressesPerUserMax);
  }

  #revoke(userId: string): void {
    const keys = this.#all<{ key_id: string }>('DELETE FROM api_keys WHERE user_id = ? RETURNING key_id', userId);
    // Tokens of keys carry no generation, which counts as 0.
    for (const key of keys) this.#noteRevocation(`key:${key.key_id}`, 1);
    this.#startGeneration(userId);
  }

  #startGeneration(userId: string): void {
    this.#prepare('UPDATE users SET generation = generation + 1 WHERE user_id = ?').run(userId);
    this.#noteRevocation(`user:${userId}`, this.#requireUser(userId).generation);
  }

  #noteRevocation(sub: string, generation: number): void {
    this.#prepare(
      `INSERT INTO revocations VALUES (?1, ?2, ?3)
       ON CONFLICT (sub) DO UPDATE SET generation = ?2, revoked_at_ms = ?3`,
    ).run(sub, generation, this.#clock.now());
  }

  #transact<T>(change: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw asDatabaseError(fileName, error);
    }
  }

  #prepare(sql: string): StatementSync {
    const held = this.#statements.get(sql);
    if (held) return held;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  // The shapes of rows are those of the schema in open-users-database.ts, which is STRICT.
  #get<T>(sql: string, ...values: readonly (string | number)[]): T | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as T | undefined);
  }

  #all<T>(sql: string, ...values: readonly (string | number)[]): T[] {
    return this.#guard(() => this.#prepare(sql).all(...values) as T[]);
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw asDatabaseError(fileName, error);
    }
  }
}

type UserRow = {
  readonly user_id: string;
  readonly username: string;
  readonly password_hash: string;
  readonly is_platform_admin: number;
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
  readonly digest: Uint8Array;
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
    digest: Buffer.from(row.digest),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}
