import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import type { Expectations } from '../controller/expectations.ts';
import { isApplied } from '../kube/applied.ts';
import { isNotFound } from '../kube/errors.ts';
import { isJsonEqual } from '../kube/json.ts';
import { type KubeObject, keyOf, type ManagedFieldsEntry, type ObjectKey, type Stored } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import type { Resource } from '../kube/resource.ts';
import { buildTakeover } from './takeover.ts';
import { type ClusterView, getOrNothing, type ViewSelection } from './view.ts';

/**
 * What a reconcile writes: its children, compared before they are applied, so that an unchanged world causes no write,
 * and an edited or deleted child is put right. One field manager: what it names is repaired, what others own stays.
 *
 * One desired object with its kind.
 */
export type Child = { readonly resource: Resource; readonly object: KubeObject };

export function child<T extends KubeObject>(resource: Resource<T>, object: T | undefined): readonly Child[] {
  return object === undefined ? [] : [{ resource, object }];
}

export type ChildrenOptions = {
  readonly kube: Pick<Kube, 'fieldManager' | 'get' | 'apply' | 'mergePatch' | 'delete'>;
  readonly view: ClusterView;
  readonly expectations: Expectations;
  /** Whose reconcile writes. */
  readonly parent: ObjectKey;
  /** Uid of the parent object, when children are owned by one. */
  readonly parentUid?: string;
  /** Remembered from pass to pass; see `Compared`. */
  readonly compared?: Compared;
};

/**
 * Desired object → observed object that was found to be equal to it. Both are never changed once made, so the very pair
 * need not be compared again: that is what makes a pass over an unchanged world cheap.
 */
export type Compared = WeakMap<KubeObject, KubeObject>;

export class Children {
  readonly #options: ChildrenOptions;
  #writes = 0;

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  /** Writes of this reconcile so far. */
  get writes(): number {
    return this.#writes;
  }

  /** Applies what differs, in order: whatever a later child needs comes before it. */
  async applyAll(children: readonly Child[]): Promise<void> {
    for (const { resource, object } of children) await this.apply(resource, object);
  }

  /** Throws `conflict` with reason `NameTaken` when the name belongs to somebody else. */
  async apply<T extends KubeObject>(resource: Resource<T>, desired: T): Promise<void> {
    const key = keyOf(desired);
    // Caches hold what wears our label only, so before a creation the name itself is looked up.
    const observed =
      (await this.#options.view.get(resource, key)) ?? (await getOrNothing(this.#options.kube, resource, key));
    if (observed !== undefined) this.#requireOwn(resource, observed);
    if (observed !== undefined && this.#isApplied(desired, observed)) return;
    this.noteWrite(resource, await this.#applyForced(resource, desired, observed));
  }

  /** Takes back the fields that are named here. Where a field of somebody else's stands in the way, see takeover.ts. */
  async #applyForced<T extends KubeObject>(
    resource: Resource<T>,
    desired: T,
    observed: Stored<T> | undefined,
  ): Promise<Stored<T>> {
    const { kube } = this.#options;
    try {
      return await kube.apply(resource, desired, { force: true });
    } catch (error) {
      if (observed === undefined || !isHybridStoreError(error, 'invalid_request')) throw error;
      const takeover = buildTakeover(desired, observed, error);
      if (takeover === undefined) throw error;
      const { resourceVersion } = observed.metadata;
      const patch = { ...takeover, metadata: { resourceVersion } };
      this.noteWrite(resource, await kube.mergePatch(resource, keyOf(observed), patch));
    }
    return await kube.apply(resource, desired, { force: true });
  }

  #isApplied(desired: KubeObject, observed: Stored<KubeObject>): boolean {
    const { compared } = this.#options;
    const { fieldManager: manager } = this.#options.kube;
    const known = compared?.get(desired);
    if (known === observed) return true;
    const isEqual =
      (known !== undefined && differsInStatusOnly(known, observed, manager)) ||
      isApplied(desired, observed, { manager });
    if (isEqual) compared?.set(desired, observed);
    return isEqual;
  }

  /** Deletes what wears the labels, is this parent's, and is not wanted any more. */
  async prune(
    resources: readonly Resource[],
    selection: ViewSelection,
    wanted: readonly Child[],
    isCandidate: (labels: Readonly<Record<string, string>>) => boolean = () => true,
  ): Promise<void> {
    const kept = keptOf(wanted);
    for (const resource of resources) {
      const found = await this.#options.view.list(resource, selection);
      const unwanted = found.filter((object) => !kept.has(describe(resource, object)) && this.#isOwn(object));
      for (const object of unwanted) if (isCandidate(object.metadata.labels ?? {})) await this.remove(resource, object);
    }
  }

  /** Asks for deletion; what is gone already is fine. */
  async remove(resource: Resource, object: Stored<KubeObject>): Promise<void> {
    if (object.metadata.deletionTimestamp !== undefined) return;
    const key = keyOf(object);
    const { uid } = object.metadata;
    try {
      await this.#options.kube.delete(resource, key, { propagationPolicy: 'Background', preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#writes += 1;
    this.#options.expectations.deleted(this.#options.parent, resource, key, uid);
  }

  /** For writes that are not an apply of a whole child. */
  noteWrite(resource: Resource, written: Stored<KubeObject>): void {
    this.#writes += 1;
    this.#options.expectations.wrote(this.#options.parent, resource, written);
  }

  #requireOwn(resource: Resource, observed: Stored<KubeObject>): void {
    if (this.#isOwn(observed)) return;
    const { namespace = '', name } = observed.metadata;
    throw new HybridStoreError(
      'conflict',
      `${resource.kind} ${namespace}/${name} exists and belongs to somebody else`,
      {
        reason: 'NameTaken',
        kind: resource.kind,
        namespace,
        name,
      },
    );
  }

  /** By the controlling owner; where there is none, by the label `managed-by` with our field manager or by having applied it. */
  #isOwn(object: Stored<KubeObject>): boolean {
    const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
    if (owner !== undefined) return this.#options.parentUid === undefined || owner.uid === this.#options.parentUid;
    const { fieldManager } = this.#options.kube;
    if (object.metadata.labels?.['app.kubernetes.io/managed-by'] === fieldManager) return true;
    return findApplied(object, fieldManager).length > 0;
  }
}

/** The same list is asked about in every pass over an unchanged parent. */
function keptOf(wanted: readonly Child[]): ReadonlySet<string> {
  const kept = keptSets.get(wanted) ?? new Set(wanted.map(({ resource, object }) => describe(resource, object)));
  keptSets.set(wanted, kept);
  return kept;
}

const keptSets = new WeakMap<readonly Child[], ReadonlySet<string>>();

/** Whether all that a child should be is as it was, and this manager still owns the same of it. */
function differsInStatusOnly(before: KubeObject, after: KubeObject, manager: string): boolean {
  return isJsonEqual(desiredPart(before, manager), desiredPart(after, manager));
}

function desiredPart(object: KubeObject, manager: string): Readonly<Record<string, unknown>> {
  const { metadata, status: _status, ...desired } = object as KubeObject & { readonly status?: unknown }; // a kind may have one
  const { resourceVersion: _version, managedFields: _managed, ...identity } = metadata;
  const owned = findApplied(object, manager).map((entry) => entry.fieldsV1);
  return { ...desired, metadata: identity, owned };
}

function findApplied({ metadata }: KubeObject, manager: string): readonly ManagedFieldsEntry[] {
  return (metadata.managedFields ?? []).filter((entry) => entry.manager === manager && entry.operation === 'Apply');
}

function describe(resource: Resource, object: KubeObject): string {
  return `${resource.apiVersion}/${resource.plural}/${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
}
