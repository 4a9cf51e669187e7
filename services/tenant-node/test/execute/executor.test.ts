import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Column, PlanExpression } from '@hybridstore/contracts';
import { call, cast, checkPlan, finishPlan, integer, MadeUpNames, printDuckdb, text } from '@hybridstore/plan';
import { silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import {
  type Execution,
  ExecutionLost,
  type StatementRequest,
  type StatementView,
  ViewGone,
} from '../../src/domain/ports.ts';
import { ExecutorPool } from '../../src/execute/executor-pool.ts';
import type { ExecutorProcess } from '../../src/execute/executor-process.ts';
import { buildFrame } from './frames.ts';

const columns: readonly Column[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'amount', type: 'decimal(10,2)' },
  { name: 'at', type: 'timestamp' },
  { name: 'doc', type: 'json' },
];
const names = columns.map((column) => column.name);
const declared = new Map(columns.map(({ name, type }) => [name, type]));
const log = 'hybridstore/acme-0/1f';
const never = new AbortController().signal;

describe('the executor', () => {
  const folder = createTemporaryFolder('executor');
  const tables = join(folder.path, 'tables');
  const files = join(folder.path, 'executor');
  const file = join(tables, 'sales', 'part-1.parquet');
  let pool: ExecutorPool;

  before(async () => {
    mkdirSync(join(tables, 'sales'), { recursive: true });
    writeFileSync(join(folder.path, 'secret.csv'), 'a\n1\n');
    await writeParquet(file);
    pool = new ExecutorPool({
      session: { memoryLimit: '512MB', threads: 2 },
      disk: systemDisk,
      filesFolder: files,
      newSecret: () => randomBytes(16).toString('hex'),
      dataKibMax: 2_000_000,
      clock: systemClock,
      logger: silentLogger,
    });
  });
  after(async () => {
    await pool.close();
    folder[Symbol.dispose]();
  });

  it('reads files with the types of the source', async () => {
    const child = await pool.acquire(never);
    const answer = await read(child.run(statement({ text: 'SELECT * FROM _s0 ORDER BY 1 LIMIT 1', outputs: names })));
    assert.deepEqual(answer.columns, [
      { name: 'id', type: 'integer' },
      { name: 'name', type: 'string' },
      { name: 'amount', type: 'decimal(10,2)' },
      { name: 'at', type: 'timestamp' },
      { name: 'doc', type: 'json' },
    ]);
    assert.deepEqual(answer.rows, [[0, 'file', '0.50', '2024-01-01T00:00:00.000Z', { n: 0 }]]);
    assert.deepEqual(answer.end, { rows: 1, freshRows: 0 });
  });

  it('adds exactly the frames between two LSNs, also of one part', async () => {
    const child = await pool.acquire(never);
    const range = { log, afterLsn: 0, untilLsn: 30 };
    child.load('sales', range, [frame(10, 3), frame(20, 2), frame(30, 1)]);
    const count = async (afterLsn: number, untilLsn: number) => {
      const fresh = [{ log, afterLsn, untilLsn }];
      const answer = await read(child.run(statement({ text: 'SELECT count(*) FROM _s0', view: { fresh } })));
      return [answer.rows[0]?.[0], answer.end.freshRows];
    };
    assert.deepEqual(await count(0, 30), [106, 6]);
    assert.deepEqual(await count(0, 20), [105, 5]);
    assert.deepEqual(await count(0, 25), [105, 5]);
    assert.deepEqual(await count(10, 30), [103, 3]);
    assert.deepEqual(await count(30, 30), [100, 0]);
    // The view after LSN 30 let all tables go: an older view cannot be answered any more.
    await assert.rejects(count(0, 30), ViewGone);
  });

  it('takes frames again without counting them twice', async () => {
    const child = await pool.acquire(never);
    child.load('twice', { log, afterLsn: 0, untilLsn: 2 }, [frame(1, 1, 'twice'), frame(2, 1, 'twice')]);
    child.load(
      'twice',
      { log, afterLsn: 0, untilLsn: 3 },
      [1, 2, 3].map((lsn) => frame(lsn, 1, 'twice')),
    );
    const view = { source: 'twice', files: [], fresh: [{ log, afterLsn: 0, untilLsn: 3 }] };
    const answer = await read(
      child.run(statement({ text: 'SELECT count(*), sum(_c0) FROM _s0', view, outputs: ['n', 'total'] })),
    );
    assert.deepEqual(answer.rows, [[3, 6]]);
  });

  it('restores types of fresh rows and reads columns that older frames lack as NULL', async () => {
    const child = await pool.acquire(never);
    const record = { id: 7, name: 'né', amount: '12.30', at: '2024-05-06T07:08:09.5Z', doc: { a: [1, null] } };
    const old = buildFrame({ sourceId: 'wide', columns: columns.slice(0, 2), lsn: 1, records: [{ id: 1, name: 'a' }] });
    const newer = buildFrame({ sourceId: 'wide', columns, lsn: 2, records: [record] });
    child.load('wide', { log, afterLsn: 0, untilLsn: 2 }, [old, newer]);
    const view = { source: 'wide', files: [], fresh: [{ log, afterLsn: 0, untilLsn: 2 }] };
    const answer = await read(
      child.run(statement({ text: 'SELECT * FROM _s0 ORDER BY _c0', view, outputs: names, shape: 'object' })),
    );
    assert.deepEqual(answer.rows, [
      { id: 1, name: 'a', amount: null, at: null, doc: null },
      { id: 7, name: 'né', amount: '12.30', at: '2024-05-06T07:08:09.500Z', doc: { a: [1, null] } },
    ]);
  });

  it('reads columns that older files lack as NULL and absent partition columns from the log', async () => {
    const child = await pool.acquire(never);
    const older = join(tables, 'sales', 'part-0.parquet');
    await writeParquet(older, "SELECT CAST(1000 AS BIGINT) AS id, 'older' AS name");
    const view = {
      hasAbsentColumns: true,
      columns: [
        { name: 'id', as: '_c0', type: 'integer', position: 0 },
        { name: 'amount', as: '_c1', type: 'decimal(10,2)', position: 2 },
        { name: 'day', as: '_c2', type: 'date', position: 5 },
      ],
      files: [
        { path: file, partition: { day: '2024-01-02' } },
        { path: older, partition: { day: null } },
      ],
    };
    const text = 'SELECT * FROM _s0 WHERE _c0 IN (0, 1000) ORDER BY _c0';
    const answer = await read(child.run(statement({ text, view, outputs: ['id', 'amount', 'day'] })));
    assert.deepEqual(answer.rows, [
      [0, '0.50', '2024-01-02'],
      [1000, null, null],
    ]);
  });

  it('answers a statement whose types follow from nothing but its parameters', async () => {
    const child = await pool.acquire(never);
    const parameters = [{ type: 'string', value: 'a' }];
    const ask = (text: string, ...outputs: string[]) => read(child.run(statement({ text, parameters, outputs })));
    const text = 'WITH _w0 AS (SELECT $1 AS _c0) SELECT _c0, 1 AS _c1, coalesce($1, _c0) AS _c2 FROM _w0';
    const answer = await ask(text, 'x', 'one', 'y');
    assert.deepEqual(answer.columns, [
      { name: 'x', type: 'string' },
      { name: 'one', type: 'integer' },
      { name: 'y', type: 'string' },
    ]);
    assert.deepEqual(answer.rows, [['a', 1, 'a']]);
    await assert.rejects(ask('SELECT -$1', 'v'), { code: 'invalid_request' });
  });

  it('binds parameters and keeps the order of a large result', async () => {
    const child = await pool.acquire(never);
    const answer = await read(
      child.run(
        statement({
          text: "SELECT _c0 * CAST($1 AS BIGINT) AS _c1 FROM range(50000) _r0(_c0) WHERE $2 = 'x' ORDER BY _c1 DESC",
          parameters: [
            { type: 'bigint', value: 3 },
            { type: 'string', value: 'x' },
          ],
        }),
      ),
    );
    assert.equal(answer.rows.length, 50_000);
    assert.deepEqual(answer.rows.slice(0, 2), [[149_997], [149_994]]);
    assert.deepEqual(answer.rows.at(-1), [0]);
  });

  it('keeps a recursive statement and equal output names as they are', async () => {
    const child = await pool.acquire(never);
    const text =
      'WITH RECURSIVE _w0(_c5) AS (SELECT 1 UNION ALL SELECT _c5 + 1 FROM _w0 WHERE _c5 < 3) SELECT _c5 AS _c6, _c5 AS _c6 FROM _w0, _s0 WHERE _s0._c0 = 0 ORDER BY 1';
    const answer = await read(child.run(statement({ text, outputs: ['x', 'x'] })));
    assert.deepEqual(
      answer.columns.map((column) => column.name),
      ['x', 'x'],
    );
    assert.deepEqual(answer.rows, [
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  const refused: readonly (readonly [string, string, RegExp])[] = [
    ['a file as a table', `SELECT * FROM '${'/etc/passwd'}'`, /passwd is not one of this query/],
    ['a function that reads files', "SELECT * FROM read_csv('/etc/passwd')", /read_csv may not be called/],
    ['a list of files', "SELECT * FROM glob('/*')", /glob may not be called/],
    ['the environment', "SELECT getenv('HOME')", /getenv may not be called/],
    ['a setting', "SELECT current_setting('memory_limit')", /current_setting may not be called/],
    ['a fresh table of another source', 'SELECT * FROM fresh.f1', /may not be named by schema or catalog/],
    ['a system view', 'SELECT * FROM duckdb_settings', /duckdb_settings is not one of this query/],
    ['another view', 'SELECT * FROM _s1', /not one of this query/],
    [
      'a CTE outside its scope',
      'SELECT * FROM (WITH _w0 AS (SELECT 1) SELECT 2) _r0, _w0',
      /_w0 is not one of this query/,
    ],
    ['two statements', 'SELECT 1; SELECT 2', /exactly one statement/],
    ['a statement that changes things', 'DROP TABLE fresh.f1', /not a readable SELECT/],
    ['a copy to a file', "COPY (SELECT 1) TO '/tmp/x'", /not a readable SELECT/],
    ['a setting by statement', 'SET memory_limit = 1', /not a readable SELECT/],
    ['a description', 'DESCRIBE SELECT 1', /SHOW_REF/],
    ['text in a function that runs it', "SELECT * FROM query('SELECT 1')", /query may not be called/],
    ['no statement', 'nonsense', /not a readable SELECT/],
  ];
  for (const [what, text, reason] of refused) {
    it(`refuses ${what}`, async () => {
      const child = await pool.acquire(never);
      await assert.rejects(read(child.run(statement({ text }))), (error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error);
        assert.equal(error.code, 'invalid_request');
        assert.match(error.message, reason);
        return true;
      });
    });
  }

  it('says of a damaged file which one it is, and not where', async () => {
    const child = await pool.acquire(never);
    const view = { files: [{ path: join(folder.path, 'secret.csv'), partition: {} }] };
    await assert.rejects(read(child.run(statement({ text: 'SELECT * FROM _s0', view, outputs: names }))), {
      code: 'corrupt',
      message: 'source sales: file secret.csv is damaged',
    });
  });

  const faults: readonly (readonly [string, string, string])[] = [
    ['a conversion', "SELECT CAST('x' AS INTEGER)", 'invalid_request'],
    ['a value out of range', 'SELECT 9223372036854775807 + 1', 'invalid_request'],
    ['an unknown column', 'SELECT _c9 FROM _s0', 'invalid_request'],
    ['an argument that does not fit', 'SELECT sum(_c1) FROM _s0', 'invalid_request'],
  ];
  for (const [what, text, code] of faults) {
    it(`blames the statement for ${what}`, async () => {
      const child = await pool.acquire(never);
      await assert.rejects(read(child.run(statement({ text }))), { code });
    });
  }

  it('reports a fault in the middle of a streamed result', async () => {
    const child = await pool.acquire(never);
    const text = "SELECT CAST(CASE WHEN _c0 = 900000 THEN 'x' ELSE '1' END AS INTEGER) FROM range(1000000) _r0(_c0)";
    const execution = child.run(statement({ text }));
    let rows = 0;
    await assert.rejects(
      async () => {
        for await (const piece of execution.pieces()) rows += piece.rows;
      },
      { code: 'invalid_request', message: 'a text does not convert to integer' },
    );
    assert.ok(rows > 0);
  });

  it('searches JSON that is deep, and refuses what would end its stack', async () => {
    const child = await pool.acquire(never);
    const ask = (levels: number) => {
      const nested = call(
        'concat',
        call('repeat', text('{"a":['), integer(levels)),
        text('1'),
        call('repeat', text(']}'), integer(levels)),
      );
      const document: PlanExpression = cast(nested, 'json');
      const none: PlanExpression = { kind: 'literal', type: 'json', value: null };
      const values = [call('json_contains', document, text('1')), call('json_contains', none, document)];
      const projections = values.map((value, index) => ({ name: `x${index}`, value }));
      const plan = finishPlan({ kind: 'query', body: { kind: 'select', projections } });
      checkPlan(plan);
      const { sql } = printDuckdb(plan, { names: new MadeUpNames() });
      return read(child.run(statement({ text: sql, outputs: ['x0', 'x1'] })));
    };
    assert.deepEqual((await ask(5_000)).rows, [[true, null]]);
    await assert.rejects(ask(5_001), {
      code: 'invalid_request',
      message: 'a JSON value holds more arrays and objects than json_contains takes',
    });
    await assert.rejects(ask(400_000), { code: 'invalid_request' });
  });

  it('bounds rows and bytes of a result', async () => {
    const child = await pool.acquire(never);
    const text = 'SELECT _c0 FROM range(100000) _r0(_c0)';
    await assert.rejects(read(child.run(statement({ text, rowsMax: 10 }))), {
      code: 'too_large',
      details: { limit: 'rows', max: 10 },
    });
    await assert.rejects(read(child.run(statement({ text, bytesMax: 1_000 }))), {
      code: 'too_large',
      details: { limit: 'bytes', max: 1_000 },
    });
  });

  it('answers a statement that needs too much memory and lives on', async () => {
    const child = await pool.acquire(never);
    const text = 'SELECT count(DISTINCT repeat(CAST(_c0 AS VARCHAR), 20)) FROM range(40000000) _r0(_c0)';
    await assert.rejects(read(child.run(statement({ text }))), { code: 'too_large' });
    assert.deepEqual((await read(child.run(statement({ text: 'SELECT 1' })))).rows, [[1]]);
  });

  it('makes no text of a length that a number decides', async () => {
    const child = await pool.acquire(never);
    const ask = (length: PlanExpression) => {
      const value = call('strlen', call('lpad', text('a'), length, text('é')));
      const plan = finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'x', value }] } });
      return read(child.run(statement({ text: printDuckdb(plan, { names: new MadeUpNames() }).sql })));
    };
    assert.deepEqual((await ask(integer(999_999))).rows, [[1_999_997]]);
    await assert.rejects(ask(integer(1_000_000)), { code: 'invalid_request' });
    await assert.rejects(ask(call('len', call('repeat', text('a'), integer(1_000_000)))), { code: 'invalid_request' });
    await assert.rejects(ask(integer(2_147_483_647)), { code: 'invalid_request' });
  });

  it('waits for its reader, and stops at once when the reader leaves', async () => {
    const child = await pool.acquire(never);
    const text = 'SELECT repeat(CAST(_c0 AS VARCHAR), 50) FROM range(3000000) _r0(_c0)';
    const execution = child.run(statement({ text }));
    let pieces = 0;
    for await (const _ of execution.pieces()) {
      pieces += 1;
      if (pieces === 3) break;
    }
    execution.cancel(new Error('the reader left'), 2_000);
    await assert.rejects(execution.ended, /the reader left/);
    assert.equal(child.running, 0);
    assert.equal(child.isGone, false);
  });

  it('kills a child that does not stop, answers its neighbours and goes on with the spare', async () => {
    const child = await pool.acquire(never);
    // One vector of a scalar function that runs for long: the engine looks at interrupts between vectors only.
    const stubborn = child.run(statement({ text: "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))" }));
    const neighbour = child.run(statement({ text: 'SELECT count(*) FROM range(1000000000000) _r0(_c0)' }));
    const isOver = [stubborn, neighbour].map((execution) =>
      read(execution).then(
        () => undefined,
        (error) => error,
      ),
    );
    await systemClock.sleep(100);
    stubborn.cancel(new Error('too late'), 0);
    const [guilty, innocent] = await Promise.all(isOver);
    assert.match(String(guilty), /too late/);
    assert.ok(innocent instanceof ExecutionLost);
    assert.equal(innocent.isInnocent, true);
    const next = await pool.acquire(never);
    assert.notEqual(next, child);
    assert.deepEqual((await read(next.run(statement({ text: 'SELECT 1' })))).rows, [[1]]);
    assert.equal(next.heldLsn('sales', log), 0);
  });

  it('ends a child whose engine a statement broke, and runs its neighbours again', async () => {
    const child = await pool.acquire(never);
    const neighbour = child.run(statement({ text: 'SELECT count(*) FROM range(1000000000000) _r0(_c0)' }));
    const lost = assert.rejects(read(neighbour), (error) => error instanceof ExecutionLost && error.isInnocent);
    // The engine takes its own fault for a reason to refuse all statements that follow.
    const frame = 'OVER (ORDER BY _c0 ROWS BETWEEN 3 FOLLOWING AND 1 FOLLOWING)';
    const breaks = `SELECT max(_c1) FROM (SELECT cume_dist(ORDER BY _c0 DESC) ${frame} AS _c1 FROM range(3) _r0(_c0)) _r1`;
    await assert.rejects(read(child.run(statement({ text: breaks }))));
    await lost;
    const next = await pool.acquire(never);
    assert.notEqual(next, child);
    assert.deepEqual((await read(next.run(statement({ text: 'SELECT 1' })))).rows, [[1]]);
  });

  it('answers with an error, and with none of its bytes, where a text is not UTF-8', async () => {
    const child = await pool.acquire(never);
    // Half a character; no plan may say this pattern.
    const half = "regexp_extract('é', '\\C')";
    const texts = [
      `SELECT ${half}`,
      `SELECT [['a', ${half}]]`,
      `SELECT map(['a'], [${half}])`,
      `SELECT struct_pack(a := ${half})`,
      `SELECT CASE WHEN _c0 = 50000 THEN ${half} ELSE 'é' END FROM range(100000) _r0(_c0)`,
    ];
    for (const text of texts) {
      for (const shape of ['array', 'object'] as const)
        await assert.rejects(
          read(child.run(statement({ text, shape }))),
          { code: 'corrupt', message: 'a text of the result is not valid UTF-8' },
          text,
        );
    }
    const text = "SELECT 'zażółć ' || chr(0), NULL, map(['é'], [NULL])";
    const whole = await read(child.run(statement({ text, outputs: ['a', 'b', 'c'] })));
    assert.deepEqual(whole.rows, [['zażółć \0', null, { é: null }]]);
  });

  it('survives a child that crashes', async () => {
    const child = await pool.acquire(never);
    const execution = child.run(statement({ text: 'SELECT count(*) FROM range(1000000000000) _r0(_c0)' }));
    process.kill(child.pid ?? 0, 'SIGSEGV');
    await assert.rejects(read(execution), (error) => error instanceof ExecutionLost && !error.isInnocent);
    const next = await pool.acquire(never);
    assert.deepEqual((await read(next.run(statement({ text: 'SELECT 1' })))).rows, [[1]]);
  });

  it('replaces a child that is sent frames it cannot read', async () => {
    const child = await pool.acquire(never);
    child.load('broken', { log, afterLsn: 0, untilLsn: 1 }, [Buffer.from('this is not a frame of any log at all')]);
    await child.exited;
    const next: ExecutorProcess = await pool.acquire(never);
    assert.notEqual(next, child);
  });

  function statement(options: {
    readonly text: string;
    readonly view?: Partial<StatementView>;
    readonly parameters?: StatementRequest['parameters'];
    /** One output when absent. */
    readonly outputs?: readonly string[];
    readonly shape?: StatementRequest['shape'];
    readonly rowsMax?: number;
    readonly bytesMax?: number;
  }): StatementRequest {
    const view: StatementView = {
      name: '_s0',
      source: 'sales',
      columns: columns.map(({ name, type }, position) => ({ name, as: `_c${position}`, type, position })),
      files: [{ path: file, partition: {} }],
      hasAbsentColumns: false,
      bounds: [],
      fresh: [],
      ...options.view,
    };
    return {
      text: options.text,
      parameters: options.parameters ?? [],
      outputs: (options.outputs ?? ['v']).map((name) => ({ name, type: declared.get(name) })),
      views: [view],
      shape: options.shape ?? 'array',
      separator: ',',
      rowsMax: options.rowsMax ?? 1_000_000,
      bytesMax: options.bytesMax ?? 100_000_000,
    };
  }
});

function frame(lsn: number, rows: number, sourceId = 'sales'): Uint8Array {
  const records = Array.from({ length: rows }, () => ({ id: lsn, name: 'fresh', amount: '1.00' }));
  return buildFrame({ sourceId, columns, lsn, records });
}

async function read(execution: Execution) {
  const texts: Buffer[] = [];
  for await (const piece of execution.pieces()) texts.push(...piece.texts);
  const rows = JSON.parse(`[${Buffer.concat(texts).toString('utf8')}]`) as unknown[][];
  return { columns: await execution.started, rows, end: await execution.ended };
}

/** 100 rows in the stored types of a segment. */
const segmentRows = `SELECT CAST(i AS BIGINT) AS id, 'file' AS name, CAST(i + 0.5 AS DECIMAL(38,2)) AS amount,
    TIMESTAMPTZ '2024-01-01 00:00:00Z' + to_days(CAST(i AS INTEGER)) AS at, '{"n":' || i || '}' AS doc
  FROM range(100) t(i)`;

async function writeParquet(path: string, rows = segmentRows): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (${rows}) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
}
