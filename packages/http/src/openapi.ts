import { bodyBytesMaxOf, bodyCodings, type Endpoint, ErrorBody, takesPackedBody } from '@hybridstore/contracts';
import { Type } from 'typebox';

type Schemas = Record<string, unknown>;

/**
 * OpenAPI 3.1 of one service from its endpoint descriptions. Pure, so that the generated files and `/openapi.json` agree.
 * Every named schema stands once under `components/schemas`: generators of clients resolve no other reference.
 */
export function buildOpenApi(service: string, version: string, endpoints: readonly Endpoint[]): object {
  const paths: Record<string, Record<string, object>> = {};
  const schemas: Schemas = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: buildOperation(endpoint, schemas) };
  }
  liftSchema(ErrorBody, schemas);
  return {
    openapi: '3.1.0',
    info: { title: `HybridStore ${service}`, version },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas,
    },
  };
}

function buildOperation(endpoint: Endpoint, schemas: Schemas): object {
  const parameters = [
    ...buildParameters('path', endpoint.params, schemas),
    ...buildParameters('query', endpoint.query, schemas),
  ];
  return {
    summary: endpoint.summary,
    'x-access': endpoint.access,
    ...(endpoint.access.kind === 'public' ? {} : { security: [{ bearer: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(endpoint.body
      ? {
          requestBody: {
            required: !Type.IsOptional(endpoint.body),
            'x-bytes-max': bodyBytesMaxOf(endpoint),
            ...(takesPackedBody(endpoint) ? { 'x-content-encodings': bodyCodings } : {}),
            content: {
              'application/json': { schema: liftSchema(endpoint.body, schemas) },
              ...Object.fromEntries(
                Object.entries(endpoint.takes ?? {}).map(([type, description]) => [type, { schema: { description } }]),
              ),
            },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        [endpoint.status ?? 200, endpoint.statusUnmade]
          .filter((status) => status !== undefined)
          .map((status) => [status, { description: 'success', content: buildContent(endpoint, schemas) }]),
      ),
      default: {
        description: 'error',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } },
      },
    },
  };
}

function buildContent(endpoint: Endpoint, schemas: Schemas): object {
  const json = endpoint.response ? { 'application/json': { schema: liftSchema(endpoint.response, schemas) } } : {};
  return { ...json, ...Object.fromEntries((endpoint.produces ?? []).map((type) => [type, { schema: {} }])) };
}

function buildParameters(place: 'path' | 'query', schema: object | undefined, schemas: Schemas): object[] {
  const shape = schema as
    | { readonly properties?: Readonly<Record<string, object>>; readonly required?: readonly string[] }
    | undefined;
  return Object.entries(shape?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (shape?.required ?? []).includes(name),
    schema: liftSchema(property, schemas),
  }));
}

/**
 * A copy in which named schemas, those with an `$id` and the definitions of recursive ones, are references; what they
 * refer to is put into `schemas`. The same name must mean the same schema everywhere, as it does in the contracts.
 */
function liftSchema(node: unknown, schemas: Schemas): unknown {
  if (Array.isArray(node)) return node.map((item) => liftSchema(item, schemas));
  if (typeof node !== 'object' || node === null) return node;
  const { $id, $defs, $ref, ...rest } = node as {
    readonly $id?: string;
    readonly $defs?: object;
    readonly $ref?: string;
  };
  for (const [name, definition] of Object.entries($defs ?? {})) nameSchema(name, definition, schemas);
  if ($ref !== undefined) return { ...rest, $ref: $ref.startsWith('#') ? $ref : pathOf($ref) };
  if ($id === undefined) return liftMembers(rest, schemas);
  nameSchema($id, rest, schemas);
  return { $ref: pathOf($id) };
}

function nameSchema(name: string, schema: object, schemas: Schemas): void {
  if (Object.hasOwn(schemas, name)) return;
  // Named before it is copied: a schema may hold itself.
  schemas[name] = {};
  const { $id: _, ...rest } = schema as { readonly $id?: string };
  schemas[name] = liftMembers(rest, schemas);
}

function liftMembers(node: object, schemas: Schemas): object {
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, liftSchema(value, schemas)]));
}

function pathOf(name: string): string {
  return `#/components/schemas/${name}`;
}
