import { createHash } from 'node:crypto';
import { type Access, type Endpoint, endpoints, errorStatus, services } from '@hybridstore/contracts';
import { buildOpenApi } from '@hybridstore/http';
import type { GeneratedFile } from './generated-file.ts';

const version = '0.1.0';

/** OpenAPI and one reference page for each service, from the endpoint table. */
export function buildRestReference(): GeneratedFile[] {
  return Object.entries(endpoints).flatMap(([service, table]) => {
    const list = Object.values(table);
    return [
      {
        path: `docs/reference/openapi/${service}.json`,
        text: `${JSON.stringify(buildOpenApi(service, version, list), null, 2)}\n`,
      },
      { path: `docs/reference/rest/${service}.md`, text: buildServicePage(service, list) },
    ];
  });
}

function buildServicePage(service: string, list: readonly Endpoint[]): string {
  const port = Object.entries(services).find(([name]) => name === service)?.[1];
  const head = [
    `# REST: ${service}`,
    '',
    `Port ${port}. Besides: \`GET /health\` (live), \`GET /ready\`, \`GET /metrics\` (Prometheus), \`GET /openapi.json\`.`,
    '',
  ];
  const sections = list.flatMap((endpoint) => [
    `## ${endpoint.method} ${endpoint.path}`,
    '',
    `${endpoint.summary}. ${describeAccess(endpoint.access)}${endpoint.viaGateway ? ' Through the gateway under the same path.' : ''}`,
    '',
    ...describeBody(endpoint),
    ...describeAnswer(endpoint),
  ]);
  return [...head, ...sections].join('\n');
}

function describeAccess(access: Access): string {
  switch (access.kind) {
    case 'public':
      return 'No token needed.';
    case 'user':
      return 'Any user token.';
    case 'action':
      return `A user token with the action \`${access.action}\`.`;
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
  readonly $id?: string;
  readonly $ref?: string;
};

function describeFields(place: string, schema: object | undefined): string[] {
  const shape = (schema ?? {}) as Shape;
  return Object.entries(shape.properties ?? {}).map(([name, property]) => {
    const isRequired = place === 'path' || (shape.required ?? []).includes(name);
    return `| \`${name}\` | ${place} | ${describeType(property)} | ${[isRequired ? 'required' : '', property.description ?? ''].filter((text) => text !== '').join('; ')} |`;
  });
}

function describeType(shape: Shape): string {
  if (shape.enum) return shape.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (shape.const !== undefined) return `\`${String(shape.const)}\``;
  if (shape.$id) return shape.$id;
  if (shape.anyOf) return [...new Set(shape.anyOf.map(describeType))].join(' or ');
  if (shape.type === 'array') return `array of ${describeType(shape.items ?? {})}`;
  const bounds = [
    shape.minimum === undefined ? '' : `≥ ${shape.minimum}`,
    shape.maximum === undefined ? '' : `≤ ${shape.maximum}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
  return `${String(shape.type ?? shape.$ref ?? 'any')}${bounds === '' ? '' : ` (${bounds})`}`;
}

function describeAnswer(endpoint: Endpoint): string[] {
  const answer = endpoint.response as Shape | undefined;
  const fields = Object.entries(answer?.properties ?? {}).map(
    ([name, property]) => `\`${name}\` (${describeType(property)})`,
  );
  const json = answer ? `${endpoint.status ?? 200}: ${fields.join(', ') || describeType(answer)}.` : '';
  const others = endpoint.produces ? `Also: ${endpoint.produces.map((type) => `\`${type}\``).join(', ')}.` : '';
  return [[json, others].filter((text) => text !== '').join(' '), ''];
}

/** The error codes, what each asks of the receiver, and its HTTP status. */
export function buildErrorReference(): GeneratedFile {
  const meaning: Readonly<Record<keyof typeof errorStatus, string>> = {
    invalid_request: 'change the request: `details.field` names what is wrong',
    unauthenticated: 'get a token (again)',
    forbidden: 'ask for the permission',
    not_found: 'check the name',
    conflict: 'read the present state, then decide',
    gone: 'start over: what was asked for is not kept any more',
    too_large: 'send or ask for less',
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
  const entries = Object.entries(endpoints).flatMap(([service, table]) =>
    Object.values(table).map(
      (endpoint) =>
        [
          `${service} ${endpoint.method} ${endpoint.path}`,
          hash([
            endpoint.params,
            endpoint.query,
            endpoint.body,
            endpoint.response,
            endpoint.status,
            endpoint.produces,
            endpoint.access,
          ]),
        ] as const,
    ),
  );
  return {
    path: 'packages/contracts/wire-hashes.json',
    text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`,
  };
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
