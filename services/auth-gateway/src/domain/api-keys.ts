import {
  type ApiKeyCreated,
  type ApiKeyRequest,
  firstUncovered,
  intersectPermissions,
  type Permission,
  type TokenClaims,
} from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import { userIdOfClaims } from './administration.ts';
import { generateKey, keyIdOf, matchesDigest } from './api-key.ts';
import type { ApiKeyRecord, RandomSource, UserStore } from './ports.ts';
import { permissionsInTenant } from './user.ts';

const keysPerUserMax = 100;
const daysDefault = 90;
const dayMs = 86_400_000;
const permissionTextBytesMax = 4_096;

/** What a key may do now, and until when it holds. */
export type KeyPrincipal = {
  readonly keyId: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly permissions: readonly Permission[];
  readonly expiresAtMs: number;
  /** Of the maker when he was looked at: what he loses later he loses with a newer one. */
  readonly makerGeneration: number;
};

export type ApiKeySummary = {
  readonly key_id: string;
  readonly name: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly permissions: Permission[];
};

/** Keys for programs: made by users for themselves, never stronger than their maker. */
export class ApiKeys {
  readonly #store: UserStore;
  readonly #clock: Clock;
  readonly #random: RandomSource;

  constructor(store: UserStore, clock: Clock, random: RandomSource) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
  }

  /** The only answer that ever holds the key. */
  async create(claims: TokenClaims, request: ApiKeyRequest): Promise<ApiKeyCreated> {
    const userId = requireUser(claims);
    const permissions = choosePermissions(claims, request.permissions);
    const tenantId = claims.tenant;
    if (tenantId === undefined) throw new HybridStoreError('forbidden', 'the token belongs to no tenant');
    const now = this.#clock.now();
    const { keyId, text, digest } = generateKey(this.#random);
    const expiresAtMs = now + (request.expires_in_days ?? daysDefault) * dayMs;
    const { name } = request;
    await this.#store.deleteKeysExpiredBefore(now);
    await this.#store.insertKey(
      { keyId, userId, name, tenantId, permissions, digest, createdAtMs: now, expiresAtMs },
      keysPerUserMax,
    );
    return { key_id: keyId, name, key: text, expires_at: new Date(expiresAtMs).toISOString() };
  }

  async list(claims: TokenClaims): Promise<ApiKeySummary[]> {
    const keys = await this.#store.keysOfUser(requireUser(claims));
    return keys.filter((key) => key.expiresAtMs > this.#clock.now()).map(describeKey);
  }

  /** `not_found` when the caller has no such key: of foreign keys nothing is shown. */
  async revoke(claims: TokenClaims, keyId: string): Promise<void> {
    if (!(await this.#store.deleteKey(requireUser(claims), keyId)))
      throw new HybridStoreError('not_found', `key ${keyId} does not exist`, { key_id: keyId });
  }

  /** Who presents this key. `unauthenticated` when it is unknown, wrong, expired or revoked. */
  async identify(text: string): Promise<KeyPrincipal> {
    const keyId = keyIdOf(text);
    const key = keyId === undefined ? undefined : await this.#store.keyById(keyId);
    if (!key || !matchesDigest(text, key.digest) || key.expiresAtMs <= this.#clock.now())
      throw new HybridStoreError('unauthenticated', 'the API key is unknown, expired or revoked');
    return this.#describePrincipal(key);
  }

  async exists(keyId: string): Promise<boolean> {
    const key = await this.#store.keyById(keyId);
    return key !== undefined && key.expiresAtMs > this.#clock.now();
  }

  /** A maker who has lost a permission takes it from his keys. */
  async #describePrincipal(key: ApiKeyRecord): Promise<KeyPrincipal> {
    const maker = await this.#store.userById(key.userId);
    const held = maker ? permissionsInTenant(maker, key.tenantId) : [];
    return {
      keyId: key.keyId,
      userId: key.userId,
      tenantId: key.tenantId,
      permissions: intersectPermissions(held, key.permissions),
      expiresAtMs: key.expiresAtMs,
      makerGeneration: maker?.generation ?? 0,
    };
  }
}

/** A key cannot make, see or revoke keys: a stolen one would outlive its revocation. */
function requireUser(claims: TokenClaims): string {
  const userId = userIdOfClaims(claims);
  if (userId === undefined) throw new HybridStoreError('forbidden', 'only users may handle API keys');
  return userId;
}

function choosePermissions(claims: TokenClaims, asked: readonly Permission[] | undefined): readonly Permission[] {
  const held = claims.permissions ?? [];
  const permissions = asked ?? held;
  const beyond = firstUncovered(held, permissions);
  if (beyond)
    throw new HybridStoreError(
      'forbidden',
      `permissions: the token itself may not ${beyond.action} source ${beyond.source}`,
      { field: 'permissions', action: beyond.action, source: beyond.source },
    );
  if (permissions.length === 0)
    throw new HybridStoreError('forbidden', 'permissions: there is none that the key could have', {
      field: 'permissions',
    });
  if (JSON.stringify(permissions).length > permissionTextBytesMax)
    throw new HybridStoreError('invalid_request', `permissions: expected at most ${permissionTextBytesMax} bytes`, {
      field: 'permissions',
    });
  return permissions;
}

function describeKey(key: ApiKeyRecord): ApiKeySummary {
  return {
    key_id: key.keyId,
    name: key.name,
    created_at: new Date(key.createdAtMs).toISOString(),
    expires_at: new Date(key.expiresAtMs).toISOString(),
    permissions: [...key.permissions],
  };
}
