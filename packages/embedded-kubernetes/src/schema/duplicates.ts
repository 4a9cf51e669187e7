import { isJsonObject, type Json } from '@hybridstore/controller-runtime';
import { childPath, type FieldError, itemPath } from './field-error.ts';
import { type Schema, schemaOfField } from './schema.ts';
import { isSettled } from './shape.ts';

/**
 * Lists that are sets or are keyed may not hold an item twice.
 * Source: apiextensions pkg/apiserver/schema/listtype/validation.go.
 */
export type Duplicate = {
  /** The list: `spec.columns`. */
  readonly path: string;
  readonly index: number;
  /** The keys of the item in a keyed list, the item itself in a set. */
  readonly key: Json;
};

/** Each repetition, in the order of the object. */
export function findDuplicates(schema: Schema, value: Json, path = ''): Duplicate[] {
  if (Array.isArray(value)) return [...findInList(schema, value, path), ...findInItems(schema, value, path)];
  if (!isJsonObject(value) || isSettled(schema, value)) return [];
  return Object.entries(value).flatMap(([name, field]) => {
    const declared = schemaOfField(schema, name);
    return declared === undefined ? [] : findDuplicates(declared, field, childPath(path, name));
  });
}

export function describeDuplicate({ path, index, key }: Duplicate): FieldError {
  return { type: 'Duplicate', path: itemPath(path, index), value: key };
}

function findInItems(schema: Schema, items: readonly Json[], path: string): Duplicate[] {
  const { items: below } = schema;
  return below === undefined ? [] : items.flatMap((item, index) => findDuplicates(below, item, itemPath(path, index)));
}

function findInList(schema: Schema, items: readonly Json[], path: string): Duplicate[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return [];
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const key = type === 'map' ? readKey(schema, item) : item;
    const text = JSON.stringify(key);
    if (seen.has(text)) return [{ path, index, key }];
    seen.add(text);
    return [];
  });
}

function readKey(schema: Schema, item: Json): Json {
  if (!isJsonObject(item)) return item;
  const names = schema['x-kubernetes-list-map-keys'] ?? [];
  const keys = names.map((name): [string, Json] => [
    name,
    item[name] ?? schema.items?.properties?.[name]?.default ?? null,
  ]);
  return Object.fromEntries(keys);
}
