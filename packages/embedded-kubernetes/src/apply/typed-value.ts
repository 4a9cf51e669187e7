import { canonicalJson, isJsonEqual, isJsonObject, type Json, type JsonObject } from '@hybridstore/controller-runtime';
import { anySchema, type Schema, schemaOfField, structureOf } from '../schema/schema.ts';
import { buildSet, emptySet, type FieldSet, isEmptySet, leafSet } from './field-set.ts';

/**
 * Values seen through their schema: which paths they have, how two of them differ, how one is merged into the other,
 * and how paths are taken out. Source: structured-merge-diff typed/{tofieldset,compare,merge,remove}.go.
 * Values are never changed; results share what stayed the same.
 */
export type Comparison = {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
};

/** The paths a manager owns who applies this value. */
export function toFieldSet(schema: Schema, value: Json): FieldSet {
  const structure = structureOf(schema, value);
  if (structure === 'leaf') return leafSet;
  const children = new Map<string, FieldSet>();
  for (const child of childrenOf(schema, value)) {
    const set = toFieldSet(child.schema, child.value);
    const isMember = set.isMember || child.isItem || isEmptyMap(child.value);
    if (isMember || set.children.size > 0) children.set(child.element, buildSet(isMember, set.children));
  }
  return buildSet(false, children);
}

function isEmptyMap(value: Json): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}

type Child = {
  readonly element: string;
  readonly schema: Schema;
  readonly value: Json;
  /** An item of a list, which is a member of its own; a field of an object is only if it is a leaf. */
  readonly isItem: boolean;
};

function childrenOf(schema: Schema, value: Json): Child[] {
  if (Array.isArray(value)) return value.map((item: Json) => toItem(schema, item));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([name, field]) => ({
    element: `f:${name}`,
    schema: schemaOfField(schema, name) ?? anySchema,
    value: field,
    isItem: false,
  }));
}

function toItem(schema: Schema, item: Json): Child {
  return { element: elementOfItem(schema, item), schema: schema.items ?? anySchema, value: item, isItem: true };
}

/** The path element of a list item: its merge keys, or the value itself in a set. */
export function elementOfItem(schema: Schema, item: Json): string {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (keys === undefined || !isJsonObject(item)) return `v:${canonicalJson(item)}`;
  const key: Record<string, Json> = {};
  for (const name of keys) {
    const value = item[name] ?? schema.items?.properties?.[name]?.default;
    if (value !== undefined) key[name] = value;
  }
  return `k:${canonicalJson(key)}`;
}

/** What changed from `before` to `after`. An added or removed subtree is named with all its paths. */
export function compareValues(schema: Schema, before: Json | undefined, after: Json | undefined): Comparison {
  if (before === after) return sameComparison;
  if (before === undefined) return { ...sameComparison, added: toWholeSet(schema, after ?? null) };
  if (after === undefined) return { ...sameComparison, removed: toWholeSet(schema, before) };
  if (areLeaves(schema, before, after)) return compareLeaves(before, after);
  return compareChildren(childrenOf(schema, before), childrenOf(schema, after));
}

const sameComparison: Comparison = { added: emptySet, modified: emptySet, removed: emptySet };

/** Whether two values are compared and merged as wholes. Null stands for an empty map or list beside a filled one. */
function areLeaves(schema: Schema, left: Json, right: Json): boolean {
  if (isEmpty(left) && isEmpty(right)) return true;
  const structure = structureOf(schema, left ?? right);
  return structure === 'leaf' || structure !== structureOf(schema, right ?? left);
}

function isEmpty(value: Json): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function compareLeaves(before: Json, after: Json): Comparison {
  return isJsonEqual(before, after) ? sameComparison : { ...sameComparison, modified: leafSet };
}

function compareChildren(before: readonly Child[], after: readonly Child[]): Comparison {
  const old = new Map(before.map((child) => [child.element, child]));
  const added = new Map<string, FieldSet>();
  const modified = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  const note = (element: string, comparison: Comparison) => {
    if (!isEmptySet(comparison.added)) added.set(element, comparison.added);
    if (!isEmptySet(comparison.modified)) modified.set(element, comparison.modified);
    if (!isEmptySet(comparison.removed)) removed.set(element, comparison.removed);
  };
  for (const child of after) {
    note(child.element, compareValues(child.schema, old.get(child.element)?.value, child.value));
    old.delete(child.element);
  }
  for (const child of old.values()) note(child.element, compareValues(child.schema, child.value, undefined));
  return { added: buildSet(false, added), modified: buildSet(false, modified), removed: buildSet(false, removed) };
}

/** Every path of a value, inner nodes included. */
function toWholeSet(schema: Schema, value: Json): FieldSet {
  if (structureOf(schema, value) === 'leaf') return leafSet;
  const children = childrenOf(schema, value).map(
    (child) => [child.element, toWholeSet(child.schema, child.value)] as const,
  );
  return buildSet(true, new Map(children));
}

/**
 * `config` laid over `live`: maps are united, keyed lists and sets united item by item, everything else replaced. What
 * comes out as it was is the very value of `live`.
 */
export function mergeValues(schema: Schema, live: Json | undefined, config: Json): Json {
  if (live === undefined) return config;
  if (areLeaves(schema, live, config)) return isJsonEqual(live, config) ? live : config;
  // Both are of one structure now, or one of them is null.
  if (Array.isArray(config ?? live))
    return mergeLists(schema, (live ?? []) as readonly Json[], (config ?? []) as readonly Json[]);
  return mergeMaps(schema, (live ?? {}) as JsonObject, (config ?? {}) as JsonObject);
}

function mergeMaps(schema: Schema, live: JsonObject, config: JsonObject): JsonObject {
  let merged: Record<string, Json> | undefined;
  for (const name of Object.keys(config)) {
    const before = live[name];
    const after = mergeValues(schemaOfField(schema, name) ?? anySchema, before, config[name] ?? null);
    if (after === before) continue;
    merged ??= { ...live };
    merged[name] = after;
  }
  return merged ?? live;
}

/**
 * Items of `config` keep its order. Items that only `live` has stay behind the shared item they stood behind, as far as
 * the order of the shared items allows. Source: structured-merge-diff typed/merge.go visitListItems.
 */
function mergeLists(schema: Schema, live: readonly Json[], config: readonly Json[]): readonly Json[] {
  const present = indexItems(schema, live);
  const desired = indexItems(schema, config);
  const shared = [...desired.keys()].filter((element) => present.has(element));
  const merged: Json[] = [];
  const left = [...present.keys()];
  const taken = new Set<string>();
  const takeDesired = (element: string) => {
    merged.push(mergeValues(schema.items ?? anySchema, present.get(element), desired.get(element) ?? null));
    taken.add(element);
    if (shared[0] === element) shared.shift();
  };
  for (const element of desired.keys()) {
    takeForeign(left, element, { desired, shared, taken, take: (other) => merged.push(present.get(other) ?? null) });
    takeDesired(element);
    if (left[0] === element) left.shift();
  }
  for (const element of left) if (!desired.has(element)) merged.push(present.get(element) ?? null);
  const isSame = merged.length === live.length && merged.every((item, index) => item === live[index]);
  return isSame ? live : merged;
}

type MergeState = {
  readonly desired: ReadonlyMap<string, Json>;
  /** Items of both that are still to come, in the order of `config`. */
  readonly shared: readonly string[];
  readonly taken: ReadonlySet<string>;
  readonly take: (element: string) => void;
};

/** Before the next desired item: what only `live` has, up to the next item of `live` that is desired and waited for. */
function takeForeign(left: string[], element: string, { desired, shared, taken, take }: MergeState): void {
  for (let next = left[0]; next !== undefined && next !== element; next = left[0]) {
    if (!desired.has(next)) take(next);
    else if (!taken.has(next) && (shared[0] === undefined || shared[0] === next)) return;
    left.shift();
  }
}

function indexItems(schema: Schema, items: readonly Json[]): ReadonlyMap<string, Json> {
  return new Map(items.map((item) => [elementOfItem(schema, item), item]));
}

/**
 * The value without the members of `set`. A map or list whose last child goes is null then: that is what the API server
 * makes of it, and refuses where null is not allowed.
 */
export function removeMembers(schema: Schema, value: Json, set: FieldSet): Json {
  if (isEmptySet(set) || isEmpty(value) || structureOf(schema, value) === 'leaf') return value;
  const kept = childrenOf(schema, value).flatMap((child) => {
    const under = set.children.get(child.element);
    if (under === undefined) return [child];
    return under.isMember ? [] : [{ ...child, value: removeMembers(child.schema, child.value, under) }];
  });
  if (kept.length === 0) return null;
  if (Array.isArray(value)) return kept.map((child) => child.value);
  return Object.fromEntries(kept.map((child) => [child.element.slice(2), child.value]));
}

/** The set in which each declared field that leads to a member is a member too, so that no empty shell of it stays. */
export function ensureNamedFields(schema: Schema, set: FieldSet): FieldSet {
  if (set.children.size === 0) return set;
  const children = new Map<string, FieldSet>();
  for (const [element, child] of set.children) {
    const name = element.startsWith('f:') ? element.slice(2) : undefined;
    const below = name === undefined ? schema.items : schemaOfField(schema, name);
    const isNamed = name !== undefined && schema.properties !== undefined && Object.hasOwn(schema.properties, name);
    const ensured = ensureNamedFields(below ?? anySchema, child);
    children.set(element, buildSet(ensured.isMember || isNamed, ensured.children));
  }
  return buildSet(set.isMember, children);
}
