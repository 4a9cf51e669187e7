import { type Clock, isHybridStoreError, type Logger, LruCache } from '@hybridstore/runtime';
import type { CatalogPort } from '../ports.ts';
import { type TenantKey, tenantIdOf } from '../resources/names.ts';

const repeatMs = 60_000;
export const catalogRetryMs = 5_000;
const tenantsMax = 20_000;

/** When the catalog is asked again: changes of a tenant do not hurry a catalog that is away. */
type Registration = { readonly isTaken: boolean; readonly againAtMs: number };

export type RegistrationsOptions = {
  readonly catalog: Pick<CatalogPort, 'putTenant'>;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** The catalog is a cache that finds tenants by their names as well; it must not keep a tenant from serving. */
export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #known = new LruCache<string, Registration>(tenantsMax);

  constructor(options: RegistrationsOptions) {
    this.#options = options;
  }

  /** Whether the catalog has taken the tenant. */
  async ensure(key: TenantKey, uid: string): Promise<boolean> {
    const { clock } = this.#options;
    const last = this.#known.get(uid);
    if (last !== undefined && clock.monotonicMs() < last.againAtMs) return last.isTaken;
    const isTaken = await this.#put(key);
    this.#known.set(uid, { isTaken, againAtMs: clock.monotonicMs() + (isTaken ? repeatMs : catalogRetryMs) });
    return isTaken;
  }

  async #put(key: TenantKey): Promise<boolean> {
    const { catalog, logger } = this.#options;
    try {
      await catalog.putTenant(key);
      return true;
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      logger.info('tenant_not_registered', { tenant: tenantIdOf(key), error });
      return false;
    }
  }
}
