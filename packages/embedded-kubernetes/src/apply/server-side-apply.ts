import type { JsonObject, ManagedFieldsEntry } from '@hybridstore/controller-runtime';
import type { Schema } from '../schema/schema.ts';
import {
  areSetsEqual,
  buildSet,
  emptySet,
  type FieldSet,
  formatFieldsV1,
  formatMembers,
  intersectSets,
  isEmptySet,
  isSubset,
  parseFieldsV1,
  subtractSet,
  unionSets,
} from './field-set.ts';
import {
  type Comparison,
  compareValues,
  ensureNamedFields,
  mergeValues,
  removeMembers,
  toFieldSet,
} from './typed-value.ts';

/**
 * Server-side apply: whose fields are whose, and what an apply or another write makes of that.
 * Source: structured-merge-diff merge/update.go; apimachinery managedfields. One API version per kind, so nothing is
 * converted between versions.
 *
 *   apply:  merged = live + config;  pruned = merged − (what this manager applied before and no longer names,
 *           unless another applier names it);  conflict = others' fields that change
 *   update: the writer takes over what it changed; others lose what was changed or removed
 */
export type Manager = {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource?: string;
};

export type ManagedSet = Manager & {
  readonly apiVersion: string;
  readonly time?: string;
  readonly set: FieldSet;
};

export type FieldConflict = {
  readonly manager: ManagedSet;
  /** Paths such as `.spec.replicas`. */
  readonly paths: readonly string[];
};

export type WriteContext = {
  readonly schema: Schema;
  readonly writer: Manager;
  readonly apiVersion: string;
  /** RFC 3339, for entries that change. */
  readonly time: string;
};

export type ApplyResult = {
  readonly object: JsonObject;
  readonly managers: readonly ManagedSet[];
  readonly conflicts: readonly FieldConflict[];
};

/** Lays `config` over `live`. With conflicts the caller refuses or, when forced, takes the result as it is. */
export function applyConfig(
  context: WriteContext,
  live: JsonObject | undefined,
  config: JsonObject,
  managers: readonly ManagedSet[],
): ApplyResult {
  const { schema } = context;
  const last = findManager(managers, context.writer)?.set ?? emptySet;
  const desired = toFieldSet(schema, config);
  const others = managers.filter((managed) => !isSameManager(managed, context.writer));
  const merged = mergeValues(schema, live, config) as JsonObject; // two maps give a map
  const object = prune(schema, merged, { last, desired, others });
  const comparison = compareValues(schema, live, object);
  const changed = unionSets(comparison.modified, comparison.added);
  return {
    object,
    managers: withManager(loseFields(others, comparison), context, desired, managers),
    conflicts: live === undefined ? [] : findConflicts(others, changed),
  };
}

type PruneSets = {
  readonly last: FieldSet;
  readonly desired: FieldSet;
  readonly others: readonly ManagedSet[];
};

/** Takes out what was applied before and is desired no more, and by no other manager. */
function prune(schema: Schema, merged: JsonObject, { last, desired, others }: PruneSets): JsonObject {
  if (isSubset(last, desired)) return merged;
  const ensure = (set: FieldSet) => ensureNamedFields(schema, set);
  const mergedSet = ensure(toFieldSet(schema, merged));
  const withoutLast = ensure(toFieldSet(schema, removeMembers(schema, merged, ensure(last))));
  const managed = ensure(others.reduce((all, other) => unionSets(all, other.set), desired));
  const restored = removeMembers(schema, merged, subtractSet(mergedSet, unionSets(withoutLast, managed)));
  const dropped = intersectSets(subtractSet(mergedSet, ensure(toFieldSet(schema, restored))), ensure(last));
  return (removeMembers(schema, merged, dropped) ?? {}) as JsonObject; // a map stays a map
}

/** Who owns what after a write that is not an apply. */
export function trackUpdate(
  context: WriteContext,
  before: JsonObject | undefined,
  after: JsonObject,
  managers: readonly ManagedSet[],
): readonly ManagedSet[] {
  const comparison = compareValues(context.schema, before ?? {}, after);
  const others = managers.filter((managed) => !isSameManager(managed, context.writer));
  const own = findManager(managers, context.writer)?.set ?? emptySet;
  const taken = unionSets(own, unionSets(comparison.modified, comparison.added));
  return withManager(
    loseFields(others, comparison),
    context,
    stripMetadata(subtractSet(taken, comparison.removed)),
    managers,
  );
}

/** That there is metadata is nobody's merit. Source: apimachinery managedfields/internal/stripmeta.go. */
function stripMetadata(set: FieldSet): FieldSet {
  const metadata = set.children.get('f:metadata');
  if (metadata === undefined || !metadata.isMember) return set;
  const children = new Map(set.children);
  if (metadata.children.size === 0) children.delete('f:metadata');
  else children.set('f:metadata', buildSet(false, metadata.children));
  return buildSet(set.isMember, children);
}

function loseFields(managers: readonly ManagedSet[], { modified, added, removed }: Comparison): ManagedSet[] {
  const lost = unionSets(unionSets(modified, added), removed);
  if (isEmptySet(lost)) return [...managers];
  return managers
    .map((managed) => {
      const set = subtractSet(managed.set, lost);
      return set === managed.set ? managed : { ...managed, set };
    })
    .filter((managed) => !isEmptySet(managed.set));
}

/** In the order of the managers' names, as the API server names them. */
function findConflicts(others: readonly ManagedSet[], changed: FieldSet): FieldConflict[] {
  return others.toSorted(byName).flatMap((manager) => {
    const both = intersectSets(manager.set, changed);
    return isEmptySet(both) ? [] : [{ manager, paths: formatMembers(both) }];
  });
}

function byName(left: Manager, right: Manager): number {
  const [a, b] = [left, right].map(({ manager, operation }) => JSON.stringify([manager, operation]));
  return (a ?? '') < (b ?? '') ? -1 : 1;
}

/** The entry keeps its time while its set stays the same: otherwise no write would ever change nothing. */
function withManager(
  others: readonly ManagedSet[],
  context: WriteContext,
  set: FieldSet,
  before: readonly ManagedSet[],
): ManagedSet[] {
  if (isEmptySet(set)) return [...others];
  const old = findManager(before, context.writer);
  const isUnchanged = old !== undefined && old.apiVersion === context.apiVersion && areSetsEqual(old.set, set);
  const entry = isUnchanged ? old : { ...context.writer, apiVersion: context.apiVersion, time: context.time, set };
  const position = before.findIndex((managed) => isSameManager(managed, context.writer));
  if (position < 0) return [...others, entry];
  return [...others.slice(0, position), entry, ...others.slice(position)];
}

function findManager(managers: readonly ManagedSet[], writer: Manager): ManagedSet | undefined {
  return managers.find((managed) => isSameManager(managed, writer));
}

function isSameManager(left: Manager, right: Manager): boolean {
  return left.manager === right.manager && left.operation === right.operation && left.subresource === right.subresource;
}

export function areManagersEqual(left: readonly ManagedSet[], right: readonly ManagedSet[]): boolean {
  return left.length === right.length && left.every((managed, index) => isSameEntry(managed, right[index]));
}

function isSameEntry(left: ManagedSet, right: ManagedSet | undefined): boolean {
  if (right === undefined) return false;
  return (
    left === right ||
    (isSameManager(left, right) && left.apiVersion === right.apiVersion && areSetsEqual(left.set, right.set))
  );
}

export function parseManagedFields(entries: readonly ManagedFieldsEntry[]): ManagedSet[] {
  return entries.map(({ manager, operation, apiVersion, subresource, time, fieldsV1 }) => ({
    manager,
    operation,
    apiVersion,
    ...(subresource === undefined ? {} : { subresource }),
    ...(time === undefined ? {} : { time }),
    set: parseFieldsV1(fieldsV1),
  }));
}

export function formatManagedFields(managers: readonly ManagedSet[]): ManagedFieldsEntry[] {
  return managers.map(({ manager, operation, apiVersion, subresource, time, set }) => ({
    apiVersion,
    fieldsType: 'FieldsV1' as const,
    fieldsV1: formatFieldsV1(set),
    manager,
    operation,
    ...(subresource === undefined ? {} : { subresource }),
    ...(time === undefined ? {} : { time }),
  }));
}
