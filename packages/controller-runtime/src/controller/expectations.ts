import type { Clock } from '@hybridstore/runtime';
import { formatKey, type KubeObject, type ObjectKey, type Stored } from '../kube/object.ts';
import type { Resource } from '../kube/resource.ts';
import type { ObjectCache } from './object-cache.ts';

/**
 * A controller never acts on a cache that does not show its own last write yet: it would create twice, or scale on a
 * count of the past. After each write of a child the controller notes the version it got; until the cache of that kind
 * has reached it, the key waits. Resource versions of one server are increasing integers (guaranteed since Kubernetes
 * 1.35, true before); an expectation that cannot be judged, or that nothing meets, ends after five minutes.
 *
 * Source: client-go `ExpectationsTimeout`.
 */
export const expectationMsMax = 300_000;

type Expectation = {
  readonly expiresMs: number;
  readonly isMet: () => boolean;
};

export class Expectations {
  readonly #clock: Clock;
  readonly #caches: (resource: Resource) => ObjectCache<KubeObject> | undefined;
  readonly #pending = new Map<string, Map<string, Expectation>>();

  /** `caches` gives the cache that decisions read for a kind; kinds without one are not waited for. */
  constructor(clock: Clock, caches: (resource: Resource) => ObjectCache<KubeObject> | undefined) {
    this.#clock = clock;
    this.#caches = caches;
  }

  /** The controller of `owner` wrote this object. */
  wrote(owner: ObjectKey, resource: Resource, object: Stored<KubeObject>): void {
    const cache = this.#caches(resource);
    const { namespace, resourceVersion } = object.metadata;
    const wanted = toVersion(resourceVersion);
    if (cache === undefined || wanted === undefined) return;
    this.#expect(
      owner,
      describe(resource, object.metadata),
      () => (toVersion(cache.versionOf(namespace)) ?? 0n) >= wanted,
    );
  }

  /** The controller of `owner` deleted this object: its cache must show it gone, replaced or going. */
  deleted(owner: ObjectKey, resource: Resource, key: ObjectKey, uid: string): void {
    const cache = this.#caches(resource);
    if (cache === undefined) return;
    this.#expect(owner, describe(resource, key), () => {
      const seen = cache.get(key);
      return seen === undefined || seen.metadata.uid !== uid || seen.metadata.deletionTimestamp !== undefined;
    });
  }

  /** Whether the caches show every write of this owner's controller. */
  isSatisfied(owner: ObjectKey): boolean {
    const ownerKey = formatKey(owner);
    const pending = this.#pending.get(ownerKey);
    if (pending === undefined) return true;
    const nowMs = this.#clock.monotonicMs();
    for (const [id, { expiresMs, isMet }] of pending) if (nowMs >= expiresMs || isMet()) pending.delete(id);
    if (pending.size === 0) this.#pending.delete(ownerKey);
    return pending.size === 0;
  }

  /** The owner is gone. */
  forget(owner: ObjectKey): void {
    this.#pending.delete(formatKey(owner));
  }

  /** A later write of the same object replaces what was expected of it. */
  #expect(owner: ObjectKey, id: string, isMet: () => boolean): void {
    const ownerKey = formatKey(owner);
    const pending = this.#pending.get(ownerKey) ?? new Map<string, Expectation>();
    pending.set(id, { expiresMs: this.#clock.monotonicMs() + expectationMsMax, isMet });
    this.#pending.set(ownerKey, pending);
  }
}

function describe(
  resource: Resource,
  { name = '', namespace = '' }: { readonly name?: string; readonly namespace?: string },
): string {
  return `${resource.apiVersion}/${resource.plural}/${namespace}/${name}`;
}

function toVersion(text: string): bigint | undefined {
  return /^\d+$/.test(text) ? BigInt(text) : undefined;
}
