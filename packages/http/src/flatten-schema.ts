import { isRecord } from '@hybridstore/runtime';

/**
 * A schema in the form that ajv compiles wherever it stands: schemas that recur are copied without their `$id` (ajv takes
 * each id once), and the definitions of recursive ones move to the root, where `$ref` finds them by path. The same name
 * must mean the same definition everywhere, as it does in the contracts.
 */
export function flattenSchema(schema: object): object {
  const definitions: Record<string, unknown> = {};
  // A copy of an object is one.
  const root = copyNode(schema, definitions) as object;
  return Object.keys(definitions).length === 0 ? root : { ...root, $defs: definitions };
}

function copyNode(node: unknown, definitions: Record<string, unknown>): unknown {
  if (Array.isArray(node)) return node.map((item) => copyNode(item, definitions));
  if (typeof node !== 'object' || node === null) return node;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === '$defs' && isRecord(value)) moveDefinitions(value, definitions);
    else if (key === '$ref' && typeof value === 'string') copy[key] = refPath(value);
    else if (key !== '$id') copy[key] = copyNode(value, definitions);
  }
  return copy;
}

function moveDefinitions(defs: object, definitions: Record<string, unknown>): void {
  for (const [name, definition] of Object.entries(defs)) {
    if (Object.hasOwn(definitions, name)) continue;
    // Named before it is copied: a definition may hold itself.
    definitions[name] = {};
    definitions[name] = copyNode(definition, definitions);
  }
}

function refPath(ref: string): string {
  return ref.startsWith('#') ? ref : `#/$defs/${ref}`;
}
