import type { FieldsV1 } from '@hybridstore/controller-runtime';

/**
 * Sets of field paths, as server-side apply keeps them per manager. A set is a tree: each node says whether the path
 * itself is a member. Elements are written as in `FieldsV1`: `f:name`, `k:{"name":"a"}`, `v:"x"`, `i:0`.
 * Source: structured-merge-diff fieldpath/set.go. Sets are never changed after they are built.
 */
export type FieldSet = {
  readonly isMember: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
};

export const emptySet: FieldSet = { isMember: false, children: new Map() };

/** A set with its own path as only member: a leaf. */
export const leafSet: FieldSet = { isMember: true, children: new Map() };

export function buildSet(isMember: boolean, children: ReadonlyMap<string, FieldSet>): FieldSet {
  if (children.size === 0) return isMember ? leafSet : emptySet;
  return { isMember, children };
}

export function isEmptySet(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0;
}

export function unionSets(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptySet(right)) return left;
  if (isEmptySet(left)) return right;
  let children: Map<string, FieldSet> | undefined;
  for (const [element, child] of right.children) {
    const other = left.children.get(element);
    const both = other === undefined ? child : unionSets(other, child);
    if (both === other) continue;
    children ??= new Map(left.children);
    children.set(element, both);
  }
  const isMember = left.isMember || right.isMember;
  if (children === undefined && isMember === left.isMember) return left;
  return buildSet(isMember, children ?? left.children);
}

/**
 * Members of `left` that are not members of `right`; a member of `right` does not take its descendants along. Gives
 * `left` itself when nothing is taken from it.
 */
export function subtractSet(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmptySet(right) || isEmptySet(left)) return left;
  let children: Map<string, FieldSet> | undefined;
  for (const [element, other] of right.children) {
    const child = left.children.get(element);
    const rest = child === undefined ? undefined : subtractSet(child, other);
    if (rest === child) continue;
    children ??= new Map(left.children);
    if (rest === undefined || isEmptySet(rest)) children.delete(element);
    else children.set(element, rest);
  }
  const isMember = left.isMember && !right.isMember;
  if (children === undefined && isMember === left.isMember) return left;
  return buildSet(isMember, children ?? left.children);
}

/** Whether every member of `left` is one of `right`. */
export function isSubset(left: FieldSet, right: FieldSet): boolean {
  return isEmptySet(subtractSet(left, right));
}

export function intersectSets(left: FieldSet, right: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of left.children) {
    const other = right.children.get(element);
    if (other === undefined) continue;
    const both = intersectSets(child, other);
    if (!isEmptySet(both)) children.set(element, both);
  }
  return buildSet(left.isMember && right.isMember, children);
}

export function areSetsEqual(left: FieldSet, right: FieldSet): boolean {
  if (left === right) return true;
  if (left.isMember !== right.isMember || left.children.size !== right.children.size) return false;
  for (const [element, child] of left.children) {
    const other = right.children.get(element);
    if (other === undefined || !areSetsEqual(child, other)) return false;
  }
  return true;
}

const formatted = new WeakMap<FieldSet, FieldsV1>();

/**
 * `FieldsV1` writes a member without children as `{}` and a member with children with a `.` entry. Sets do not change, so
 * each is written once: a write that leaves a manager's fields alone does not write them anew.
 */
export function formatFieldsV1(set: FieldSet): FieldsV1 {
  const known = formatted.get(set);
  if (known !== undefined) return known;
  const fields: Record<string, FieldsV1> = {};
  if (set.isMember && set.children.size > 0) fields['.'] = {};
  for (const element of [...set.children.keys()].sort()) {
    const child = set.children.get(element);
    if (child !== undefined) fields[element] = formatFieldsV1(child);
  }
  formatted.set(set, Object.freeze(fields));
  return fields;
}

export function parseFieldsV1(fields: FieldsV1): FieldSet {
  return { isMember: false, children: parseChildren(fields) };
}

function parseChildren(fields: FieldsV1): ReadonlyMap<string, FieldSet> {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of Object.entries(fields)) {
    if (element === '.') continue;
    const grandchildren = parseChildren(child);
    children.set(element, buildSet(grandchildren.size === 0 || '.' in child, grandchildren));
  }
  return children;
}

/**
 * Paths as people read them in conflict messages: `.spec.containers[name="a"].image`. At each level the members come
 * first, then what is below, as the API server names them.
 */
export function formatMembers(set: FieldSet, prefix = ''): string[] {
  const children = [...set.children]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([element, child]) => ({ path: prefix + formatElement(element), child }));
  const members = children.filter(({ child }) => child.isMember).map(({ path }) => path);
  return [...members, ...children.flatMap(({ path, child }) => formatMembers(child, path))];
}

function formatElement(element: string): string {
  const kind = element.slice(0, 2);
  const rest = element.slice(2);
  if (kind === 'f:') return `.${rest}`;
  if (kind === 'k:') return `[${formatItemKey(JSON.parse(rest) as Readonly<Record<string, unknown>>)}]`; // we wrote it
  if (kind === 'v:') return `[=${rest}]`;
  return `[${rest}]`;
}

function formatItemKey(key: Readonly<Record<string, unknown>>): string {
  return Object.entries(key)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',');
}
