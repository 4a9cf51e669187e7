import {
  getOrNothing,
  isAlreadyExists,
  type Kube,
  type ObjectKey,
  type Secret,
  type Stored,
  secrets,
} from '@hybridstore/controller-runtime';
import { type Clock, HybridStoreError, LruCache } from '@hybridstore/runtime';
import { managedBy, managedByLabel } from '../resources/labels.ts';
import { type TenantKey, tenantKeysSecretName } from '../resources/names.ts';
import { buildTenantKeysSecret, encodeSecret } from '../resources/secret.ts';

/** How long a deleted or edited Secret may stay so. */
const checkedMsMax = 60_000;
const namespacesMax = 20_000;

type SecretPort = Pick<Kube, 'get' | 'create' | 'mergePatch' | 'delete'>;

/** What a namespace's Secret held when it was last seen. */
type Seen = { readonly atMs: number; readonly data: Readonly<Record<string, string>> };

/**
 * Keeps the signing secrets of tenants in one Secret for each namespace, an entry for each tenant. It is read by its name,
 * which is all that the operator's role lets it read, and once in a while for all tenants of the namespace together.
 * Entries are patched one by one, so that passes over several tenants never undo each other.
 */
export class SecretKeeper {
  readonly #kube: SecretPort;
  readonly #clock: Clock;
  readonly #seen = new LruCache<string, Seen>(namespacesMax);

  constructor(kube: SecretPort, clock: Clock) {
    this.#kube = kube;
    this.#clock = clock;
  }

  /** Throws `conflict` with reason `NameTaken` when somebody else has a Secret of that name. */
  async ensure(tenant: TenantKey, secret: string): Promise<void> {
    const seen = this.#seen.get(tenant.namespace);
    const value = encodeSecret(secret);
    const isFresh = seen !== undefined && this.#clock.monotonicMs() - seen.atMs < checkedMsMax;
    if (isFresh && seen.data[tenant.name] === value) return;
    const stored = requireOurs(await this.#getOrCreate(tenant, secret));
    const isRight = stored.data?.[tenant.name] === value;
    this.#note(isRight ? stored : await this.#patch(tenant, value));
  }

  /** Takes a tenant's entry out, and with the last one the Secret itself. What is gone already is fine. */
  async remove(tenant: TenantKey): Promise<void> {
    const key = keyOfSecret(tenant);
    const stored = await getOrNothing(this.#kube, secrets, key);
    if (stored?.data?.[tenant.name] === undefined || !isOurs(stored)) return;
    this.#seen.delete(tenant.namespace);
    if (Object.keys(stored.data).length > 1) {
      await this.#patch(tenant, null);
      return;
    }
    // Another tenant's entry may have come meanwhile: then this is a conflict, and the next pass sees both.
    const { uid, resourceVersion } = stored.metadata;
    await this.#kube.delete(secrets, key, { preconditions: { uid, resourceVersion } });
  }

  #patch(tenant: TenantKey, value: string | null): Promise<Stored<Secret>> {
    return this.#kube.mergePatch(secrets, keyOfSecret(tenant), { data: { [tenant.name]: value } });
  }

  async #getOrCreate(tenant: TenantKey, secret: string): Promise<Stored<Secret>> {
    const key = keyOfSecret(tenant);
    const stored = await getOrNothing(this.#kube, secrets, key);
    if (stored !== undefined) return stored;
    try {
      return await this.#kube.create(secrets, buildTenantKeysSecret(tenant, secret));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return await this.#kube.get(secrets, key);
    }
  }

  #note({ metadata, data = {} }: Stored<Secret>): void {
    this.#seen.set(metadata.namespace ?? '', { atMs: this.#clock.monotonicMs(), data });
  }
}

function keyOfSecret({ namespace }: TenantKey): ObjectKey {
  return { namespace, name: tenantKeysSecretName };
}

function isOurs({ metadata }: Stored<Secret>): boolean {
  return metadata.labels?.[managedByLabel] === managedBy;
}

function requireOurs(stored: Stored<Secret>): Stored<Secret> {
  if (isOurs(stored)) return stored;
  const { namespace = '', name } = stored.metadata;
  throw new HybridStoreError('conflict', `Secret ${namespace}/${name} exists and belongs to somebody else`, {
    reason: 'NameTaken',
    kind: 'Secret',
    namespace,
    name,
  });
}
