import { createHash } from 'node:crypto';
import {
  type Access,
  bodyBytesMaxOf,
  bodyCodings,
  type Endpoint,
  ErrorBody,
  endpoints,
  errorStatus,
  logTail,
  services,
  takesPackedBody,
} from '@hybridstore/contracts';
import { buildOpenApi } from '@hybridstore/http';
import { Type } from 'typebox';
import type { GeneratedFile } from './generated-file.ts';

const version = '0.1.0';

/** OpenAPI and one reference page for each service, from the endpoint table. */
export function buildRestReference(): GeneratedFile[] {
  return Object.keys(services).flatMap((service) => {
    const list = Object.values(endpoints[service] ?? {});
    // A document whose schemas have the form below, as those of the endpoints have.
    const openApi = buildOpenApi(service, version, [logTail, ...list]) as OpenApi;
    return [
      { path: `docs/reference/openapi/${service}.json`, text: `${JSON.stringify(openApi, null, 2)}\n` },
      { path: `docs/reference/rest/${service}.md`, text: buildServicePage(service, list, openApi.components.schemas) },
    ];
  });
}

type OpenApi = { readonly components: { readonly schemas: Schemas } };
/** By name; what refers to one of them has its name at the end of `$ref`. */
type Schemas = Readonly<Record<string, Shape>>;

function buildServicePage(service: string, list: readonly Endpoint[], schemas: Schemas): string {
  const port = Object.entries(services).find(([name]) => name === service)?.[1];
  const head = [
    `# REST: ${service}`,
    '',
    `Port ${port}. Besides: \`GET /health\` (live), \`GET /ready\`, \`GET /metrics\` (Prometheus), \`GET /openapi.json\`, \`GET /internal/logs\` (monitoring only).`,
    '',
  ];
  const sections = list.flatMap((endpoint) => [
    `## ${endpoint.method} ${endpoint.path}`,
    '',
    `${endpoint.summary}. ${describeAccess(endpoint.access)}${endpoint.viaGateway ? ' Through the gateway under the same path.' : ''}${describeBound(endpoint)}`,
    '',
    ...describeBody(endpoint),
    ...describeAnswer(endpoint),
  ]);
  return [...head, ...sections, ...describeTypes(list, schemas)].join('\n');
}

/** What the tables above call by name: the fields of an object, or the forms of a union. Requests and answers stand at their endpoint. */
function describeTypes(list: readonly Endpoint[], schemas: Schemas): string[] {
  const own = new Set(list.flatMap(({ body, response }) => [nameOf(body), nameOf(response)]));
  const types = Object.entries(schemas).filter(([name]) => !own.has(name) && !besides.has(name));
  if (types.length === 0) return [];
  return ['## Types', '', ...types.toSorted().flatMap(([name, shape]) => [`### ${name}`, '', ...describeNamed(shape)])];
}

/** Of the log endpoint and of errors, which have their own page. */
const besides: ReadonlySet<string> = new Set(['LogTail', 'LogEntry', 'ErrorBody']);

function nameOf(schema: object | undefined): string | undefined {
  return (schema as Shape | undefined)?.$id;
}

function describeNamed(shape: Shape): string[] {
  if (shape.anyOf) return [...shape.anyOf.map((form) => `- ${describeType(form)}`), ''];
  if (!shape.properties) return [`${describeType(shape)}.`, ''];
  const rows = Object.entries(shape.properties).map(
    ([name, property]) =>
      `| \`${name}\` | ${describeType(property)} | ${describeRest(property, isRequired(shape, name))} |`,
  );
  return ['| field | type | |', '| --- | --- | --- |', ...rows, ''];
}

function describeBound(endpoint: Endpoint): string {
  if (!endpoint.body) return '';
  const kibibytes = bodyBytesMaxOf(endpoint) / 1024;
  const bound = kibibytes < 1024 ? `${kibibytes} KiB` : `${kibibytes / 1024} MiB`;
  const codings = takesPackedBody(endpoint) ? `, unpacked where it comes in ${bodyCodings.join(', ')}` : '';
  const others = Object.entries(endpoint.takes ?? {}).map(([type, what]) => ` It may be \`${type}\` too: ${what}.`);
  return ` A body of at most ${bound}${codings}.${others.join('')}`;
}

function describeAccess(access: Access): string {
  switch (access.kind) {
    case 'public':
      return 'No token needed.';
    case 'user':
      return 'Any user token.';
    case 'action':
      return `A user token with the action \`${access.action}\`.`;
    case 'platform':
      return "A token of the platform's administrator.";
    case 'service':
      return `Service tokens only: ${access.callers.join(', ')}.`;
  }
}

function describeBody(endpoint: Endpoint): string[] {
  const rows = [
    ...describeFields('path', endpoint.params),
    ...describeFields('query', endpoint.query),
    ...describeFields('body', endpoint.body),
  ];
  return rows.length === 0 ? [] : ['| field | in | type | |', '| --- | --- | --- | --- |', ...rows, ''];
}

/** A JSON Schema as far as the pages show it. Schemas of the contracts are made of these keywords, whatever their type is. */
type Shape = {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly items?: Shape;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly $id?: string;
  readonly $ref?: string;
};

function describeFields(place: string, schema: object | undefined): string[] {
  const shape = (schema ?? {}) as Shape;
  return Object.entries(shape.properties ?? {}).map(
    ([name, property]) =>
      `| \`${name}\` | ${place} | ${describeType(property)} | ${describeRest(property, place === 'path' || isRequired(shape, name))} |`,
  );
}

function isRequired(shape: Shape, name: string): boolean {
  return (shape.required ?? []).includes(name);
}

function describeRest(property: Shape, required: boolean): string {
  return [required ? 'required' : '', property.description ?? ''].filter((text) => text !== '').join('; ');
}

function describeType(shape: Shape): string {
  if (shape.enum) return shape.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (shape.const !== undefined) return `\`${String(shape.const)}\``;
  if (shape.$id) return shape.$id;
  if (shape.$ref) return shape.$ref.slice(shape.$ref.lastIndexOf('/') + 1);
  if (shape.anyOf) return [...new Set(shape.anyOf.map(describeType))].join(' or ');
  if (shape.type === 'array') return `array of ${describeType(shape.items ?? {})}${describeBounds(shape)}`;
  if (shape.properties) return describeObject(shape);
  return `${String(shape.type ?? 'any')}${describeBounds(shape)}`;
}

/** Without a name: its fields in one line, `?` behind those that may be absent. */
function describeObject(shape: Shape): string {
  const fields = Object.entries(shape.properties ?? {}).map(
    ([name, property]) => `${name}${isRequired(shape, name) ? '' : '?'}: ${describeType(property)}`,
  );
  return `{ ${fields.join('; ')} }`;
}

function describeBounds(shape: Shape): string {
  const bounds = [
    shape.minimum === undefined ? '' : `≥ ${shape.minimum}`,
    shape.maximum === undefined ? '' : `≤ ${shape.maximum}`,
    shape.maxLength === undefined ? '' : `≤ ${shape.maxLength} characters`,
    shape.maxItems === undefined ? '' : `≤ ${shape.maxItems}`,
  ].filter((text) => text !== '');
  return bounds.length === 0 ? '' : ` (${bounds.join(', ')})`;
}

function describeAnswer(endpoint: Endpoint): string[] {
  const answer = endpoint.response as Shape | undefined;
  const fields = Object.entries(answer?.properties ?? {}).map(
    ([name, property]) => `\`${name}\` (${describeType(property)})`,
  );
  const json = answer
    ? `${[endpoint.status ?? 200, ...(endpoint.statusUnmade === undefined ? [] : [endpoint.statusUnmade])].join(' or ')}: ${fields.join(', ') || describeType(answer)}.`
    : '';
  const others = endpoint.produces ? `Also: ${endpoint.produces.map((type) => `\`${type}\``).join(', ')}.` : '';
  return [[json, others].filter((text) => text !== '').join(' '), ''];
}

/** The error codes, what each asks of the receiver, and its HTTP status. */
export function buildErrorReference(): GeneratedFile {
  const meaning: Readonly<Record<keyof typeof errorStatus, string>> = {
    invalid_request:
      "change the request: `details.field` names what is wrong, `details.line` and `details.column` where a statement says it; `details.places` are all places that it may be, where one failed while it ran and says the same several times. A statement that the engine refuses for a reason that the message gives in general only has `details.query_id`: the log of the tenant's node has the engine's words under it (`statement_failed`)",
    unauthenticated: 'get a token (again)',
    forbidden: 'ask for the permission',
    not_found: 'check the name',
    method_not_allowed: 'use one of the methods in `Allow`',
    conflict: 'read the present state, then decide',
    gone: 'start over: what was asked for is not kept any more',
    too_large: 'send or ask for less',
    unsupported_media_type: 'send the body in an encoding that `Accept-Encoding` of the answer names, or in none',
    overloaded: 'come back after `Retry-After`',
    internal: 'report `request_id`; the log of the service has the cause',
    corrupt: 'call the operator of the platform: stored bytes do not hold what was written',
    unavailable: 'come back after `Retry-After`; a write may be repeated with its `Idempotency-Key`',
    deadline_exceeded: 'ask for less, or allow more time',
    storage_full: 'free or add space; reads go on',
  };
  const rows = Object.entries(errorStatus).map(
    ([code, status]) => `| \`${code}\` | ${status} | ${meaning[code as keyof typeof errorStatus]} |`,
  );
  const text = [
    '# Errors',
    '',
    'Every answer that is not a success is `{"error": {code, message, details, request_id}}`.',
    '',
    '| code | HTTP | what to do |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ];
  return { path: 'docs/reference/errors.md', text: text.join('\n') };
}

/** A hash of every schema that crosses a process, by endpoint: a diff here is a change of the wire. */
export function buildWireHashes(): GeneratedFile {
  const entries = [
    ['every error', hash(ErrorBody)] as const,
    hashEndpoint('every service', logTail),
    ...Object.entries(endpoints).flatMap(([service, table]) =>
      Object.values(table).map((endpoint) => hashEndpoint(service, endpoint)),
    ),
  ];
  return {
    path: 'packages/contracts/wire-hashes.json',
    text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`,
  };
}

/** Its name in the file, and what its callers depend on: schemas, status, content types, who may call. */
export function hashEndpoint(service: string, endpoint: Endpoint): readonly [string, string] {
  const { params, query, body, response, status, statusUnmade, produces, access } = endpoint;
  return [
    `${service} ${endpoint.method} ${endpoint.path}`,
    // That a body may be left out is no part of its schema.
    hash([
      params,
      query,
      body,
      response,
      status,
      produces,
      access,
      ...(isOptional(body) ? ['optional'] : []),
      ...(statusUnmade === undefined ? [] : [statusUnmade]),
    ]),
  ];
}

function isOptional(body: Endpoint['body']): boolean {
  return body !== undefined && Type.IsOptional(body);
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
