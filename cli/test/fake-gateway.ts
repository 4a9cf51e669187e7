import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  arrowStreamType,
  authGateway,
  type Endpoint,
  type ErrorCode,
  errorStatus,
  monitoring,
  ndjsonType,
  operationNode,
  tenantNode,
} from '@hybridstore/contracts';
import { tableFromIPC } from 'apache-arrow';

type Call = {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
};
type Refusal = { readonly code: ErrorCode; readonly message: string; readonly details?: object };
type Handler = (call: Call) => object | string | Refusal;

/** The gateway as the command line sees it: one source `numbers` with the column `id`, and canned answers. */
export class FakeGateway {
  readonly calls: Call[] = [];
  /** Batches by their Idempotency-Key, as they were applied. */
  readonly batches = new Map<string, unknown[]>();
  /** Answers instead of the canned ones, by path. */
  readonly handlers = new Map<string, Handler>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#handle(authGateway.login, ({ body }) =>
      body['password'] === 'right'
        ? { access_token: `token-of-${body['username']}`, token_type: 'bearer', expires_in: 60 }
        : { code: 'unauthenticated', message: 'user or password is wrong' },
    );
    this.#handle(monitoring.healthAll, () => healthy);
    this.#handle(tenantNode.tenantStats, () => tenantStats);
    this.#handle(tenantNode.listSources, () => ({
      sources: [{ source_id: 'numbers', definition: { columns }, columns, schema_version: 1, table_version: 0 }],
    }));
    this.#handle(tenantNode.write, (call) => this.#write(call));
    this.#handle(operationNode.querySql, ({ headers }) =>
      headers.accept === 'application/x-ndjson' ? '{"name":"ü","n":1}\n{"name":null,"n":2}\n' : queryAnswer,
    );
    this.#handle(operationNode.queryDsl, () => queryAnswer);
  }

  static async start(): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve));
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // a TCP server has an address
  }

  /** Ids of all rows that were applied, in the order of their batches. */
  get ids(): unknown[] {
    return [...this.batches.values()].flat();
  }

  refuse(endpoint: Endpoint, refusal: Refusal): void {
    this.handlers.set(endpoint.path, () => refusal);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(endpoint: Endpoint, handler: Handler): void {
    this.handlers.set(endpoint.path, handler);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { headers } = request;
    const url = new URL(request.url ?? '', 'http://gateway');
    const body = readBody(Buffer.concat(chunks), headers['content-type'], url.searchParams);
    const call = { path: url.pathname, body: body ?? {}, headers };
    this.calls.push(call);
    const answer =
      body === undefined
        ? { code: 'invalid_request', message: 'body: not valid JSON' }
        : (this.handlers.get(call.path)?.(call) ?? { code: 'not_found', message: `no ${call.path}` });
    if (typeof answer === 'object' && 'code' in answer) {
      const { code, message, details = {} } = answer as Refusal;
      response.writeHead(errorStatus[code], { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message, details, request_id: 'r' } }));
    } else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    }
  }

  /** Takes a batch whole or not at all, and one key once, as the platform does. */
  #write({ body, headers }: Call): object {
    const ids = (body['records'] as { fields: { id: unknown } }[]).map((record) => record.fields.id);
    const index = ids.findIndex((id) => !Number.isInteger(id));
    if (index >= 0)
      return {
        code: 'invalid_request',
        message: `records[${index}].fields.id: expected a bigint, got ${JSON.stringify(ids[index])}`,
        details: { index, field: `records[${index}].fields.id` },
      };
    const key = String(headers['idempotency-key']);
    const duplicate = this.batches.has(key);
    if (!duplicate) this.batches.set(key, ids);
    return { source_id: 'numbers', accepted: ids.length, batch_id: key, durable: true, duplicate, lsn: 1 };
  }
}

const columns = [{ name: 'id', type: 'bigint' }];

const healthy = {
  status: 'healthy',
  services: ['auth-gateway', 'tenant-node'].map((service) => ({
    service,
    instance: `${service}-0`,
    url: 'http://127.0.0.1:1',
    status: 'healthy',
    checked_at: '2026-01-01T00:00:00Z',
    elapsed_ms: 1,
    version: '0.1.0',
    reasons: [],
  })),
};

const tenantStats = {
  tenant_id: 'default/acme',
  tenant_name: 'acme',
  node: 'hs-acme-0',
  sources: [
    {
      source_id: 'numbers',
      rows: 1_234_567,
      bytes: 89,
      files: 2,
      unflushed_rows: 0,
      schema_version: 1,
      table_version: 7,
      last_commit_at: null,
    },
  ],
  rows: 1_234_567,
  bytes: 89,
  unflushed_rows: 0,
  running_queries: 0,
  members: [{ pod: 'hs-acme-0', state: 'active', reachable: true }],
};

const queryAnswer = {
  columns: [
    { name: 'name', type: 'string' },
    { name: 'n', type: 'bigint' },
  ],
  rows: [
    ['ü', 1],
    [null, 2],
  ],
  row_count: 2,
  stats: { query_id: 'q-00000000000000000000000000000000', elapsed_ms: 1.25 },
};

/** A write in any of its types, as one of JSON; undefined for what is none. */
function readBody(bytes: Buffer, type: string | undefined, query: URLSearchParams) {
  if (bytes.length === 0) return {};
  if (type !== ndjsonType && type !== arrowStreamType) return JSON.parse(bytes.toString()) as Record<string, unknown>;
  const lines = bytes
    .toString()
    .split('\n')
    .filter((line) => line.trim() !== '');
  try {
    const rows: readonly { readonly id?: unknown }[] =
      type === ndjsonType ? lines.map((line) => JSON.parse(line)) : tableFromIPC(bytes).toArray();
    const records = rows.map((fields) => ({
      fields: typeof fields.id === 'bigint' ? { id: Number(fields.id) } : fields,
    }));
    return { source_id: query.get('source_id'), records };
  } catch {
    // No JSON: the answer says so.
    return undefined;
  }
}
