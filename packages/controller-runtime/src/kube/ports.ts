import type { ObjectReference } from './kinds.ts';
import type { KubeObject, ObjectKey, Stored } from './object.ts';
import type { Resource } from './resource.ts';

/**
 * The one door to Kubernetes. Everything a controller knows about a cluster comes and goes through `Kube`; `ApiServerKube`
 * and the embedded API server implement it, and `test/kube/port-contract.ts` holds both to the same meaning.
 *
 * Deliberately left out: strategic merge patch, JSON patch, exec, port forwarding, deletecollection.
 * Writes of desired state are server-side apply, so that two writers never undo each other silently.
 *
 * Every call may throw a HybridStoreError (see errors.ts): `not_found`, `conflict`, `invalid_request`, `forbidden`,
 * `unauthenticated`, `too_large`, `overloaded` (with retryAfterMs), `unavailable`, `deadline_exceeded`, `internal`.
 */
export interface Kube {
  /** Under which name whoever holds this port owns the fields that he writes; a write may name another. */
  readonly fieldManager: string;

  /** One object. Throws `not_found`. */
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options?: GetOptions): Promise<Stored<T>>;

  /** One page. Without `limit` the server decides the page (the embedded one answers everything). */
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<ListPage<T>>;

  /**
   * Changes after `resourceVersion`, in order, until the server ends the stream (normal: resume from the last
   * resourceVersion seen), the signal aborts (the iteration returns), or it fails. A version that is too old
   * throws an error for which `isExpired` holds: list again.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;

  /** Throws `conflict` (`isAlreadyExists`) when the name is taken. `metadata.generateName` is honoured. */
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<Stored<T>>;

  /** Replaces the object (PUT). With `metadata.resourceVersion` the write is conditional: throws `conflict`. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: UpdateOptions): Promise<Stored<T>>;

  /**
   * Server-side apply of the desired fields: creates or updates, takes away fields this manager applied before and no
   * longer names. Fields owned by others: `conflict` (`isApplyConflict`) unless `force`. An apply that changes
   * nothing leaves resourceVersion as it is.
   */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options?: ApplyOptions): Promise<Stored<T>>;

  /**
   * Server-side apply on `/status`. `object` carries apiVersion, kind, name, namespace and status. Never creates: throws
   * `not_found`.
   */
  patchStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: StatusPatch,
    options?: ApplyOptions,
  ): Promise<Stored<T>>;

  /**
   * JSON merge patch (RFC 7386): lists are replaced whole, null removes. Meant for finalizers and annotations; put
   * `metadata.resourceVersion` into the patch to make it conditional.
   */
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Readonly<Record<string, unknown>>,
    options?: UpdateOptions,
  ): Promise<Stored<T>>;

  /**
   * Asks for deletion. Objects with finalizers stay until these are gone; the answer does not wait for it.
   * Throws `not_found`, or `conflict` when a precondition fails.
   */
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<void>;

  /**
   * Records an events.k8s.io/v1 Event. Equal events (same regarding, reason, type, action, note) within a few minutes are
   * aggregated into one object's series. Events are hints for people: the caller may ignore the failure.
   */
  createEvent(event: EventInput): Promise<void>;
}

export type GetOptions = {
  readonly subresource?: 'status' | 'scale';
  readonly signal?: AbortSignal;
};

export type Selection = {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** `key=value`, `key!=value`, `key in (a,b)`, `key notin (a)`, `key`, `!key`, joined by commas. */
  readonly labelSelector?: string;
  /** `metadata.name=…`, `metadata.namespace=…`, and what the kind supports. */
  readonly fieldSelector?: string;
};

export type ListOptions = Selection & {
  readonly limit?: number;
  /** `continueToken` of the page before. */
  readonly continueToken?: string;
  readonly signal?: AbortSignal;
};

export type ListPage<T extends KubeObject> = {
  readonly items: readonly Stored<T>[];
  /** The version of the collection: where a watch starts. All pages of one list carry the same. */
  readonly resourceVersion: string;
  /** Absent on the last page. */
  readonly continueToken?: string;
};

export type WatchOptions = Selection & {
  readonly resourceVersion: string;
  /** The server ends the stream after this time. */
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
};

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored<T> }
  /** Nothing changed up to this version: a resume may start here. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export type WriteOptions = {
  /** Absent: that of the port. */
  readonly fieldManager?: string;
  /** Everything is checked and answered, nothing is stored. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
};

export type UpdateOptions = WriteOptions & {
  readonly subresource?: 'status' | 'scale';
};

export type ApplyOptions = WriteOptions & {
  /** Take fields over from other managers. */
  readonly force?: boolean;
};

/** What `patchStatus` sends. */
export type StatusPatch = KubeObject & {
  readonly status: Readonly<Record<string, unknown>>;
};

export type DeleteOptions = {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly gracePeriodSeconds?: number;
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
};

export type EventInput = {
  readonly regarding: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, at most 128 characters. */
  readonly reason: string;
  /** What was done or tried, UpperCamelCase. */
  readonly action: string;
  /** At most 1,024 bytes; longer notes are cut. */
  readonly note: string;
};

/** Reads a list to its end. The caller bounds it by the selection; a list is never longer than `itemsMax`. */
export async function listAll<T extends KubeObject>(
  kube: Pick<Kube, 'list'>,
  resource: Resource<T>,
  options: Omit<ListOptions, 'continueToken'> = {},
  itemsMax = listItemsMax,
): Promise<ListPage<T>> {
  const items: Stored<T>[] = [];
  let page = await kube.list(resource, { limit: listPageItems, ...options });
  items.push(...page.items);
  while (page.continueToken !== undefined) {
    if (items.length > itemsMax) throw new RangeError(`more than ${itemsMax} ${resource.plural} listed`);
    page = await kube.list(resource, { limit: listPageItems, ...options, continueToken: page.continueToken });
    items.push(...page.items);
  }
  return { items, resourceVersion: page.resourceVersion };
}

/** Objects asked for at once: what client-go asks for. */
export const listPageItems = 500;
/** More objects of one kind than any cluster this is meant for. */
export const listItemsMax = 200_000;
