import {
  deepFreeze,
  formatKey,
  type KubeObject,
  keyOf,
  type ObjectKey,
  type Stored,
} from '@hybridstore/controller-runtime';
import type { Journal, JournalRecord } from './journal.ts';

/**
 * The objects of the embedded API server, their versions and their recent history. One counter numbers every change of
 * every kind, as etcd's revision does. Objects are frozen: a reader may keep what it got.
 *
 *   put/remove → revision + 1 → object map, history window of the kind, live watchers, journal
 *
 * A write is visible at once and durable when `flushed()` resolves; the API answers after that.
 */
export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

export type Change = {
  readonly revision: number;
  readonly type: ChangeType;
  /** For DELETED: the last state, carrying the revision of the deletion. */
  readonly object: Stored<KubeObject>;
  /** The state before; absent for ADDED. Selectors decide with it whether an object left or entered the selection. */
  readonly previous?: Stored<KubeObject>;
};

export type ChangeListener = (change: Change) => void;

type Collection = {
  readonly objects: Map<string, Stored<KubeObject>>;
  readonly history: Change[];
  readonly listeners: Set<ChangeListener>;
  /** Changes up to this revision are no longer in the history. */
  forgottenRevision: number;
};

export type ObjectStoreOptions = {
  readonly journal?: Journal;
  readonly historyChangesMax?: number;
};

/** Changes kept per kind for watches that resume: some minutes of a busy platform. */
export const historyChangesMaxDefault = 4_096;

export class ObjectStore {
  readonly #collections = new Map<string, Collection>();
  readonly #journal: Journal | undefined;
  readonly #historyChangesMax: number;
  #revision = 0;

  constructor(options: ObjectStoreOptions = {}) {
    this.#journal = options.journal;
    this.#historyChangesMax = options.historyChangesMax ?? historyChangesMaxDefault;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Takes over what the journal holds. History before a restart is not known: old watches have to list again. */
  restore(records: readonly JournalRecord[]): void {
    for (const record of records) {
      this.#revision = Math.max(this.#revision, record.revision);
      const { objects } = this.#collection(record.collection);
      if (record.object === undefined) objects.delete(record.key);
      else objects.set(record.key, deepFreeze(record.object));
    }
    for (const collection of this.#collections.values()) collection.forgottenRevision = this.#revision;
  }

  get(collection: string, key: ObjectKey): Stored<KubeObject> | undefined {
    return this.#collection(collection).objects.get(formatKey(key));
  }

  /** In the order of creation. */
  list(collection: string, namespace?: string): Stored<KubeObject>[] {
    const all = [...this.#collection(collection).objects.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  size(collection: string): number {
    return this.#collection(collection).objects.size;
  }

  collections(): readonly string[] {
    return [...this.#collections.keys()];
  }

  /** Stores a new state under the next revision. */
  put(collectionName: string, object: KubeObject): Stored<KubeObject> {
    const collection = this.#collection(collectionName);
    const key = formatKey(keyOf(object));
    const previous = collection.objects.get(key);
    const stored = this.#stamp(object);
    collection.objects.set(key, stored);
    this.#journal?.append({ revision: this.#revision, collection: collectionName, key, object: stored });
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.#publish(collection, {
      revision: this.#revision,
      type,
      object: stored,
      ...(previous === undefined ? {} : { previous }),
    });
    return stored;
  }

  remove(collectionName: string, key: ObjectKey): Stored<KubeObject> | undefined {
    const collection = this.#collection(collectionName);
    const text = formatKey(key);
    const previous = collection.objects.get(text);
    if (previous === undefined) return undefined;
    collection.objects.delete(text);
    const last = this.#stamp(previous);
    this.#journal?.append({ revision: this.#revision, collection: collectionName, key: text });
    this.#publish(collection, { revision: this.#revision, type: 'DELETED', object: last, previous });
    return last;
  }

  /** Changes after `revision`, or undefined when the window no longer reaches that far back. */
  changesSince(collectionName: string, revision: number): readonly Change[] | undefined {
    const collection = this.#collection(collectionName);
    if (revision < collection.forgottenRevision) return undefined;
    return collection.history.filter((change) => change.revision > revision);
  }

  /** Calls for each change, inside the write: the listener must be quick and must not throw. */
  subscribe(collectionName: string, listener: ChangeListener): () => void {
    const { listeners } = this.#collection(collectionName);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Resolves when everything written so far is on disk. */
  flushed(): Promise<void> {
    return this.#journal?.flushed() ?? Promise.resolve();
  }

  /** Forgets the history, as a compaction of etcd does: watches from older revisions end as expired. */
  compactHistory(): void {
    for (const collection of this.#collections.values()) {
      collection.history.length = 0;
      collection.forgottenRevision = this.#revision;
    }
  }

  #stamp(object: KubeObject): Stored<KubeObject> {
    this.#revision += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#revision) };
    return deepFreeze({ ...object, metadata }) as Stored<KubeObject>; // the API layer set name and uid
  }

  #publish(collection: Collection, change: Change): void {
    collection.history.push(change);
    if (collection.history.length > this.#historyChangesMax * 2) this.#trim(collection);
    for (const listener of [...collection.listeners]) listener(change);
  }

  /** In halves, so that the cost of moving the rest is spread over as many writes. */
  #trim(collection: Collection): void {
    const dropped = collection.history.splice(0, collection.history.length - this.#historyChangesMax);
    collection.forgottenRevision = dropped.at(-1)?.revision ?? collection.forgottenRevision;
  }

  #collection(name: string): Collection {
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const collection: Collection = { objects: new Map(), history: [], listeners: new Set(), forgottenRevision: 0 };
    this.#collections.set(name, collection);
    return collection;
  }
}
