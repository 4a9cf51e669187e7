// Values seen through their schema: which paths they have, how two of them differ, how one is merged into the other,
// and how paths are taken out. Source: structured-merge-diff typed/{tofieldset,compare,merge,remove}.go.
// Values are never changed; results share what stayed the same.

import { canonicalJson, isJsonEqual, isJsonObject, type Json, type JsonObject } from '../../json.ts';
import { anySchema, type Schema, schemaOfField, structureOf } from '../schema/schema.ts';
import { buildSet, emptySet, type FieldSet, isEmptySet, leafSet } from './field-set.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

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

interface Child {
  readonly element: string;
  readonly schema: Schema;
  readonly value: Json;
  /** An item of a list, which is a member of its own; a field of an object is only if it is a leaf. */
  readonly isItem: boolean;
}

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
  const structure = structureOf(schema, before);
  if (structure === 'leaf' || structure !== structureOf(schema, after)) return compareLeaves(before, after);
  return compareChildren(childrenOf(schema, before), childrenOf(schema, after));
}

const sameComparison: Comparison = { added: emptySet, modified: emptySet, removed: emptySet };

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

/** `config` laid over `live`: maps are united, keyed lists and sets united item by item, everything else replaced. */
export function mergeValues(schema: Schema, live: Json | undefined, config: Json): Json {
  if (live === undefined) return config;
  const structure = structureOf(schema, config);
  if (structure === 'leaf' || structure !== structureOf(schema, live)) return config;
  if (Array.isArray(config)) return mergeLists(schema, live as readonly Json[], config); // same structure
  return mergeMaps(schema, live as JsonObject, config as JsonObject); // same structure
}

function mergeMaps(schema: Schema, live: JsonObject, config: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...live };
  for (const [name, value] of Object.entries(config)) {
    merged[name] = mergeValues(schemaOfField(schema, name) ?? anySchema, live[name], value);
  }
  return merged;
}

/** Items keep the order of `config`; items only `live` has stay before the item they stood before. */
function mergeLists(schema: Schema, live: readonly Json[], config: readonly Json[]): readonly Json[] {
  const items = schema.items ?? anySchema;
  const wanted = new Set(config.map((item) => elementOfItem(schema, item)));
  const present = new Map(live.map((item) => [elementOfItem(schema, item), item]));
  const merged: Json[] = [];
  let position = 0;
  const takeForeign = () => {
    while (position < live.length && !wanted.has(elementOfItem(schema, live[position] ?? null)))
      merged.push(live[position++] ?? null);
  };
  for (const item of config) {
    takeForeign();
    if (position < live.length) position += 1;
    merged.push(mergeValues(items, present.get(elementOfItem(schema, item)), item));
  }
  for (; position < live.length; position += 1) takeForeign();
  return merged;
}

/** The value without the members of `set`. A map or list that loses its last child goes too. */
export function removeMembers(schema: Schema, value: Json, set: FieldSet): Json | undefined {
  if (isEmptySet(set) || structureOf(schema, value) === 'leaf') return value;
  const kept = childrenOf(schema, value).flatMap((child) => {
    const under = set.children.get(child.element);
    if (under === undefined) return [child];
    if (under.isMember) return [];
    const rest = removeMembers(child.schema, child.value, under);
    return rest === undefined ? [] : [{ ...child, value: rest }];
  });
  return rebuild(value, kept);
}

function rebuild(value: Json, kept: readonly Child[]): Json | undefined {
  const sizeBefore = Array.isArray(value) ? value.length : Object.keys(value as JsonObject).length; // not a leaf
  if (kept.length === 0 && sizeBefore > 0) return undefined;
  if (Array.isArray(value)) return kept.map((child) => child.value);
  return Object.fromEntries(kept.map((child) => [child.element.slice(2), child.value]));
}
