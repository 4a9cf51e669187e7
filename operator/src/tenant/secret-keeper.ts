import { getOrNothing, type Kube, keyOf, type Secret, secrets } from '@hybridstore/controller-runtime';
import { type Clock, LruCache } from '@hybridstore/runtime';
import { readSigningSecret } from '../resources/secret.ts';

/** How long a deleted Secret may stay away. */
const checkedMsMax = 60_000;
const tenantsMax = 20_000;

/** Secrets are neither listed nor watched: each is read by its name, and at most once in a while. */
export class SecretKeeper {
  readonly #kube: Pick<Kube, 'get' | 'create' | 'delete'>;
  readonly #clock: Clock;
  /** Uid of a Tenant → when its Secret was last seen as it should be. */
  readonly #checkedAtMs = new LruCache<string, number>(tenantsMax);

  constructor(kube: Pick<Kube, 'get' | 'create' | 'delete'>, clock: Clock) {
    this.#kube = kube;
    this.#clock = clock;
  }

  async ensure(uid: string, build: () => Secret): Promise<void> {
    const checkedAtMs = this.#checkedAtMs.get(uid);
    if (checkedAtMs !== undefined && this.#clock.monotonicMs() - checkedAtMs < checkedMsMax) return;
    await this.#replaceWrong(build());
    this.#checkedAtMs.set(uid, this.#clock.monotonicMs());
  }

  /** It cannot be edited, so a wrong one (of a former Tenant of this name, or somebody's) makes way first. */
  async #replaceWrong(desired: Secret): Promise<void> {
    const stored = await getOrNothing(this.#kube, secrets, keyOf(desired));
    if (stored !== undefined && readSigningSecret(stored) === readSigningSecret(desired)) return;
    if (stored !== undefined)
      await this.#kube.delete(secrets, keyOf(stored), { preconditions: { uid: stored.metadata.uid } });
    await this.#kube.create(secrets, desired);
  }
}
