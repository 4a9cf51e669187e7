import { canonicalQuantity, isJsonObject, type Json, type JsonObject } from '@hybridstore/controller-runtime';
import { childPath, itemPath } from './field-error.ts';
import { anySchema, type Schema, schemaOfField } from './schema.ts';

/**
 * What can be said of an object by its structure alone: fields nobody declared, values of the wrong JSON type, defaults.
 */
export type ShapeProblem = {
  readonly kind: 'unknown-field' | 'wrong-type';
  /** `spec.containers[0].image`. */
  readonly path: string;
  readonly expected?: string;
  readonly actual?: string;
};

/** Deeper values are refused: no kind needs them, and recursion must end. */
export const depthMax = 64;
/** More problems than anyone reads; the walk stops there. */
const problemsMax = 32;

/** Fields that are not declared and values of the wrong type, in the order of the object. */
export function findShapeProblems(schema: Schema, value: Json): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  visit({ schema, value, path: '', depth: 0 }, problems);
  return problems;
}

type Visited = {
  readonly schema: Schema;
  readonly value: Json;
  readonly path: string;
  readonly depth: number;
};

function visit(visited: Visited, problems: ShapeProblem[]): void {
  if (problems.length >= problemsMax) return;
  const expected = expectedType(visited);
  if (expected !== undefined) {
    problems.push({ kind: 'wrong-type', path: visited.path, expected, actual: typeOf(visited.value) });
  } else if (Array.isArray(visited.value)) {
    visitItems(visited, visited.value, problems);
  } else if (isJsonObject(visited.value)) {
    visitFields(visited, visited.value, problems);
  }
}

function visitItems(visited: Visited, items: readonly Json[], problems: ShapeProblem[]): void {
  const schema = visited.schema.items;
  if (schema === undefined) return;
  items.forEach((value, index) => {
    visit({ schema, value, path: itemPath(visited.path, index), depth: visited.depth + 1 }, problems);
  });
}

function visitFields(visited: Visited, value: JsonObject, problems: ShapeProblem[]): void {
  for (const [name, field] of Object.entries(value)) {
    const path = childPath(visited.path, name);
    const schema = schemaOfField(visited.schema, name);
    if (schema !== undefined) visit({ schema, value: field, path, depth: visited.depth + 1 }, problems);
    else if (problems.length < problemsMax) problems.push({ kind: 'unknown-field', path });
  }
}

/** The type that was expected where the value is of another one; undefined when the value fits. */
function expectedType({ schema, value, depth }: Visited): string | undefined {
  if (depth > depthMax) return `at most ${depthMax} levels`;
  if (value === null) return undefined; // null stands for absent; `nullable` is judged with the values
  if (schema['x-kubernetes-int-or-string'] === true) return isIntOrString(value) ? undefined : 'integer or string';
  if (schema.type === undefined || isOfType(schema.type, value)) return undefined;
  return schema.type;
}

function isIntOrString(value: Json): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

function isOfType(type: NonNullable<Schema['type']>, value: Json): boolean {
  switch (type) {
    case 'object':
      return isJsonObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

export function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

const settled = new WeakMap<object, Schema>();

/**
 * Notes that each field of this object is complete and valid where it stands, so that a write which leaves a field as it
 * is need not walk it again. The caller guarantees that nobody changes the object any more. A definition that changes
 * has other schemas, and so judges everything anew.
 */
export function markSettled(schema: Schema, object: JsonObject): void {
  for (const name of Object.keys(object)) {
    const field = object[name];
    const declared = schemaOfField(schema, name);
    if (declared !== undefined && typeof field === 'object' && field !== null) settled.set(field, declared);
  }
}

export function isSettled(schema: Schema, value: object): boolean {
  return settled.get(value) === schema;
}

/**
 * The value as it is stored: defaults where a field is absent, or null without leave, and amounts in their canonical
 * form. Shares what needs neither.
 */
export function withDefaults(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : shareItems(value, (item) => withDefaults(items, item));
  }
  if (isJsonObject(value)) return fillFields(schema, value);
  return schema.format === 'quantity' && value !== null ? canonicalQuantity(String(value)) : value;
}

function fillFields(schema: Schema, value: JsonObject): JsonObject {
  if (isSettled(schema, value)) return value;
  let changes: Record<string, Json> | undefined;
  for (const name of Object.keys(value)) {
    const declared = schemaOfField(schema, name);
    if (declared === undefined) continue;
    const field = value[name] ?? null;
    const next =
      field === null && declared.nullable !== true ? (declared.default ?? null) : withDefaults(declared, field);
    if (next === field) continue;
    changes ??= { ...value };
    changes[name] = next;
  }
  for (const [name, declared] of defaultsOf(schema)) {
    if (name in value) continue;
    changes ??= { ...value };
    changes[name] = withDefaults(declared, declared.default ?? null);
  }
  return changes ?? value;
}

const defaultsBySchema = new WeakMap<Schema, readonly (readonly [string, Schema])[]>();

/** The declared fields with a default. Schemas are never changed once they are in use. */
function defaultsOf(schema: Schema): readonly (readonly [string, Schema])[] {
  const known = defaultsBySchema.get(schema);
  if (known !== undefined) return known;
  const found = Object.entries(schema.properties ?? {}).filter(([, declared]) => declared.default !== undefined);
  defaultsBySchema.set(schema, found);
  return found;
}

/** Nulls say nothing where they are not allowed; those that a default will replace stay. Shares what has none. */
export function withoutNulls(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) {
    const items = schema.items ?? anySchema;
    return shareItems(value, (item) => withoutNulls(items, item));
  }
  if (!isJsonObject(value) || isSettled(schema, value)) return value;
  let changes: Record<string, Json> | undefined;
  for (const name of Object.keys(value)) {
    const field = value[name] ?? null;
    const declared = schemaOfField(schema, name) ?? anySchema;
    const isIdle = field === null && declared.nullable !== true && declared.default === undefined;
    const next = isIdle ? undefined : withoutNulls(declared, field);
    if (next === field) continue;
    changes ??= { ...value };
    if (next === undefined) delete changes[name];
    else changes[name] = next;
  }
  return changes ?? value;
}

/** Paths of required fields that are absent: for built-in kinds, whose values nothing else checks. */
export function findMissingFields(schema: Schema, value: Json): string[] {
  const missing: string[] = [];
  collectMissing(schema, value, '', missing);
  return missing;
}

function collectMissing(schema: Schema, value: Json, path: string, missing: string[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item: Json, index) => {
      if (isContainer(item)) collectMissing(items, item, itemPath(path, index), missing);
    });
    return;
  }
  if (!isJsonObject(value) || isSettled(schema, value)) return;
  for (const name of schema.required ?? []) if (value[name] === undefined) missing.push(childPath(path, name));
  for (const name of Object.keys(value)) {
    const field = value[name] ?? null;
    const declared = isContainer(field) ? schemaOfField(schema, name) : undefined;
    if (declared !== undefined) collectMissing(declared, field, childPath(path, name), missing);
  }
}

function isContainer(value: Json): boolean {
  return typeof value === 'object' && value !== null;
}

/** The list with each item replaced; the very list when each stayed what it was. */
function shareItems(items: readonly Json[], replace: (item: Json) => Json): readonly Json[] {
  let changed: Json[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index] ?? null;
    const next = replace(item);
    if (next === item) continue;
    changed ??= [...items];
    changed[index] = next;
  }
  return changed ?? items;
}
