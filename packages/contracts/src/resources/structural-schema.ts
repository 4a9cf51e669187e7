import type { TSchema } from 'typebox';

/** A node of an OpenAPI v3 structural schema as CRDs have it. */
export type StructuralSchema = Readonly<Record<string, unknown>>;

/**
 * The structural schema of a contract schema. The API server refuses `$id`, `const`, `additionalProperties: false`
 * beside `properties` (unknown fields are refused by field validation instead) and enums without a type.
 * Source: Kubernetes documentation, "Specifying a structural schema".
 */
export function buildStructuralSchema(schema: TSchema): StructuralSchema {
  return convertNode(JSON.parse(JSON.stringify(schema)) as Record<string, unknown>);
}

function convertNode(node: Readonly<Record<string, unknown>>): StructuralSchema {
  const converted: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(node)) {
    const kept = convertKeyword(keyword, value);
    if (kept !== undefined) converted[keyword] = kept;
  }
  if (converted['enum'] !== undefined && converted['type'] === undefined) converted['type'] = 'string';
  if (isEmptyObject(converted['properties'])) delete converted['properties'];
  return converted;
}

function convertKeyword(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case '$id':
      return undefined;
    case 'properties':
      return Object.fromEntries(Object.entries(value as object).map(([name, child]) => [name, convertNode(child)]));
    case 'items':
      return convertNode(value as Record<string, unknown>);
    case 'additionalProperties':
      return value === false ? undefined : convertNode(value as Record<string, unknown>);
    case 'required': {
      const names = value as readonly string[];
      return names.length === 0 ? undefined : names;
    }
    default:
      return value;
  }
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/**
 * In the contract a field with a default is required, since every reader sees it filled. In the CRD it is optional,
 * since writers may leave it out and the API server fills it in before it checks `required`.
 */
export function relaxDefaulted(schema: StructuralSchema): StructuralSchema {
  const properties = schema['properties'] as Readonly<Record<string, StructuralSchema>> | undefined;
  const relaxed: Record<string, unknown> = { ...schema };
  if (schema['items'] !== undefined) relaxed['items'] = relaxDefaulted(schema['items'] as StructuralSchema);
  if (properties === undefined) return relaxed;
  relaxed['properties'] = Object.fromEntries(
    Object.entries(properties).map(([name, child]) => [name, relaxDefaulted(child)]),
  );
  if (schema['default'] !== undefined && schema['x-kubernetes-validations'] !== undefined)
    relaxed['default'] = expandDefault(schema);
  const required = ((schema['required'] ?? []) as readonly string[]).filter(
    (name) => properties[name]?.['default'] === undefined,
  );
  if (required.length === 0) delete relaxed['required'];
  else relaxed['required'] = required;
  return relaxed;
}

/** Rules are tried on a declared default as it stands, before nested defaults fill it, so it must be whole. */
function expandDefault(schema: StructuralSchema): unknown {
  const properties = schema['properties'] as Readonly<Record<string, StructuralSchema>> | undefined;
  if (properties === undefined) return schema['default'];
  const defaulted = Object.entries(properties).filter(([, child]) => child['default'] !== undefined);
  return {
    ...Object.fromEntries(defaulted.map(([name, child]) => [name, expandDefault(child)])),
    ...(schema['default'] as object),
  };
}
