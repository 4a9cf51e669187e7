import { type Endpoint, ErrorBody } from '@hybridstore/contracts';
import { Type } from 'typebox';

/** OpenAPI 3.1 of one service from its endpoint descriptions. Pure, so that the generated files and `/openapi.json` agree. */
export function buildOpenApi(service: string, version: string, endpoints: readonly Endpoint[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:([a-z_]+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: buildOperation(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: `HybridStore ${service}`, version },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { ErrorBody },
    },
  };
}

function buildOperation(endpoint: Endpoint): object {
  const parameters = [...buildParameters('path', endpoint.params), ...buildParameters('query', endpoint.query)];
  return {
    summary: endpoint.summary,
    'x-access': endpoint.access,
    ...(endpoint.access.kind === 'public' ? {} : { security: [{ bearer: [] }] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(endpoint.body
      ? {
          requestBody: {
            required: !Type.IsOptional(endpoint.body),
            content: { 'application/json': { schema: endpoint.body } },
          },
        }
      : {}),
    responses: {
      [String(endpoint.status ?? 200)]: { description: 'success', content: buildContent(endpoint) },
      default: {
        description: 'error',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' } } },
      },
    },
  };
}

function buildContent(endpoint: Endpoint): object {
  const json = endpoint.response ? { 'application/json': { schema: endpoint.response } } : {};
  return { ...json, ...Object.fromEntries((endpoint.produces ?? []).map((type) => [type, { schema: {} }])) };
}

function buildParameters(place: 'path' | 'query', schema: object | undefined): object[] {
  const shape = schema as
    | { readonly properties?: Readonly<Record<string, object>>; readonly required?: readonly string[] }
    | undefined;
  return Object.entries(shape?.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (shape?.required ?? []).includes(name),
    schema: property,
  }));
}
