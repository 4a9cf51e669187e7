import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { PlanExpression } from '@hybridstore/contracts';
import type { Engine, TableState } from '@hybridstore/engine';
import { finishPlan } from '@hybridstore/plan';
import { silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { LogMarks } from '../../src/domain/log-marks.ts';
import type { Execution, StatementRequest } from '../../src/domain/ports.ts';
import { QueryRunner } from '../../src/domain/query-runner.ts';
import { ResultCache } from '../../src/domain/result-cache.ts';
import { lockedSettings } from '../../src/execute/child/session-settings.ts';
import { ExecutorPool } from '../../src/execute/executor-pool.ts';

const never = new AbortController().signal;
const mebibyte = 1024 ** 2;
const memoryBytes = 96 * mebibyte;
const spillBytes = 1024 * mebibyte;
/** Some 250 MB of groups. */
const groups =
  "SELECT count(*), sum(_c2), min(_c1) FROM (SELECT _c0 % 1500000 AS _c0, 'group of rows ' || _c0 % 1500000 AS _c1, count(*) AS _c2 FROM range(3000000) _r0(_c0) GROUP BY 1, 2) _r1";
/** More than that, sorted by what no order of their making gives away. */
const sorted = 'SELECT hash(_c0) AS _c1, repeat(CAST(_c0 AS VARCHAR), 8) AS _c2 FROM range(3000000) _r0(_c0)';
const sort = `SELECT count(*), sum(CASE WHEN _c1 < _c3 THEN 1 ELSE 0 END), max(strlen(_c2)) FROM (SELECT _c1, lag(_c1) OVER (ORDER BY _c1) AS _c3, _c2 FROM (${sorted}) _r1) _r2`;

type Spill = { readonly path: string; readonly bytesMax: number };

function createPool(folder: string, spill: Spill | undefined, disk = systemDisk): ExecutorPool {
  return new ExecutorPool({
    session: { memoryLimit: `${memoryBytes}B`, threads: 2 },
    disk,
    filesFolder: join(folder, 'executor'),
    spill,
    newSecret: () => randomBytes(16).toString('hex'),
    dataKibMax: undefined,
    clock: systemClock,
    logger: silentLogger,
  });
}

describe('a statement that needs more than the memory', () => {
  const folder = createTemporaryFolder('spilling');
  const path = join(folder.path, 'spill');
  let pool: ExecutorPool;

  before(() => {
    pool = createPool(folder.path, { path, bytesMax: spillBytes });
  });
  after(async () => {
    await pool.close();
    assert.deepEqual(listFiles(path), [], 'a child that is closed leaves nothing');
    assert.deepEqual(readdirSync(path), []);
    folder[Symbol.dispose]();
  });

  it('answers what it should by what it spills, and leaves nothing behind: groups', async () => {
    const child = await pool.acquire(never);
    const [rows] = await Promise.all([read(child.run(statement(groups, 3))), untilSpilled(path)]);
    assert.deepEqual(rows, [[1_500_000, 3_000_000, 'group of rows 0']]);
    assert.deepEqual(listFiles(path), []);
  });

  it('answers what it should by what it spills, and leaves nothing behind: an order', async () => {
    const child = await pool.acquire(never);
    const [rows] = await Promise.all([read(child.run(statement(sort, 3))), untilSpilled(path)]);
    assert.deepEqual(rows, [[3_000_000, 0, 56]]);
    assert.deepEqual(listFiles(path), []);
  });

  it('spills into a folder of its own that nobody else can open', async () => {
    const child = await pool.acquire(never);
    await read(child.run(statement('SELECT 1', 1)));
    const made = readdirSync(path);
    assert.ok(made.length >= 1);
    for (const name of made) {
      assert.match(name, /^[0-9a-f]{32}$/);
      assert.equal(statSync(join(path, name)).mode & 0o777, 0o700);
    }
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });

  it('leaves nothing behind when its child is killed', async () => {
    const child = await pool.acquire(never);
    const running = child.run(statement(groups.replaceAll('3000000', '300000000'), 3));
    running.ended.catch(() => {});
    await untilSpilled(path);
    const [own = ''] = readdirSync(path).filter((name) => readdirSync(join(path, name)).length > 0);
    process.kill(child.pid ?? 0, 'SIGKILL');
    await assert.rejects(running.ended);
    const next = await pool.acquire(never);
    assert.notEqual(next, child);
    assert.equal(existsSync(join(path, own)), false, 'before another child takes statements');
    assert.deepEqual(await read(next.run(statement('SELECT 1', 1))), [[1]]);
  });
});

describe('the next child', () => {
  it('takes no statement before what the last one spilled is gone', async () => {
    using folder = createTemporaryFolder('spill-next');
    const path = join(folder.path, 'spill');
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const removeEmptyFolder = async (each: string) => {
      asked.resolve();
      await gate.promise;
      return systemDisk.removeEmptyFolder(each);
    };
    const pool = createPool(folder.path, { path, bytesMax: spillBytes }, { ...systemDisk, removeEmptyFolder });
    try {
      const child = await pool.acquire(never);
      process.kill(child.pid ?? 0, 'SIGKILL');
      await child.exited;
      await asked.promise;
      assert.equal(pool.current, child);
      gate.resolve();
      assert.notEqual(await pool.acquire(never), child);
    } finally {
      gate.resolve();
      await pool.close();
    }
  });
});

describe('the bound on what is spilled', () => {
  it('refuses what needs more, naming the bound, and the child lives on', async () => {
    using folder = createTemporaryFolder('spill-bound');
    const bytesMax = 16 * mebibyte;
    const path = join(folder.path, 'spill');
    const pool = createPool(folder.path, { path, bytesMax });
    try {
      const child = await pool.acquire(never);
      await assert.rejects(read(child.run(statement(groups, 3))), {
        code: 'too_large',
        message: `the statement needs more than the ${bytesMax} bytes that a node may spill (storage.spill.size of the Tenant)`,
        details: { limit: 'spill', max: bytesMax },
      });
      assert.deepEqual(await read(child.run(statement('SELECT 1', 1))), [[1]]);
      assert.equal(child.isGone, false);
    } finally {
      await pool.close();
    }
    assert.deepEqual(readdirSync(path), []);
  });

  it('of nothing keeps to the memory, as it says', async () => {
    using folder = createTemporaryFolder('spill-off');
    const pool = createPool(folder.path, undefined);
    try {
      const child = await pool.acquire(never);
      await assert.rejects(read(child.run(statement(groups, 3))), {
        code: 'too_large',
        message: 'the statement needs more memory than it is granted',
        details: { limit: 'memory' },
      });
      assert.deepEqual(readdirSync(folder.path), ['executor']);
    } finally {
      await pool.close();
    }
  });
});

describe('what was spilled', () => {
  const secret = randomBytes(16).toString('hex');
  /** What a text could ask of the engine if no gate stood before it, by somebody who does not know the name of the folder. */
  const ungated = (root: string) => [
    `SELECT * FROM read_blob('${root}/*/*')`,
    `SELECT * FROM read_blob('${root}/**')`,
    `SELECT * FROM read_text('${root}/../spill/*/duckdb_temp_storage_DEFAULT-0.tmp')`,
    `SELECT * FROM glob('${root}/*')`,
    `SELECT * FROM glob('${root}/*/*')`,
    `COPY (SELECT 1) TO '${root}/stolen.csv'`,
    `ATTACH '${root}/stolen.db'`,
    `SET temp_directory = '${root}'`,
    "SET max_temp_directory_size = '1TB'",
  ];
  for (const index of ungated('').keys())
    it(`is out of reach of ${ungated('<spill>')[index]}`, async () => {
      using folder = createTemporaryFolder('spill-hostile');
      const root = join(folder.path, 'spill');
      const own = join(root, secret);
      for (const made of [own, join(root, 'f'.repeat(32))]) mkdirSync(made, { recursive: true });
      const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
      const connection = await instance.connect();
      const options = {
        filesFolder: join(folder.path, 'files'),
        secret: '',
        memoryLimit: '64MB',
        threads: 1,
        spill: { folder: own, bytesMax: spillBytes },
      };
      for (const setting of lockedSettings(options)) await connection.run(setting);
      // Something is there to be found.
      await connection.run('CREATE TABLE spilled AS SELECT range AS a, hash(range) AS b FROM range(8000000)');
      assert.ok(listFiles(root).length > 0);
      await assert.rejects(connection.runAndReadAll(ungated(root)[index] ?? ''), /Permission|configuration/);
      connection.closeSync();
      instance.closeSync();
    });

  it('cannot be asked for: no function that names the folder passes the gate', async () => {
    using folder = createTemporaryFolder('spill-gate');
    const pool = createPool(folder.path, { path: join(folder.path, 'spill'), bytesMax: spillBytes });
    try {
      const child = await pool.acquire(never);
      for (const text of [
        "SELECT current_setting('temp_directory')",
        'SELECT _c0 FROM duckdb_temporary_files() _r0(_c0)',
        'SELECT _c0 FROM duckdb_settings() _r0(_c0)',
        'SELECT _c0 FROM pragma_database_size() _r0(_c0)',
        `SELECT _c0 FROM read_blob('${folder.path}/spill/*/*') _r0(_c0)`,
        `SELECT _c0 FROM "${folder.path}/spill/*/*" _r0(_c0)`,
      ])
        await assert.rejects(read(child.run(statement(text, 1))), (error: { code: string; message: string }) => {
          assert.doesNotMatch(error.message, /[0-9a-f]{32}/, text);
          return ['invalid_request', 'internal'].includes(error.code);
        });
    } finally {
      await pool.close();
    }
  });
});

describe('ten clients with heavy groups', () => {
  it('are all answered, though together they need many times the memory', async () => {
    using folder = createTemporaryFolder('heavy-clients');
    const rows = 600_000;
    const file = join(folder.path, 'a.parquet');
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(
      `COPY (SELECT range AS id, 'name of row ' || range AS name FROM range(${rows})) TO '${file}' (FORMAT parquet)`,
    );
    connection.closeSync();
    instance.closeSync();
    const pool = createPool(folder.path, { path: join(folder.path, 'spill'), bytesMax: spillBytes });
    const runner = createRunner(pool, { folder: folder.path, file: 'a.parquet', rows });
    try {
      const answers = await Promise.all(
        Array.from({ length: 10 }, async (_, client) => {
          const query = await runner.start({
            queryId: `q-${client}`,
            user: `user:${client % 3}`,
            plan: groupPlan,
            consistency: 'committed',
            shape: 'array',
            separator: ',',
            deadlineMs: 600_000,
            signal: never,
          });
          const texts: Buffer[] = [];
          for await (const piece of query.pieces()) texts.push(...piece.texts);
          return Buffer.concat(texts).toString();
        }),
      );
      const expected = `[${rows - 1},"name of row ${rows - 1}",1],[${rows - 2},"name of row ${rows - 2}",1]`;
      assert.deepEqual(answers, Array(10).fill(expected));
      assert.deepEqual([runner.running, runner.waiting, runner.grantedBytes], [0, 0, 0]);
    } finally {
      runner.close();
      await pool.close();
    }
  });
});

const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'name', type: 'string' },
];
const [id, name] = columns.map((column): PlanExpression => ({ kind: 'column', relation: 'e', name: column.name })) as [
  PlanExpression,
  PlanExpression,
];
const groupPlan = finishPlan({
  kind: 'query',
  body: {
    kind: 'select',
    projections: [
      { name: 'id', value: id },
      { name: 'name', value: name },
      { name: 'n', value: { kind: 'call', function: 'count', arguments: [] } },
    ],
    from: { kind: 'scan', source: 'events', alias: 'e', columns: ['id', 'name'] },
    groupBy: [
      { kind: 'key', value: id },
      { kind: 'key', value: name },
    ],
  },
  orderBy: [{ value: id, direction: 'desc', nulls: 'last' }],
  limit: { kind: 'literal', type: 'bigint', value: 2 },
});

function createRunner(
  pool: ExecutorPool,
  at: { readonly folder: string; readonly file: string; readonly rows: number },
) {
  const table: TableState = {
    sourceId: 'events',
    location: at.folder,
    version: 1,
    columns,
    schemaVersion: 1,
    files: [
      {
        path: at.file,
        bytes: statSync(join(at.folder, at.file)).size,
        rows: at.rows,
        partition: {},
        columns: {},
        modified_at: 0,
      },
    ],
    txn: new Map(),
    committedAtMs: undefined,
  };
  const engine = {
    appId: 'hybridstore/acme-0/1',
    snapshot: async () => table,
    bringToLocal: async (paths: readonly string[]) => paths,
    pin: () => ({ release: () => {} }),
  } as unknown as Engine;
  return new QueryRunner(
    {
      engine,
      executor: pool,
      members: { knowsAll: true, peers: () => [] },
      marks: new LogMarks(),
      feed: { note: () => {} },
      results: new ResultCache({ bytesMax: 0, answerBytesMax: 0 }),
      clock: systemClock,
      logger: silentLogger,
      node: 'acme-0',
      observeWait: () => {},
    },
    {
      concurrentMax: 10,
      waitingMax: 100,
      statementMsMax: 600_000,
      resultRowsMax: 100,
      resultBytesMax: 100_000,
      memoryBytesMax: memoryBytes,
    },
  );
}

function statement(text: string, outputs: number): StatementRequest {
  return {
    text,
    parameters: [],
    outputs: Array.from({ length: outputs }, (_, index) => ({ name: `v${index}`, type: undefined })),
    views: [],
    shape: 'array',
    separator: ',',
    rowsMax: 10_000_000,
    bytesMax: 1_000_000_000,
  };
}

async function read(execution: Execution): Promise<unknown> {
  const texts: Buffer[] = [];
  for await (const piece of execution.pieces()) texts.push(...piece.texts);
  return JSON.parse(`[${Buffer.concat(texts).toString('utf8')}]`);
}

function listFiles(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);
}

const looksMax = 12_000;

async function untilSpilled(path: string): Promise<void> {
  for (let look = 0; listFiles(path).length === 0; look += 1) {
    assert.ok(look < looksMax, 'nothing was spilled');
    await systemClock.sleep(5);
  }
}
