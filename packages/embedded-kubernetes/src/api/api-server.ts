import type { KubeObject, ObjectKey, ObjectMeta, Stored } from '@hybridstore/controller-runtime';
import {
  type ApplyOptions,
  type CustomResourceDefinition,
  customResourceDefinitions,
  type DeleteOptions,
  type EventInput,
  EventRecorder,
  events,
  formatGroupResource,
  formatTime,
  type GetOptions,
  isJsonEqual,
  isJsonObject,
  type JsonObject,
  type Kube,
  kubeError,
  type ListOptions,
  type ListPage,
  namespaces,
  parseApiVersion,
  type Resource,
  type Scale,
  type StatusPatch,
  type UpdateOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from '@hybridstore/controller-runtime';
import type { Clock } from '@hybridstore/runtime';
import { applyJsonPatch } from '../apply/json-patch.ts';
import type { Manager } from '../apply/server-side-apply.ts';
import { applyStrategicMergePatch } from '../apply/strategic-merge-patch.ts';
import { builtInSchema } from '../schema/built-in-schemas.ts';
import { buildObjectTest } from '../selectors.ts';
import type { JournalRecord } from '../storage/journal.ts';
import { ObjectStore, type ObjectStoreOptions } from '../storage/object-store.ts';
import { collectionOf, type Kind } from './kind.ts';
import { KindRegistry } from './kind-registry.ts';
import { ListPages } from './list-pages.ts';
import { readScale, withScale } from './scale.ts';
import { WatchStream } from './watch-stream.ts';
import { buildApplied, buildCreated, buildReapplied, buildUpdated, type WriteRequest } from './write-object.ts';

/**
 * The embedded API server: the port `Kube` over an object store in memory, with the meaning of the real one. What the
 * two disagree on is a bug here. Each write is computed and stored in one turn of the event loop; the answer waits until
 * the journal has it on disk.
 *
 * Deliberately left out: authorization, admission webhooks, quota and limit enforcement, several API versions per kind.
 */
export type EmbeddedApiServerOptions = ObjectStoreOptions & {
  readonly clock: Clock;
  /** Who writes when a call names nobody. */
  readonly fieldManager: string;
  /** Who reports Events, as `example.com/operator`; the field manager without one. */
  readonly reportingController?: string;
  /** In [0, 1): uids and generated names. */
  readonly random?: () => number;
  readonly bookmarkIntervalMs?: number;
  /** What the journal held at start. */
  readonly records?: readonly JournalRecord[];
};

const bookmarkIntervalMsDefault = 60_000;
const watchTimeoutSecondsDefault = 1_800;
/** Source: etcd's request limit, which bounds objects on a real cluster. */
const objectBytesMax = 1_572_864;
/** Events are for people who look soon; the oldest go first. */
const eventsMax = 2_000;
const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const nameSuffixLength = 5;

type Target = { readonly kind: Kind; readonly collection: string; readonly key: ObjectKey };

export class EmbeddedApiServer implements Kube {
  readonly fieldManager: string;
  /** By which everything here is dated. */
  readonly clock: Clock;
  readonly registry = new KindRegistry();
  readonly store: ObjectStore;
  readonly #random: () => number;
  readonly #bookmarkIntervalMs: number;
  readonly #pages = new ListPages();
  readonly #recorder: EventRecorder;

  constructor(options: EmbeddedApiServerOptions) {
    this.store = new ObjectStore(options);
    this.fieldManager = options.fieldManager;
    this.clock = options.clock;
    this.#random = options.random ?? Math.random;
    this.#bookmarkIntervalMs = options.bookmarkIntervalMs ?? bookmarkIntervalMsDefault;
    this.#recorder = new EventRecorder({
      kube: this,
      clock: this.clock,
      random: this.#random,
      controller: options.reportingController ?? options.fieldManager,
      instance: options.fieldManager,
    });
    this.#restore(options.records ?? []);
    for (const name of permanentNamespaces) this.#ensureNamespace(name);
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options: GetOptions = {}): Promise<Stored<T>> {
    const target = this.#target(resource, key);
    const object = this.#read(target);
    return (options.subresource === 'scale' ? readScale(target.kind, object) : object) as Stored<T>; // the resource names the type
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ListPage<T>> {
    const page = this.#pages.list(options, () => this.#select(resource, options), this.store.revision);
    return page as ListPage<T>; // the resource names the type
  }

  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const kind = this.registry.find(resource);
    const open = () =>
      new WatchStream({
        store: this.store,
        collection: collectionOf(kind.resource),
        revision: parseVersion(options.resourceVersion),
        isSelected: selectionTest(options),
        clock: this.clock,
        bookmarkIntervalMs: this.#bookmarkIntervalMs,
        timeoutMs: (options.timeoutSeconds ?? watchTimeoutSecondsDefault) * 1_000,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    return { [Symbol.asyncIterator]: () => open() as AsyncIterator<WatchEvent<T>> }; // the resource names the type
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<Stored<T>> {
    const named = this.#withName(detach(object));
    const target = this.#target(resource, readKey(resource, named), named);
    if (this.#find(target) !== undefined) throw alreadyExists(target);
    this.#assertNamespace(target);
    const created = buildCreated(this.#request(target.kind, this.#updater(options)), named, this.#newUid());
    return this.#commit<T>(target, created, undefined, options);
  }

  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: UpdateOptions = {},
  ): Promise<Stored<T>> {
    const input = detach(object);
    const isScale = options.subresource === 'scale';
    const target = this.#target(resource, readKey(resource, input), isScale ? undefined : input);
    const live = this.#read(target);
    assertVersion(target, live, input.metadata.resourceVersion);
    const next = isScale ? withScale(target.kind, live, input as Scale) : input; // what the endpoint takes
    return this.#write<T>(target, live, next, options);
  }

  async apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions = {}): Promise<Stored<T>> {
    const config = detach(object);
    const target = this.#target(resource, readKey(resource, config), config);
    const request = this.#request(target.kind, {
      manager: options.fieldManager ?? this.fieldManager,
      operation: 'Apply',
    });
    const live = this.#find(target);
    if (live === undefined) {
      this.#assertNamespace(target);
      return this.#commit<T>(target, buildApplied(request, config, this.#newUid()), undefined, options);
    }
    assertVersion(target, live, config.metadata.resourceVersion);
    return this.#commit<T>(target, buildReapplied(request, live, config, options.force ?? false), live, options);
  }

  async patchStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: StatusPatch,
    options: ApplyOptions = {},
  ): Promise<Stored<T>> {
    const config = detach(object);
    const target = this.#target(resource, readKey(resource, config), config);
    const live = this.#read(target);
    this.#assertStatus(target.kind);
    assertVersion(target, live, config.metadata.resourceVersion);
    const writer: Manager = {
      manager: options.fieldManager ?? this.fieldManager,
      operation: 'Apply',
      subresource: 'status',
    };
    const request: WriteRequest = { ...this.#request(target.kind, writer), subresource: 'status' };
    return this.#commit<T>(target, buildReapplied(request, live, config, options.force ?? false), live, options);
  }

  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Readonly<Record<string, unknown>>,
    options: UpdateOptions = {},
  ): Promise<Stored<T>> {
    return this.#patch(resource, key, options, (before) => mergeJson(before, detach(patch) as JsonObject)); // a JSON object
  }

  /** Of built-in kinds only: which lists merge by which key is not part of the schema of a custom resource. */
  async strategicMergePatch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: JsonObject,
    options: UpdateOptions = {},
  ): Promise<Stored<T>> {
    const { schema, isCustom } = this.registry.find(resource);
    if (isCustom) throw unsupportedPatch(resource);
    const patched = options.subresource === 'scale' ? builtInSchema('V1Scale') : schema;
    return this.#patch(resource, key, options, (before) => applyStrategicMergePatch(patched, before, patch));
  }

  /** RFC 6902: all operations of the list, or none. */
  async jsonPatch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    operations: readonly unknown[],
    options: UpdateOptions = {},
  ): Promise<Stored<T>> {
    return this.#patch(resource, key, options, (before) => applyJsonPatch(before, operations));
  }

  async delete(resource: Resource, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const target = this.#target(resource, key);
    const live = this.#read(target);
    assertPreconditions(target, live, options);
    if (options.dryRun === true) return;
    if (target.collection === namespaceCollection && permanentNamespaces.includes(key.name)) throw permanent(key.name);
    this.#markForDeletion(target, live, options);
    await this.store.flushed();
  }

  createEvent(event: EventInput): Promise<void> {
    return this.#recorder.record(event);
  }

  async #patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: UpdateOptions,
    change: (before: JsonObject) => JsonObject,
  ): Promise<Stored<T>> {
    const target = this.#target(resource, key);
    const live = this.#read(target);
    const isScale = options.subresource === 'scale';
    const before = isScale ? readScale(target.kind, live) : live;
    const patched = detach(change(before as unknown as JsonObject)) as unknown as KubeObject; // objects are JSON
    assertIdentity(target, patched, isScale);
    assertVersion(target, live, patched.metadata.resourceVersion);
    return this.#write<T>(target, live, isScale ? withScale(target.kind, live, patched as Scale) : patched, options); // as above
  }

  async #write<T extends KubeObject>(
    target: Target,
    live: Stored<KubeObject>,
    input: KubeObject,
    options: UpdateOptions,
  ): Promise<Stored<T>> {
    const { subresource } = options;
    if (subresource === 'status') this.#assertStatus(target.kind);
    const writer: Manager = { ...this.#updater(options), ...(subresource === undefined ? {} : { subresource }) };
    const request: WriteRequest = {
      ...this.#request(target.kind, writer),
      ...(subresource === 'status' ? { subresource } : {}),
    };
    const stored = await this.#commit<KubeObject>(target, buildUpdated(request, live, input), live, options);
    return (subresource === 'scale' ? readScale(target.kind, stored) : stored) as Stored<T>; // the resource names the type
  }

  /** Stores the next state, or answers the live one when nothing changes; ends a deletion whose last finalizer went. */
  async #commit<T extends KubeObject>(
    target: Target,
    next: KubeObject | undefined,
    live: Stored<KubeObject> | undefined,
    options: WriteOptions,
  ): Promise<Stored<T>> {
    if (next === undefined || options.dryRun === true) return (next ?? live) as Stored<T>; // an update without change has a live state
    if (target.collection === definitionCollection) this.registry.register(next as CustomResourceDefinition); // refuses before storing
    let stored = this.store.put(target.collection, next);
    if (isDeletionDone(stored)) stored = this.#remove(target) ?? stored;
    if (target.collection === eventCollection) this.#trimEvents();
    await this.store.flushed();
    return stored as Stored<T>; // the resource names the type
  }

  #markForDeletion(target: Target, live: Stored<KubeObject>, options: DeleteOptions): void {
    const marked = buildMarked(live, options, this.clock.now());
    if (marked === undefined) this.#remove(target);
    else if (!isJsonEqual(marked, live)) this.store.put(target.collection, marked);
    if (target.collection === namespaceCollection) this.#emptyNamespace(target.key.name);
  }

  #remove(target: Target): Stored<KubeObject> | undefined {
    if (target.collection === definitionCollection) this.#removeInstances(target.key.name);
    const removed = this.store.remove(target.collection, target.key);
    if (target.key.namespace !== undefined) this.#finishNamespace(target.key.namespace);
    return removed;
  }

  /** What finalizers or graceful ends hold goes later, and the namespace with the last of it. */
  #emptyNamespace(name: string): void {
    for (const object of this.store.collections().flatMap((collection) => this.store.list(collection, name))) {
      const kind = this.registry.findByKind(object.apiVersion, object.kind);
      if (kind !== undefined)
        this.#markForDeletion({ kind, collection: collectionOf(kind.resource), key: keyOfStored(object) }, object, {});
    }
    this.#finishNamespace(name);
  }

  #finishNamespace(name: string): void {
    const { deletionTimestamp } = this.store.get(namespaceCollection, { name })?.metadata ?? {};
    if (deletionTimestamp === undefined) return;
    const isEmpty = this.store.collections().every((collection) => this.store.list(collection, name).length === 0);
    if (isEmpty) this.store.remove(namespaceCollection, { name });
  }

  /** A definition takes its objects along. */
  #removeInstances(definitionName: string): void {
    for (const collection of this.registry.unregister(definitionName)) {
      for (const object of this.store.list(collection)) this.store.remove(collection, keyOfStored(object));
    }
  }

  #trimEvents(): void {
    if (this.store.size(eventCollection) <= eventsMax) return;
    const [oldest] = this.store.list(eventCollection);
    if (oldest !== undefined) this.store.remove(eventCollection, keyOfStored(oldest));
  }

  #select(resource: Resource, options: ListOptions): Stored<KubeObject>[] {
    const kind = this.registry.find(resource);
    const objects = this.store.list(collectionOf(kind.resource), options.namespace);
    const isSelected = buildObjectTest(options);
    return sortByKey(isSelected === undefined ? objects : objects.filter(isSelected));
  }

  #target(resource: Resource, key: ObjectKey, object?: KubeObject): Target {
    const kind = this.registry.find(resource);
    if (
      object !== undefined &&
      (object.apiVersion !== kind.resource.apiVersion || object.kind !== kind.resource.kind)
    ) {
      throw badRequest(
        `${object.apiVersion}, Kind=${object.kind} does not match the expected ${kind.resource.apiVersion}, Kind=${kind.resource.kind}`,
      );
    }
    if (kind.resource.namespaced && (key.namespace ?? '') === '')
      throw badRequest('an empty namespace may not be set when a resource name is provided');
    const stored = kind.resource.namespaced ? key : { name: key.name };
    return { kind, collection: collectionOf(kind.resource), key: stored };
  }

  #find(target: Target): Stored<KubeObject> | undefined {
    return this.store.get(target.collection, target.key);
  }

  #read(target: Target): Stored<KubeObject> {
    const object = this.#find(target);
    if (object === undefined) throw notFound(target);
    return object;
  }

  #updater({ fieldManager = this.fieldManager }: WriteOptions): Manager {
    return { manager: fieldManager, operation: 'Update' };
  }

  #request(kind: Kind, writer: Manager): WriteRequest {
    return { kind, writer, time: formatTime(this.clock.now()) };
  }

  #assertStatus(kind: Kind): void {
    if (!kind.hasStatus)
      throw kubeError({
        reason: 'NotFound',
        message: `${formatGroupResource(kind.resource)} has no status subresource`,
      });
  }

  #assertNamespace({ key }: Target): void {
    if (key.namespace === undefined) return;
    const namespace = this.store.get(collectionOf(namespaces), { name: key.namespace });
    if (namespace === undefined)
      throw kubeError({ reason: 'NotFound', message: `namespaces ${JSON.stringify(key.namespace)} not found` });
    if (namespace.metadata.deletionTimestamp === undefined) return;
    const message = `unable to create new content in namespace ${key.namespace} because it is being terminated`;
    throw kubeError({ reason: 'Forbidden', message });
  }

  #ensureNamespace(name: string): void {
    const target = this.#target(namespaces, { name });
    if (this.#find(target) !== undefined) return;
    const object: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    this.store.put(
      target.collection,
      buildCreated(
        this.#request(target.kind, { manager: 'kube-apiserver', operation: 'Update' }),
        object,
        this.#newUid(),
      ),
    );
  }

  #restore(records: readonly JournalRecord[]): void {
    this.store.restore(records);
    for (const definition of this.store.list(definitionCollection))
      this.registry.register(definition as CustomResourceDefinition); // of its collection
    // A deletion that a restart cut short goes on.
    const terminating = this.store
      .list(namespaceCollection)
      .filter((namespace) => namespace.metadata.deletionTimestamp !== undefined);
    for (const namespace of terminating) this.#emptyNamespace(namespace.metadata.name);
  }

  #withName<T extends KubeObject>(object: T): T {
    const { name, generateName } = object.metadata;
    if ((name ?? '') !== '' || generateName === undefined) return object;
    const suffix = Array.from(
      { length: nameSuffixLength },
      () => nameAlphabet[Math.floor(this.#random() * nameAlphabet.length)],
    );
    return { ...object, metadata: { ...object.metadata, name: generateName + suffix.join('') } };
  }

  /** A version 4 UUID from the injected randomness. */
  #newUid(): string {
    const digits = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16));
    digits[12] = 4;
    digits[16] = 8 | ((digits[16] ?? 0) & 3);
    const text = digits.map((digit) => digit.toString(16)).join('');
    return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
  }
}

const definitionCollection = collectionOf(customResourceDefinitions);
const eventCollection = collectionOf(events);
const namespaceCollection = collectionOf(namespaces);
/** Source: the NamespaceLifecycle admission of the real API server. */
const permanentNamespaces: readonly string[] = ['default', 'kube-system'];

function permanent(name: string) {
  return kubeError({
    reason: 'Forbidden',
    message: `namespaces ${JSON.stringify(name)} is forbidden: this namespace may not be deleted`,
  });
}

/** A copy that shares nothing with the caller and holds JSON only, as if it had come over the wire. */
function detach<T>(object: T): T {
  const text = JSON.stringify(object);
  if (text.length > objectBytesMax)
    throw kubeError({
      reason: 'RequestEntityTooLarge',
      message: `object of ${text.length} bytes; at most ${objectBytesMax} are stored`,
    });
  const copy: unknown = JSON.parse(text);
  if (!isJsonObject(copy)) throw badRequest('expected a JSON object');
  return copy as unknown as T; // a JSON copy of what was given
}

function readKey(resource: Resource, object: KubeObject): ObjectKey {
  const metadata: ObjectMeta | undefined = object.metadata; // a foreign client may have sent none
  if (metadata === undefined || metadata === null) throw badRequest('metadata: expected an object');
  const { name = '', namespace } = metadata;
  if (name === '') throw badRequest('name or generateName is required');
  return resource.namespaced && namespace !== undefined ? { namespace, name } : { name };
}

function keyOfStored({ metadata: { name, namespace } }: Stored<KubeObject>): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}

/** By namespace and name as one text: the order in which etcd keeps them. */
function sortByKey(objects: readonly Stored<KubeObject>[]): Stored<KubeObject>[] {
  const keyed = objects.map(
    (object) => [`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object] as const,
  );
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

function selectionTest(options: WatchOptions) {
  const hasSelectors = buildObjectTest(options);
  const { namespace } = options;
  if (namespace === undefined) return hasSelectors;
  return (object: KubeObject) => object.metadata.namespace === namespace && (hasSelectors?.(object) ?? true);
}

function parseVersion(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(`invalid resource version ${JSON.stringify(text)}`);
}

/** JSON merge patch, RFC 7386. */
function mergeJson(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    const before = target[name];
    if (value === null) delete merged[name];
    else merged[name] = isJsonObject(value) ? mergeJson(isJsonObject(before) ? before : {}, value) : value;
  }
  return merged as JsonObject; // built of JSON
}

function assertIdentity(target: Target, patched: KubeObject, isScale: boolean): void {
  const metadata: unknown = patched.metadata; // a patch may have left anything
  if (!isJsonObject(metadata)) throw badRequest('metadata: expected an object');
  const { name, namespace } = metadata;
  const isKind =
    isScale || (patched.kind === target.kind.resource.kind && patched.apiVersion === target.kind.resource.apiVersion);
  if (isKind && name === target.key.name && namespace === target.key.namespace) return;
  throw badRequest('the patch may not change apiVersion, kind, name or namespace');
}

/** Source of the words: apiserver pkg/endpoints/handlers/negotiation/errors.go. */
function unsupportedPatch(resource: Resource) {
  const accepted = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}; ${formatGroupResource(resource)} is a custom resource, which takes no application/strategic-merge-patch+json`;
  return kubeError({ reason: 'UnsupportedMediaType', message });
}

function assertVersion(target: Target, live: Stored<KubeObject>, wanted: string | undefined): void {
  if (wanted === undefined || wanted === '' || wanted === live.metadata.resourceVersion) return;
  throw conflict(target, 'the object has been modified; please apply your changes to the latest version and try again');
}

/** Source of the words: apiserver pkg/registry/generic/registry/store.go. */
function assertPreconditions(target: Target, live: Stored<KubeObject>, { preconditions = {} }: DeleteOptions): void {
  const { uid, resourceVersion } = live.metadata;
  if (preconditions.uid !== undefined && preconditions.uid !== uid) {
    throw conflict(
      target,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (preconditions.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion) {
    throw conflict(
      target,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

const podGraceSecondsDefault = 30;

/** The object marked for deletion, or undefined when nothing holds it and it goes at once. */
function buildMarked(live: Stored<KubeObject>, options: DeleteOptions, nowMs: number): KubeObject | undefined {
  const finalizers = finalizersFor(live.metadata.finalizers ?? [], options.propagationPolicy);
  const graceSeconds = graceSecondsOf(live, options.gracePeriodSeconds);
  if (finalizers.length === 0 && graceSeconds === 0 && live.kind !== 'Namespace') return undefined;
  const since = live.metadata.deletionTimestamp;
  const isShorter = graceSeconds < (live.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY);
  if (since !== undefined && !isShorter) return withFinalizers(live, finalizers);
  const metadata = {
    ...live.metadata,
    deletionTimestamp: formatTime(nowMs + graceSeconds * 1_000),
    deletionGracePeriodSeconds: graceSeconds,
    ...(live.metadata.generation === undefined
      ? {}
      : { generation: live.metadata.generation + (since === undefined ? 1 : 0) }),
  };
  const terminating = live.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : {};
  return withFinalizers({ ...live, ...terminating, metadata }, finalizers);
}

function withFinalizers(object: KubeObject, finalizers: readonly string[]): KubeObject {
  return finalizers.length === 0 ? object : { ...object, metadata: { ...object.metadata, finalizers } };
}

function finalizersFor(finalizers: readonly string[], policy: DeleteOptions['propagationPolicy']): readonly string[] {
  const added = policy === 'Foreground' ? 'foregroundDeletion' : policy === 'Orphan' ? 'orphan' : undefined;
  return added === undefined || finalizers.includes(added) ? finalizers : [...finalizers, added];
}

/** Only pods that run somewhere end gracefully: their kubelet deletes them for good. */
function graceSecondsOf(live: KubeObject, wanted: number | undefined): number {
  if (live.kind !== 'Pod') return 0;
  const { spec } = live as {
    readonly spec?: { readonly nodeName?: string; readonly terminationGracePeriodSeconds?: number };
  };
  if (spec?.nodeName === undefined) return 0;
  return wanted ?? spec.terminationGracePeriodSeconds ?? podGraceSecondsDefault;
}

/** Pods go when their kubelet says so, namespaces when they are empty, everything else with the last finalizer. */
function isDeletionDone({ kind, metadata }: Stored<KubeObject>): boolean {
  if (metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0) return false;
  return kind !== 'Namespace' && (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function targetOf({ kind, key }: Target) {
  const { group } = parseApiVersion(kind.resource.apiVersion);
  return { name: key.name, kind: kind.resource.plural, ...(group === '' ? {} : { group }) };
}

function notFound(target: Target) {
  const message = `${formatGroupResource(target.kind.resource)} ${JSON.stringify(target.key.name)} not found`;
  return kubeError({ reason: 'NotFound', message, target: targetOf(target) });
}

function alreadyExists(target: Target) {
  const message = `${formatGroupResource(target.kind.resource)} ${JSON.stringify(target.key.name)} already exists`;
  return kubeError({ reason: 'AlreadyExists', message, target: targetOf(target) });
}

function conflict(target: Target, why: string) {
  const message = `Operation cannot be fulfilled on ${formatGroupResource(target.kind.resource)} ${JSON.stringify(target.key.name)}: ${why}`;
  return kubeError({ reason: 'Conflict', message, target: targetOf(target) });
}

function badRequest(message: string) {
  return kubeError({ reason: 'BadRequest', message });
}
