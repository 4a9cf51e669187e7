import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type LogicalPlan, type PlanExpression, tenantNodeIssuer } from '@hybridstore/contracts';
import { finishPlan, call as functionCall, integer, text } from '@hybridstore/plan';
import { retryLater, sealJson } from '@hybridstore/runtime';
import { everything } from '@hybridstore/test-kit';
import { tableFromIPC } from 'apache-arrow';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

type Call = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly text?: string | Buffer;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

describe('a tenant node', () => {
  let node: NodeUnderTest;

  before(async () => {
    node = await createNodeUnderTest();
    const columns = [
      { name: 'id', type: 'bigint', nullable: false },
      { name: 'city', type: 'string' },
      { name: 'price', type: 'decimal(10,2)' },
      { name: 'at', type: 'timestamp' },
      { name: 'doc', type: 'json' },
    ];
    assert.equal((await call('/sources/add', { body: { source_id: 'sales', columns } })).status, 201);
    assert.equal((await call('/sources/add', { body: { source_id: 'notes' } })).status, 201);
    const records = [
      { id: 1, city: 'Bonn', price: '1.50', at: '2024-01-01T00:00:00Z', doc: { tags: ['a'], n: 1 } },
      { id: 2, city: 'Köln', price: '2.25', at: '2024-01-02T00:00:00.000001Z', doc: null },
      { id: '9007199254740993', city: null },
    ].map((fields) => ({ fields }));
    const written = await call('/data/write', { body: { source_id: 'sales', records } });
    assert.equal(written.status, 200, written.text);
    assert.equal(
      (await call('/data/write', { body: { source_id: 'notes', records: [{ fields: { a: { b: 1 } } }] } })).status,
      200,
    );
  });
  after(() => node.close());

  async function call(path: string, options: Call = {}) {
    const payload = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    const answer = await node.server.app.inject({
      method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
      url: path,
      headers: {
        authorization: `Bearer ${options.token ?? node.issuer.userToken(tenant)}`,
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(payload === undefined ? {} : { payload }),
    });
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return {
      status: answer.statusCode,
      text: answer.body,
      bytes: answer.rawPayload,
      body: isJson ? answer.json() : undefined,
      headers: answer.headers,
    };
  }
  const service = (name: string) => node.issuer.serviceToken(name, tenant);

  describe('POST /data/write', () => {
    const write = { source_id: 'sales', records: [{ fields: { id: 100 } }] };

    it('answers what was accepted', async () => {
      const { status, body } = await call('/data/write', { body: { ...write, batch_id: 'first' } });
      assert.equal(status, 200);
      assert.ok(body.lsn > 0);
      assert.deepEqual(
        { ...body, lsn: 0 },
        {
          source_id: 'sales',
          accepted: 1,
          batch_id: 'first',
          durable: true,
          duplicate: false,
          lsn: 0,
          warnings: [],
        },
      );
    });

    it('acknowledges a repeated batch without applying it again', async () => {
      const again = await call('/data/write', { body: write, headers: { 'idempotency-key': 'first' } });
      assert.equal(again.body.duplicate, true);
      const count = await call('/data/aggregate', {
        body: {
          source_id: 'sales',
          aggregations: [{ function: 'count', field: '*' }],
          conditions: [{ field: 'id', operator: 'eq', value: 100 }],
        },
      });
      assert.deepEqual(count.body.rows, [[1]]);
    });

    it('refuses two different ids of one batch', async () => {
      const { status, body } = await call('/data/write', {
        body: { ...write, batch_id: 'one' },
        headers: { 'idempotency-key': 'two' },
      });
      assert.equal(status, 400);
      assert.equal(body.error.details.field, 'batch_id');
    });

    it('refuses everything while not every member knows the node', async () => {
      node.members.isJoined = false;
      const { status, body, headers } = await call('/data/write', { body: write });
      node.members.isJoined = true;
      assert.deepEqual([status, body.error.code, headers['retry-after']], [503, 'unavailable', '1']);
    });

    const refused: readonly (readonly [string, Call, number, RegExp])[] = [
      ['no body', { method: 'POST' }, 400, /body/],
      ['an unknown field', { body: { ...write, extra: 1 } }, 400, /extra: is not a known field/],
      [
        'a field beside fields',
        { body: { source_id: 'sales', records: [{ fields: {}, x: 1 }] } },
        400,
        /records\.0\.x/,
      ],
      ['records that are no list', { body: { source_id: 'sales', records: {} } }, 400, /records: expected array/],
      ['no record', { body: { source_id: 'sales', records: [] } }, 400, /records/],
      ['a number as source', { body: { source_id: 5, records: write.records } }, 400, /source_id: expected string/],
      ['a source id that is a path', { body: { source_id: '../x', records: write.records } }, 400, /source_id/],
      ['an unknown source', { body: { source_id: 'nowhere', records: write.records } }, 404, /nowhere/],
      [
        'a column that does not exist',
        { body: { source_id: 'sales', records: [{ fields: { id: 1, nope: 1 } }] } },
        400,
        /nope/,
      ],
      ['a value of another type', { body: { source_id: 'sales', records: [{ fields: { id: 'x' } }] } }, 400, /id/],
      ['a missing value', { body: { source_id: 'sales', records: [{ fields: { city: 'Bonn' } }] } }, 400, /id/],
      [
        'a column with a very long name',
        { body: { source_id: 'sales', records: [{ fields: { id: 1, ['x'.repeat(10_000)]: 1 } }] } },
        400,
        /fields\.x{128}…: expected one of the columns/,
      ],
      ['broken JSON', { text: '{"source_id": "sales", ' }, 400, /not valid JSON/],
      ['bad UTF-8', { text: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]) }, 400, /UTF-8/],
      ['deep nesting', { text: `{"a":${'['.repeat(100)}${']'.repeat(100)}}` }, 400, /nested deeper/],
      ['another content type', { text: 'a=1', headers: { 'content-type': 'text/plain' } }, 400, /Content-Type/],
      ['a bad idempotency key', { body: write, headers: { 'idempotency-key': 'a b' } }, 400, /Idempotency-Key/],
      ['a body beyond its bound', { text: Buffer.alloc(33 * 1024 * 1024, 0x20) }, 413, /larger/],
    ];
    for (const [what, options, status, message] of refused) {
      it(`refuses ${what}`, async () => {
        const before = node.engine.unflushedRows();
        const answer = await call('/data/write', options);
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.body.error.message, message);
        assert.ok(!answer.text.includes('    at '), 'no stack leaves the process');
        assert.equal(node.engine.unflushedRows(), before, 'nothing is half written');
      });
    }
  });

  describe('a token', () => {
    const write = { source_id: 'sales', records: [{ fields: { id: 1 } }] };
    const mixed = (issuer: string) => ({ sub: `service:${issuer}`, tenant, permissions: [...everything] });
    const refused: readonly (readonly [string, () => string, number])[] = [
      ['of another tenant', () => node.issuer.userToken('default/globex'), 403],
      ['that has expired', () => node.issuer.userToken(tenant, undefined, -10), 401],
      ['that a service signed for a user', () => node.issuer.sign('operation-node', { sub: 'user:eve', tenant }), 401],
      ['without permissions', () => node.issuer.userToken(tenant, []), 403],
      ['that may only read', () => node.issuer.userToken(tenant, [{ sources: ['*'], actions: ['read'] }]), 403],
      ['for other sources', () => node.issuer.userToken(tenant, [{ sources: ['notes'], actions: ['write'] }]), 403],
      ['without a tenant', () => node.issuer.sign('auth-gateway', { sub: 'user:eve' }), 403],
      ['of a service', () => node.issuer.serviceToken('metadata-catalog', tenant), 403],
      ['of a service with the rights of a user', () => node.issuer.sign('cbo-engine', mixed('cbo-engine')), 401],
      [
        'of the gateway itself with the rights of a user',
        () => node.issuer.sign('auth-gateway', mixed('auth-gateway')),
        401,
      ],
      [
        'of its own nodes with the rights of a user',
        () => node.issuer.sign(tenantNodeIssuer(tenant), mixed(tenantNodeIssuer(tenant))),
        401,
      ],
      ['that was tampered with', () => `${node.issuer.userToken(tenant).slice(0, -4)}AAAA`, 401],
    ];
    for (const [what, token, status] of refused) {
      it(`${what} writes nothing`, async () => {
        const answer = await call('/data/write', { body: write, token: token() });
        assert.equal(answer.status, status, answer.text);
      });
    }

    it('is needed', async () => {
      const answer = await node.server.app.inject({ method: 'GET', url: '/sources' });
      assert.equal(answer.statusCode, 401);
    });

    it('of another tenant opens no internal endpoint', async () => {
      for (const [path, name] of internal) {
        const answer = await call(path, { body: {}, token: node.issuer.serviceToken(name, 'default/globex') });
        assert.equal(answer.status, 403, `${path}: ${answer.text}`);
      }
    });

    it('of another tenant is refused before its body is read', async () => {
      const answer = await call('/data/write', {
        body: { no: 'write' },
        token: node.issuer.userToken('default/globex'),
      });
      assert.equal(answer.status, 403, answer.text);
      assert.equal((await call('/data/write', { body: { no: 'write' } })).status, 400);
    });
  });
  const internal = [
    ['/internal/drain', 'operator'],
    ['/internal/tables/sales/flush', 'operator'],
  ] as const;

  describe('POST /data/search', () => {
    it('gives records in the form of results', async () => {
      const { status, body } = await call('/data/search', {
        body: {
          source_id: 'sales',
          conditions: [{ field: 'id', operator: 'lt', value: 50 }],
          order_by: [{ field: 'id' }],
        },
      });
      assert.equal(status, 200);
      assert.deepEqual(body.records, [
        {
          source_id: 'sales',
          fields: { id: 1, city: 'Bonn', price: '1.50', at: body.records[0].fields.at, doc: { tags: ['a'], n: 1 } },
        },
        {
          source_id: 'sales',
          fields: { id: 2, city: 'Köln', price: '2.25', at: body.records[1].fields.at, doc: null },
        },
      ]);
      assert.equal(body.row_count, 2);
      assert.equal(body.stats.consistency, 'strict');
      assert.equal(body.stats.node, 'acme-0');
    });

    it('keeps integers beyond 2^53', async () => {
      const { body } = await call('/data/search', {
        body: { source_id: 'sales', conditions: [{ field: 'id', operator: 'gt', value: 1_000 }], columns: ['id'] },
      });
      assert.equal(body.records.length, 1);
      assert.equal(typeof body.records[0].fields.id, 'string');
    });

    it('reads documents of a source without a schema, and several sources', async () => {
      const one = await call('/data/search', { body: { source_id: 'notes' } });
      assert.equal(one.status, 200, one.text);
      assert.equal(one.body.row_count, 1);
      const many = await call('/data/search', { body: { source_ids: ['notes', 'sales'], limit: 100 } });
      assert.equal(many.status, 200, many.text);
      assert.deepEqual(
        [...new Set(many.body.records.map((record: { source_id: string }) => record.source_id))].sort(),
        ['notes', 'sales'],
      );
    });

    it('streams the same records as CSV and as Arrow where that is asked for', async () => {
      const body = { source_id: 'sales', columns: ['id'], order_by: [{ field: 'id' }], limit: 2 };
      const ask = (accept: string) => call('/data/search/stream', { body, headers: { accept } });
      const csv = await ask('text/csv');
      assert.equal(csv.text, 'source_id,fields\r\nsales,"{""id"":1}"\r\nsales,"{""id"":2}"\r\n');
      const arrow = await ask('application/vnd.apache.arrow.stream');
      assert.equal(arrow.headers['content-type'], 'application/vnd.apache.arrow.stream');
      assert.deepEqual(tableFromIPC(arrow.bytes).getChild('source_id')?.toJSON(), ['sales', 'sales']);
      assert.equal((await ask('application/json')).headers['content-type'], 'application/x-ndjson');
    });

    it('streams the same records as lines', async () => {
      const body = { source_id: 'sales', columns: ['id'], order_by: [{ field: 'id' }], limit: 2 };
      const { status, text, headers } = await call('/data/search/stream', { body });
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'application/x-ndjson');
      assert.deepEqual(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
        [
          { source_id: 'sales', fields: { id: 1 } },
          { source_id: 'sales', fields: { id: 2 } },
        ],
      );
    });

    const refused: readonly (readonly [string, object, number, RegExp])[] = [
      ['an unknown field', { source_id: 'sales', where: 1 }, 400, /where/],
      ['an unknown column', { source_id: 'sales', columns: ['nope'] }, 400, /nope/],
      [
        'an unknown operator',
        { source_id: 'sales', conditions: [{ field: 'id', operator: 'is', value: 1 }] },
        400,
        /operator|conditions/,
      ],
      ['a column named twice', { source_id: 'sales', columns: ['id', 'city', 'id'] }, 400, /columns: .* id twice/],
      [
        'half a character to look for',
        { source_id: 'sales', conditions: [{ field: 'city', operator: 'eq', value: '\ud800' }] },
        400,
        /surrogate/,
      ],
      ['no source', {}, 400, /source_id/],
      ['an unknown source', { source_id: 'nowhere' }, 404, /nowhere/],
      ['a negative limit', { source_id: 'sales', limit: -1 }, 400, /limit/],
      ['a limit that is text', { source_id: 'sales', limit: '5' }, 400, /limit/],
      ['an unknown consistency', { source_id: 'sales', consistency: 'eventual' }, 400, /consistency/],
      [
        'an answer that may be behind by more than an hour',
        { source_id: 'sales', consistency: 'bounded(3600001)' },
        400,
        /consistency: expected strict, committed, or bounded\(<ms>\) with 1 to 3600000 milliseconds, found "bounded\(3600001\)"/,
      ],
    ];
    for (const [what, body, status, message] of refused) {
      it(`refuses ${what}`, async () => {
        const answer = await call('/data/search', { body });
        assert.equal(answer.status, status, answer.text);
        assert.match(answer.body.error.message, message);
      });
    }

    it('needs permission for every source', async () => {
      const token = node.issuer.userToken(tenant, [{ sources: ['sales'], actions: ['read'] }]);
      const answer = await call('/data/search', { body: { source_ids: ['sales', 'notes'] }, token });
      assert.deepEqual([answer.status, answer.body.error.details.source_id], [403, 'notes']);
    });
  });

  describe('POST /data/aggregate', () => {
    it('groups and names its columns', async () => {
      const { body } = await call('/data/aggregate', {
        body: {
          source_id: 'sales',
          conditions: [{ field: 'id', operator: 'lt', value: 50 }],
          aggregations: [
            { function: 'sum', field: 'price', alias: 'total' },
            { function: 'count', field: '*' },
          ],
        },
      });
      assert.equal(body.columns[0].name, 'total');
      assert.deepEqual(body.rows, [['3.75', 2]]);
    });
  });

  describe('POST /internal/execute', () => {
    const plan = finishPlan({
      kind: 'query',
      body: {
        kind: 'select',
        projections: [{ name: 'id', value: { kind: 'column', relation: 's', name: 'id' } }],
        from: { kind: 'scan', source: 'sales', alias: 's', columns: ['id'] },
      },
      orderBy: [{ value: { kind: 'output', index: 0 }, direction: 'asc', nulls: 'last' }],
      limit: integer(2),
    });
    let queries = 0;
    const request = (given: LogicalPlan, extra: object = {}) => ({
      query_id: `q-${String(++queries).padStart(32, '0')}`,
      plan: given,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 10_000,
      ...extra,
    });

    it('answers rows', async () => {
      const { status, body, text } = await call('/internal/execute', { body: request(plan) });
      assert.equal(status, 200, text);
      assert.deepEqual([body.columns, body.rows, body.row_count], [[{ name: 'id', type: 'bigint' }], [[1], [2]], 2]);
    });

    it('answers lines', async () => {
      const { text } = await call('/internal/execute', { body: request(plan, { format: 'rows_ndjson' }) });
      assert.equal(text, '{"id":1}\n{"id":2}\n');
    });

    it('bounds the result in every form', async () => {
      for (const format of ['rows_csv', 'rows_arrow', 'rows_ndjson']) {
        const rows = await call('/internal/execute', { body: request(plan, { format, result_rows_max: 1 }) });
        assert.deepEqual([rows.status, rows.body.error.code], [413, 'too_large'], format);
        const bytes = await call('/internal/execute', { body: request(plan, { format, result_bytes_max: 3 }) });
        assert.deepEqual([bytes.status, bytes.body.error.code], [413, 'too_large'], format);
      }
    });

    it('bounds the result', async () => {
      const { status, body } = await call('/internal/execute', { body: request(plan, { result_rows_max: 1 }) });
      assert.deepEqual([status, body.error.code], [413, 'too_large']);
    });

    it('ends at its deadline', async () => {
      const slow = finishPlan({
        kind: 'query',
        body: {
          kind: 'select',
          projections: [{ name: 'n', value: { kind: 'call', function: 'count', arguments: [] } }],
          from: {
            kind: 'series',
            start: integer(0),
            stop: integer(1_000_000_000_000),
            inclusive: false,
            alias: 'r',
            column: 'i',
          },
        },
      });
      const { status, body } = await call('/internal/execute', { body: request(slow, { deadline_ms: 50 }) });
      assert.deepEqual([status, body.error.code], [504, 'deadline_exceeded']);
      assert.equal(node.queries.running, 0);
    });

    it('can be cancelled by the service that coordinates it', async () => {
      const slow = finishPlan({
        kind: 'query',
        body: {
          kind: 'select',
          projections: [{ name: 'n', value: { kind: 'call', function: 'count', arguments: [] } }],
          from: {
            kind: 'series',
            start: integer(0),
            stop: integer(1_000_000_000_000),
            inclusive: false,
            alias: 'r',
            column: 'i',
          },
        },
      });
      const body = request(slow);
      const answer = call('/internal/execute', { body });
      while (node.queries.running === 0) await new Promise((resolve) => setImmediate(resolve));
      const cancelled = await call(`/internal/executions/${body.query_id}`, {
        method: 'DELETE',
        token: service('operation-node'),
      });
      assert.deepEqual(cancelled.body, { query_id: body.query_id, cancelled: true });
      assert.equal((await answer).status, 503);
      const again = await call(`/internal/executions/${body.query_id}`, {
        method: 'DELETE',
        token: service('operation-node'),
      });
      assert.equal(again.body.cancelled, false);
    });

    it('reports a failure under way as its last line', async () => {
      const failing = finishPlan({
        kind: 'query',
        body: {
          kind: 'select',
          projections: [
            {
              name: 'v',
              value: {
                kind: 'cast',
                type: 'integer',
                value: {
                  kind: 'case',
                  branches: [
                    {
                      when: {
                        kind: 'comparison',
                        operator: 'eq',
                        left: { kind: 'column', relation: 'r', name: 'i' },
                        right: integer(900_000),
                      },
                      result: { kind: 'literal', type: 'string', value: 'x' },
                    },
                  ],
                  otherwise: { kind: 'literal', type: 'string', value: '1' },
                },
              },
            },
          ],
          from: {
            kind: 'series',
            start: integer(0),
            stop: integer(1_000_000),
            inclusive: false,
            alias: 'r',
            column: 'i',
          },
        },
      } as unknown as LogicalPlan['query']);
      const { status, text } = await call('/internal/execute', { body: request(failing, { format: 'rows_ndjson' }) });
      assert.equal(status, 200);
      const lines = text.trimEnd().split('\n');
      assert.ok(lines.length > 1_000);
      assert.equal(JSON.parse(lines.at(-1) ?? '').error.code, 'invalid_request');
    });

    const limitedBy = (limit: PlanExpression) => ({ ...plan, query: { ...plan.query, limit } });
    const shown = (name: string, ...operands: PlanExpression[]) =>
      limitedBy(functionCall('strlen', functionCall(name, ...operands)));
    const overTurned = {
      partitionBy: [],
      orderBy: [],
      frame: {
        unit: 'rows',
        start: { kind: 'following', value: integer(3) },
        end: { kind: 'following', value: integer(1) },
      },
    } as const;
    const hostile: readonly (readonly [string, unknown, RegExp])[] = [
      [
        'a format that shows memory',
        shown('strftime', functionCall('current_date'), text('%n%n')),
        /%n is not supported/,
      ],
      [
        'a format that is put together as it runs',
        shown('strftime', functionCall('current_date'), functionCall('concat', text('%'), text('n'))),
        /date format that is a text of the plan/,
      ],
      [
        'a parameter as a format that shows memory',
        {
          ...shown('strftime', functionCall('current_date'), { kind: 'parameter', index: 0 }),
          parameters: [{ type: 'string', value: '%n' }],
        },
        /%n is not supported/,
      ],
      ['a pattern that halves characters', shown('regexp_extract', text('é'), text('\\C')), /\\C is not supported/],
      [
        'a median over a frame that is turned round',
        limitedBy({ ...functionCall('median', integer(1)), over: overTurned }),
        /ends before it begins/,
      ],
      [
        'a function that is not in the table',
        { ...plan, query: { ...plan.query, limit: { kind: 'call', function: 'getenv', arguments: [] } } },
        /getenv/,
      ],
      ['a scan of a file', JSON.parse(JSON.stringify(plan).replaceAll('"sales"', '"/etc/passwd"')), /source/],
      ['tables that do not name the scan', { ...plan, tables: [] }, /sales does not exist/],
      [
        'a kind that does not exist',
        { ...plan, query: { ...plan.query, body: { kind: 'sql', text: 'select 1' } } },
        /body|plan/,
      ],
      ['a column that does not exist', JSON.parse(JSON.stringify(plan).replaceAll('"id"', '"nope"')), /nope/],
      ['another version', { ...plan, version: 2 }, /version/],
    ];
    for (const [what, given, message] of hostile) {
      it(`refuses a plan with ${what}`, async () => {
        const answer = await call('/internal/execute', { body: request(given as LogicalPlan) });
        assert.equal(answer.status, 400, answer.text);
        assert.match(answer.body.error.message, message);
      });
    }

    it('refuses a plan over a source that the user may not read', async () => {
      const token = node.issuer.userToken(tenant, [{ sources: ['notes'], actions: ['read'] }]);
      assert.equal((await call('/internal/execute', { body: request(plan), token })).status, 403);
    });
  });

  describe('sources', () => {
    it('are listed for those who may read them', async () => {
      const token = node.issuer.userToken(tenant, [{ sources: ['no*'], actions: ['read'] }]);
      const { body } = await call('/sources', { token });
      assert.deepEqual(
        body.sources.map((source: { source_id: string }) => source.source_id),
        ['notes'],
      );
    });

    it('are all listed for the catalog', async () => {
      const { body } = await call('/internal/sources', { token: service('metadata-catalog') });
      assert.deepEqual(body.sources.map((source: { source_id: string }) => source.source_id).sort(), [
        'notes',
        'sales',
      ]);
    });

    it('take a column that is named alone, from several clients at once, and keep what is not named', async () => {
      const columns = [
        { name: 'id', type: 'bigint', nullable: false },
        { name: 'day', type: 'date' },
      ];
      const source_id = 'growing';
      const made = { source_id, columns, partition_columns: ['day'] };
      assert.equal((await call('/sources/add', { body: made })).status, 201);
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      const added = await Promise.all(
        names.map((name) => call('/sources/add', { body: { source_id, columns: [{ name, type: 'string' }] } })),
      );
      assert.deepEqual(
        added.map(({ status, body }) => [status, body.created]),
        names.map(() => [200, false]),
      );
      const { body } = await call('/internal/sources', { token: service('metadata-catalog') });
      const grown = body.sources.find((source: { source_id: string }) => source.source_id === source_id);
      assert.deepEqual(grown.columns.map(({ name }: { name: string }) => name).sort(), [...names, 'day', 'id'].sort());
      const again = await call('/sources/add', { body: { source_id, columns: [{ name: 'a', type: 'string' }] } });
      assert.deepEqual([again.status, again.body.schema_version], [200, 7]);
      const other = await call('/sources/add', { body: { source_id, columns: [{ name: 'a', type: 'bigint' }] } });
      assert.deepEqual([other.status, other.body.error.details.field], [409, 'columns.a.type']);
      const parted = await call('/sources/add', { body: { source_id, partition_columns: ['a'] } });
      assert.equal(parted.status, 409);
    });

    it('put again stay as they are, and take new columns', async () => {
      const same = await call('/sources/add', { body: { source_id: 'notes' } });
      assert.deepEqual([same.status, same.body], [200, { source_id: 'notes', created: false, schema_version: 1 }]);
      const columns = [{ name: 'id', type: 'integer' }];
      const put = (body: object, path = 'wide') =>
        call(`/internal/sources/${path}`, {
          method: 'PUT',
          body: { source_id: 'wide', ...body },
          token: service('operator'),
        });
      assert.equal((await put({ columns })).body.created, true);
      await call('/data/write', { body: { source_id: 'wide', records: [{ fields: { id: 1 } }] } });
      await call('/internal/tables/wide/flush', { method: 'POST', token: service('operator') });
      const wider = await put({ columns: [...columns, { name: 'note', type: 'string' }] });
      assert.deepEqual(wider.body, { source_id: 'wide', created: false, schema_version: 2 });
      await call('/data/write', { body: { source_id: 'wide', records: [{ fields: { id: 2, note: 'x' } }] } });
      const found = await call('/data/search', { body: { source_id: 'wide', order_by: [{ field: 'id' }] } });
      assert.deepEqual(
        found.body.records?.map((record: { fields: unknown }) => record.fields),
        [
          { id: 1, note: null },
          { id: 2, note: 'x' },
        ],
      );
      assert.equal((await put({ columns }, 'other')).status, 400);
      const conflict = await put({
        columns: [
          { name: 'id', type: 'string' },
          { name: 'note', type: 'string' },
        ],
      });
      assert.equal(conflict.status, 409, conflict.text);
    });

    it('that were dropped are gone, and begin anew', async () => {
      await call('/sources/add', { body: { source_id: 'brief', columns: [{ name: 'id', type: 'integer' }] } });
      await call('/data/write', { body: { source_id: 'brief', records: [{ fields: { id: 1 } }] } });
      const ids = async () => {
        const { body } = await call('/data/search', { body: { source_id: 'brief', columns: ['id'] } });
        return body.records?.map((record: { fields: { id: number } }) => record.fields.id);
      };
      assert.deepEqual(await ids(), [1]);
      const dropped = await call('/internal/sources/brief', { method: 'DELETE', token: service('operator') });
      assert.deepEqual(dropped.body, { source_id: 'brief', deleted: true });
      assert.equal((await call('/data/search', { body: { source_id: 'brief' } })).status, 404);
      await call('/sources/add', { body: { source_id: 'brief', columns: [{ name: 'id', type: 'integer' }] } });
      assert.deepEqual(await ids(), []);
      await call('/data/write', { body: { source_id: 'brief', records: [{ fields: { id: 2 } }] } });
      assert.deepEqual(await ids(), [2]);
    });
  });

  describe('figures', () => {
    it('of a source count committed and unflushed rows', async () => {
      const { body } = await call('/sources/notes/stats');
      assert.equal(body.rows + body.unflushed_rows, 1);
    });

    it('of the tenant name the members that cannot be asked', async () => {
      node.members.others = [{ pod: 'acme-1', log: 'x', fresh: async () => Promise.reject(new Error('away')) }];
      const { body, status } = await call('/tenant/stats');
      node.members.others = [];
      assert.equal(status, 200);
      assert.deepEqual(body.members, [
        { pod: 'acme-0', state: 'active', reachable: true },
        { pod: 'acme-1', state: 'active', reachable: false },
      ]);
    });

    it('for the autoscaler are among the metrics', async () => {
      const text = (await call('/metrics')).text;
      assert.match(text, /^hybridstore_queries_running\{service="tenant-node"\} 0$/m);
    });
  });

  describe('internal endpoints', () => {
    it('page through a snapshot at its version', async () => {
      await call('/internal/tables/sales/flush', { method: 'POST', token: service('operator') });
      const first = await call('/internal/tables/sales/snapshot', { token: service('metadata-catalog') });
      assert.equal(first.status, 200, first.text);
      assert.equal(first.body.files.length, first.body.files_total);
      assert.equal(first.body.next_offset, null);
      const { table_version } = first.body;
      const pinned = `/internal/tables/sales/snapshot?offset=1&version=${table_version}`;
      const rest = await call(pinned, { token: service('metadata-catalog') });
      assert.equal(rest.body.files.length, first.body.files_total - 1);
      const gone = await call('/internal/tables/sales/snapshot?version=999', { token: service('metadata-catalog') });
      assert.deepEqual([gone.status, gone.body.error.code], [410, 'gone']);
    });

    it('give the frames that are not committed', async () => {
      await call('/data/write', { body: { source_id: 'sales', records: [{ fields: { id: 77 } }] } });
      const answer = await call('/internal/fresh', {
        body: { source_id: 'sales', after_lsn: 0 },
        token: service('tenant-node'),
      });
      assert.equal(answer.status, 200);
      const header = JSON.parse(answer.text.slice(0, answer.text.indexOf('\n')));
      assert.deepEqual([header.app_id, header.frames, header.unflushed_rows], [node.engine.appId, 1, 1]);
      const beyond = { source_id: 'sales', after_lsn: header.acknowledged_lsn };
      const none = await call('/internal/fresh', { body: beyond, token: service('tenant-node') });
      assert.equal(JSON.parse(none.text.slice(0, none.text.indexOf('\n'))).frames, 0);
      const { status, body } = await call('/internal/log/positions', { token: service('tenant-node') });
      const { location } = await node.engine.snapshot('sales');
      const { acknowledged_lsn: acknowledgedLsn, committed_lsn: committedLsn } = header;
      assert.deepEqual([status, body.app_id], [200, node.engine.appId]);
      assert.deepEqual(
        body.positions.find(({ source_id: sourceId }: { source_id: string }) => sourceId === 'sales'),
        { source_id: 'sales', location, acknowledged_lsn: acknowledgedLsn, committed_lsn: committedLsn },
      );
    });

    it('give no frames of a source that was deleted by another node', async () => {
      assert.equal((await call('/sources/add', { body: { source_id: 'passing' } })).status, 201);
      await call('/data/write', { body: { source_id: 'passing', records: [{ fields: { a: 1 } }] } });
      const { store } = node.engine;
      const key = 'tables/passing/table.json';
      const { bytes, version } = (await store.getVersioned(key))!;
      const { sha256: _seal, ...pointer } = JSON.parse(bytes.toString());
      const deleted = sealJson({ ...pointer, location: null }, key);
      assert.ok(await store.replaceIfMatch(key, Buffer.from(deleted), version));
      const fresh = { body: { source_id: 'passing', after_lsn: 0 }, token: service('tenant-node') };
      assert.equal((await call('/internal/fresh', fresh)).status, 404);
    });

    it('are closed to users and to services that have no business there', async () => {
      const fresh = { body: { source_id: 'sales', after_lsn: 0 } };
      assert.equal((await call('/internal/fresh', fresh)).status, 403);
      assert.equal((await call('/internal/fresh', { ...fresh, token: service('monitoring') })).status, 403);
      assert.equal((await call('/internal/log/positions')).status, 403);
      assert.equal((await call('/internal/drain', { body: {}, token: service('metadata-catalog') })).status, 403);
      assert.equal((await call('/internal/sources', { token: service('auth-gateway') })).status, 403);
    });

    it('say to the operator alone what is wrong with the node', async () => {
      assert.deepEqual((await call('/internal/problems', { token: service('operator') })).body, {
        pod: 'acme-0',
        problems: [],
        members: [{ pod: 'acme-0', state: 'active' }],
      });
      assert.equal((await call('/internal/problems', {})).status, 403);
      assert.equal((await call('/internal/problems', { token: service('metadata-catalog') })).status, 403);
    });

    it('says whether a node that is about to join is reached from here', async () => {
      const newcomer = { pod: 'acme-2', url: 'http://acme-2:8000' };
      const ask = () => call('/internal/members/call-back', { body: newcomer, token: service('tenant-node') });
      node.members.unreached.add('acme-2');
      const away = await ask();
      assert.equal(away.status, 503);
      assert.match(away.body.error.message, /^acme-0 does not reach acme-2 \(acme-2 cannot be reached\)/);
      node.members.unreached.delete('acme-2');
      assert.deepEqual(await ask().then(({ status, body }) => ({ status, body })), {
        status: 200,
        body: { pod: 'acme-0' },
      });
    });

    it('take in a member', async () => {
      const member = { pod: 'acme-7', url: 'http://a:8000', log_id: 'x', state: 'active', epoch: 2 };
      const { body } = await call('/internal/members/join', { body: member, token: service('tenant-node') });
      assert.deepEqual(body, { pod: 'acme-0', epoch: 1 });
      assert.deepEqual(node.members.received.at(-1), member);
    });

    it('answer a strict read with 503 when a member cannot be asked, and a committed one without it', async () => {
      node.members.others = [
        {
          pod: 'acme-1',
          log: 'x',
          fresh: async () => Promise.reject(retryLater('unavailable', 'acme-1 cannot be asked', 2_000)),
        },
      ];
      const strict = await call('/data/search', { body: { source_id: 'sales' } });
      const committed = await call('/data/search', {
        body: { source_id: 'sales', consistency: 'committed', limit: 1 },
      });
      const bounded = await call('/data/search', { body: { source_id: 'sales', consistency: 'bounded(3600000)' } });
      node.members.others = [];
      assert.deepEqual([bounded.status, bounded.headers['retry-after']], [503, '2']);
      assert.deepEqual(
        [strict.status, strict.body.error.code, strict.headers['retry-after']],
        [503, 'unavailable', '2'],
      );
      assert.deepEqual([committed.status, committed.body.row_count, committed.body.stats.fresh_rows], [200, 1, 0]);
    });

    it('answer no strict read while members may be missing, and a committed one', async () => {
      node.members.isJoined = false;
      const strict = await call('/data/search', { body: { source_id: 'sales' } });
      const committed = await call('/data/search', { body: { source_id: 'sales', consistency: 'committed' } });
      node.members.isJoined = true;
      assert.deepEqual([strict.status, strict.headers['retry-after'], committed.status], [503, '1', 200]);
    });

    it('drain and take back', async () => {
      const drain = async (body: object) => (await call('/internal/drain', { body, token: service('operator') })).body;
      assert.equal((await drain({})).state, 'draining');
      for (let state = 'draining'; state !== 'drained'; ) ({ state } = await drain({}));
      const refused = await call('/data/write', { body: { source_id: 'sales', records: [{ fields: { id: 5 } }] } });
      assert.equal(refused.status, 503);
      assert.equal(node.engine.unflushedRows(), 0);
      assert.deepEqual(JSON.parse((await call('/ready')).text).reasons, ['draining', 'drained']);
      assert.equal((await drain({ cancel: true })).state, 'active');
      assert.equal((await call('/ready')).status, 200);
    });
  });
});
