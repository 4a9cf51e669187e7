// What can be said of an object by its structure alone: fields nobody declared, values of the wrong JSON type, defaults.

import { isJsonObject, type Json, type JsonObject } from '../../json.ts';
import { canonicalQuantity } from '../../quantity.ts';
import { childPath, itemPath } from './field-error.ts';
import { anySchema, type Schema, schemaOfField } from './schema.ts';

export interface ShapeProblem {
  readonly kind: 'unknown-field' | 'wrong-type';
  /** `spec.containers[0].image`. */
  readonly path: string;
  readonly expected?: string;
  readonly actual?: string;
}

/** Deeper values are refused: no kind needs them, and recursion must end. */
export const DEPTH_MAX = 64;
/** More problems than anyone reads; the walk stops there. */
const PROBLEMS_MAX = 32;

/** Fields that are not declared and values of the wrong type, in the order of the object. */
export function findShapeProblems(schema: Schema, value: Json): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  visit({ schema, value, path: '', depth: 0 }, problems);
  return problems;
}

interface Place {
  readonly schema: Schema;
  readonly value: Json;
  readonly path: string;
  readonly depth: number;
}

function visit(place: Place, problems: ShapeProblem[]): void {
  if (problems.length >= PROBLEMS_MAX) return;
  const expected = expectedType(place);
  if (expected !== undefined) {
    problems.push({ kind: 'wrong-type', path: place.path, expected, actual: typeOf(place.value) });
  } else if (Array.isArray(place.value)) {
    visitItems(place, place.value, problems);
  } else if (isJsonObject(place.value)) {
    visitFields(place, place.value, problems);
  }
}

function visitItems(place: Place, items: readonly Json[], problems: ShapeProblem[]): void {
  const schema = place.schema.items;
  if (schema === undefined) return;
  items.forEach((value, index) => {
    visit({ schema, value, path: itemPath(place.path, index), depth: place.depth + 1 }, problems);
  });
}

function visitFields(place: Place, value: JsonObject, problems: ShapeProblem[]): void {
  for (const [name, field] of Object.entries(value)) {
    const path = childPath(place.path, name);
    const schema = schemaOfField(place.schema, name);
    if (schema !== undefined) visit({ schema, value: field, path, depth: place.depth + 1 }, problems);
    else if (problems.length < PROBLEMS_MAX) problems.push({ kind: 'unknown-field', path });
  }
}

/** The type that was expected where the value is of another one; undefined when the value fits. */
function expectedType({ schema, value, depth }: Place): string | undefined {
  if (depth > DEPTH_MAX) return `at most ${DEPTH_MAX} levels`;
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

/**
 * The value as it is stored: defaults where a field is absent, or null without leave, and amounts in their canonical
 * form. Shares what needs neither.
 */
export function withDefaults(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) return schema.items === undefined ? value : mapItems(schema.items, value);
  if (isJsonObject(value)) return fillFields(schema, value);
  return schema.format === 'quantity' && value !== null ? canonicalQuantity(String(value)) : value;
}

function mapItems(schema: Schema, items: readonly Json[]): readonly Json[] {
  let isChanged = false;
  const filled = items.map((item) => {
    const next = withDefaults(schema, item);
    isChanged ||= next !== item;
    return next;
  });
  return isChanged ? filled : items;
}

function fillFields(schema: Schema, value: JsonObject): JsonObject {
  const changes: Record<string, Json> = {};
  for (const [name, field] of Object.entries(value)) {
    const declared = schemaOfField(schema, name);
    if (declared === undefined) continue;
    const next =
      field === null && declared.nullable !== true ? (declared.default ?? null) : withDefaults(declared, field);
    if (next !== field) changes[name] = next;
  }
  for (const [name, declared] of Object.entries(schema.properties ?? {})) {
    if (declared.default !== undefined && !(name in value)) changes[name] = withDefaults(declared, declared.default);
  }
  return Object.keys(changes).length === 0 ? value : { ...value, ...changes };
}

/** Nulls say nothing where they are not allowed; those that a default will replace stay. */
export function withoutNulls(schema: Schema, value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => withoutNulls(schema.items ?? anySchema, item));
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([name, field]): [string, Json][] => {
    const declared = schemaOfField(schema, name) ?? anySchema;
    const isIdle = field === null && declared.nullable !== true && declared.default === undefined;
    return isIdle ? [] : [[name, withoutNulls(declared, field)]];
  });
  return Object.fromEntries(kept);
}

/** Paths of required fields that are absent: for built-in kinds, whose values nothing else checks. */
export function findMissingFields(schema: Schema, value: Json, path = ''): string[] {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items === undefined
      ? []
      : value.flatMap((item: Json, index) => findMissingFields(items, item, itemPath(path, index)));
  }
  if (!isJsonObject(value)) return [];
  const missing = (schema.required ?? [])
    .filter((name) => value[name] === undefined)
    .map((name) => childPath(path, name));
  const below = Object.entries(value).flatMap(([name, field]) => {
    const declared = schemaOfField(schema, name);
    return declared === undefined ? [] : findMissingFields(declared, field, childPath(path, name));
  });
  return [...missing, ...below];
}
