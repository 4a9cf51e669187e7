import { PodTemplate, reservedAnnotations, reservedLabels, ServiceAccountSettings } from '@hybridstore/contracts';
import { isGivenVariable, processVariables } from '@hybridstore/runtime';

/**
 * The schema of pod settings as the chart has it: that of a Tenant, in JSON Schema, which says itself what the rules of the
 * definition say to the API server.
 */
type Schema = Readonly<Record<string, unknown>>;
type Process = keyof typeof processVariables;

/** Keywords that only the API server reads. */
const ofApiServer = /^(x-kubernetes-.*|format)$/;

/** `given` are variables that the pods have already, which may not be set beside. Pure. */
export function buildPodTemplateSchema(given: readonly string[]): Schema {
  const schema = convert(PodTemplate);
  const restricted = refuseKeys(
    refuseKeys(schema, ['metadata', 'labels'], reservedLabels),
    ['metadata', 'annotations'],
    reservedAnnotations,
  );
  const env = propertyAt(schema, ['spec', 'env']);
  const items = env['items'] as Schema; // a list
  const named = addTo(items, ['name'], { not: { enum: [...given].sort() } });
  return addTo(restricted, ['spec', 'env'], { items: named });
}

/** Pure. */
export function buildServiceAccountSchema(): Schema {
  return refuseKeys(convert(ServiceAccountSettings), ['annotations'], reservedAnnotations);
}

/** Variables that the operator sets in each of some services. What only one of them is given is refused by the operator. */
export function givenToEach(services: readonly Process[]): readonly string[] {
  const names = services.flatMap((service) => [
    ...Object.keys(processVariables[service].given),
    ...processVariables[service].own,
  ]);
  const each = [...new Set([...names, 'POD_IP', 'POD_NAMESPACE'])];
  return each.filter((name) => services.every((service) => isGivenVariable(service, name)));
}

/** The converted tree: a plain copy without what only the API server reads. */
function convert(schema: unknown): Schema {
  return convertValue(JSON.parse(JSON.stringify(schema))) as Schema; // an object stays one
}

function convertValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convertValue);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([keyword]) => !ofApiServer.test(keyword));
  return Object.fromEntries(kept.map(([keyword, below]) => [keyword, convertValue(below)]));
}

/** Helm then names the place of the key; its regular expressions have no look-ahead. */
function refuseKeys(schema: Schema, path: readonly string[], reserved: readonly string[]): Schema {
  const names = reserved.map((one) => `${RegExp.escape(one)}${one.endsWith('/') ? '' : '$'}`);
  return addTo(schema, path, { patternProperties: { [`^(${names.join('|')})`]: false } });
}

function propertyAt(schema: Schema, path: readonly string[]): Schema {
  return path.reduce<Schema>(
    (from, name) => (from['properties'] as Readonly<Record<string, Schema>>)[name] ?? {},
    schema,
  );
}

/** The schema with more keywords at a path of properties. */
function addTo(schema: Schema, [name, ...below]: readonly string[], keywords: Schema): Schema {
  if (name === undefined) return { ...schema, ...keywords };
  const properties = schema['properties'] as Readonly<Record<string, Schema>>;
  return { ...schema, properties: { ...properties, [name]: addTo(properties[name] ?? {}, below, keywords) } };
}
