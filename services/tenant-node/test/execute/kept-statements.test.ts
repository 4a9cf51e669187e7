import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it, mock } from 'node:test';
import { DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import type { StatementRequest } from '../../src/domain/ports.ts';
import { ChildSession } from '../../src/execute/child/child-session.ts';
import { IdleConnections } from '../../src/execute/child/idle-connections.ts';
import type { FromChild } from '../../src/execute/messages.ts';
import { buildFrame } from './frames.ts';

/*
 * What a statement costs is counted: calls into the engine, each of which takes a thread and back.
 */

describe('a statement that a child has seen before', () => {
  const folder = createTemporaryFolder('kept');
  const files = Array.from({ length: 6 }, (_, index) => ({
    path: join(folder.path, `${index}.parquet`),
    partition: {},
  }));
  const calls: string[] = [];
  let session: ChildSession;
  let ended: PromiseWithResolvers<FromChild>;
  let rows = '';
  let query = 0;

  before(async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    for (const [index, { path }] of files.entries())
      await connection.run(
        `COPY (SELECT r AS id FROM range(${index * 100}, ${index * 100 + 100}) t(r)) TO '${path}' (FORMAT parquet)`,
      );
    instance.closeSync();
    session = await ChildSession.create(
      { filesFolder: join(folder.path, 'executor'), secret: 'a'.repeat(32), memoryLimit: '256MB', threads: 1 },
      {
        send: (message, payload) => {
          if (message.kind === 'rows') rows += (payload ?? []).join('');
          if (message.kind === 'ended' || message.kind === 'failed') ended.resolve(message);
        },
        fail: (error) => assert.fail(String(error)),
      },
    );
    count(DuckDBConnection.prototype, 'run', 'prepare');
    count(DuckDBPreparedStatement.prototype, 'run', 'stream');
    count(DuckDBResult.prototype, 'fetchChunk');
  });
  beforeEach(() => calls.splice(0));
  after(() => {
    mock.restoreAll();
    folder[Symbol.dispose]();
  });

  it('takes one call into the engine where its rows are few', async () => {
    const short = { text: 'SELECT count(*), max(_c0) FROM _s0 WHERE _c0 >= CAST($1 AS BIGINT)', rowsAtMost: 1 };
    for (const value of [0, 100, 599, 600]) {
      calls.splice(0);
      const parameters = [{ type: 'bigint', value }];
      assert.equal(
        await ask({ ...short, parameters, outputs: ['n', 'm'] }),
        `[${600 - value},${value < 600 ? 599 : 'null'}]\n`,
      );
    }
    // The last one: the first passes the gate, the second is prepared under the names that stay, the third as well.
    assert.deepEqual(calls, ['prepared.run']);
  });

  it('is not prepared again where nobody knows how many its rows are', async () => {
    for (let round = 0; round < 4; round += 1) {
      calls.splice(0);
      assert.equal((await ask({ text: 'SELECT _c0 FROM _s0 ORDER BY _c0' })).split('\n').length, 601);
    }
    assert.deepEqual([...new Set(calls)], ['connection.run', 'prepared.stream', 'result.fetchChunk']);
    assert.equal(calls.filter((name) => name === 'connection.run').length, 2);
  });

  it('gives more rows than were foretold, and fails where it is to fail', async () => {
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await ask({ text: 'SELECT _c0 FROM _s0, range(20)', rowsAtMost: 1 })).split('\n').length, 12_001);
      await assert.rejects(
        ask({ text: "SELECT CAST('x' || _c0 AS BIGINT) FROM _s0 LIMIT 1", rowsAtMost: 1 }),
        /invalid_request/,
      );
      await assert.rejects(ask({ text: 'SELECT _c0 FROM _s0 LIMIT 5', rowsAtMost: 5, rowsMax: 4 }), /too_large/);
    }
  });

  it('is planned anew over fresh rows, of which more may have come', async () => {
    const log = 'hybridstore/acme-0/1';
    const columns = [{ name: 'id', type: 'bigint' }];
    for (let lsn = 1; lsn <= 5; lsn += 1) {
      // Each far beyond what the table held before.
      const frame = buildFrame({ sourceId: 'sales', columns, lsn, records: [{ id: 10 ** (lsn + 2) }] });
      session.load('sales', { log, afterLsn: lsn - 1, untilLsn: lsn }, frame);
      const view = { fresh: [{ log, afterLsn: 0, untilLsn: lsn }] };
      for (const text of [
        'SELECT count(*) FROM _s0 WHERE _c0 >= 600',
        'SELECT count(*) FROM (SELECT _c0 FROM _s0 GROUP BY _c0 HAVING _c0 >= 600)',
      ])
        assert.equal(await ask({ text, rowsAtMost: 1 }, view), `[${lsn}]\n`);
    }
    // Nor is it run again over the same rows of a table that has grown.
    const view = { fresh: [{ log, afterLsn: 0, untilLsn: 5 }] };
    for (let round = 0; round < 3; round += 1) {
      calls.splice(0);
      assert.equal(await ask({ text: 'SELECT count(*) FROM _s0', rowsAtMost: 1 }, view), '[605]\n');
      assert.ok(calls.includes('connection.prepare') && calls.includes('prepared.stream'), String(calls));
    }
    // And back to a view without them, as after a flush.
    assert.equal(await ask({ text: 'SELECT count(*) FROM _s0 WHERE _c0 >= 600', rowsAtMost: 1 }), '[0]\n');
  });

  it('leaves none of its files where the engine may open them', async () => {
    for (let round = 0; round < 3; round += 1) await ask({ text: 'SELECT sum(_c0) FROM _s0' });
    while (readdirSync(join(folder.path, 'executor', 'open')).length > 0) await new Promise(setImmediate);
    assert.ok(readdirSync(join(folder.path, 'executor', 'kept')).length > 0);
  });

  it('reads the file that has taken the place of a damaged one', async () => {
    for (const { path } of [files[0]!, files[3]!]) {
      const bytes = readFileSync(path);
      const text = 'SELECT count(*), sum(_c0) FROM _s0 WHERE _c0 + 1 > 0';
      const request = { text, rowsAtMost: 1, outputs: ['n', 'm'] };
      for (let round = 0; round < 3; round += 1) assert.equal(await ask(request), '[600,179700]\n');
      // In its place, so that all names of it lead to the damage.
      writeFileSync(path, Buffer.alloc(bytes.length));
      await assert.rejects(ask({ ...request, text: 'SELECT sum(_c0), 1 FROM _s0' }), /corrupt/);
      putBack(path, bytes);
      for (let round = 0; round < 3; round += 1) assert.equal(await ask(request), '[600,179700]\n');
    }
  });

  /** As who puts a file back does: another file under the name. */
  function putBack(path: string, bytes: Buffer): void {
    writeFileSync(`${path}.new`, bytes);
    renameSync(`${path}.new`, path);
  }

  function count(prototype: object, ...names: readonly string[]): void {
    const kind = { DuckDBConnection: 'connection', DuckDBPreparedStatement: 'prepared', DuckDBResult: 'result' }[
      prototype.constructor.name
    ];
    for (const name of names) {
      const real = Reflect.get(prototype, name);
      mock.method(prototype as Record<string, () => unknown>, name, function (this: unknown, ...values: unknown[]) {
        calls.push(`${kind}.${name}`);
        return Reflect.apply(real, this, values);
      } as () => unknown);
    }
  }

  async function ask(
    {
      outputs = ['x'],
      ...request
    }: Partial<Omit<StatementRequest, 'outputs'>> & { readonly text: string; readonly outputs?: readonly string[] },
    view: object = {},
  ): Promise<string> {
    ended = Promise.withResolvers();
    rows = '';
    query += 1;
    session.run({
      query,
      parameters: [],
      views: [
        {
          name: '_s0',
          source: 'sales',
          columns: [{ name: 'id', as: '_c0', type: 'bigint', position: 0 }],
          files,
          hasAbsentColumns: false,
          bounds: [],
          fresh: [],
          ...view,
        },
      ],
      shape: 'array',
      separator: '\n',
      rowsMax: 100_000,
      bytesMax: 10_000_000,
      ...request,
      outputs: outputs.map((name) => ({ name })),
    });
    const end = await ended.promise;
    if (end.kind === 'failed') throw new Error(JSON.stringify(end.failure));
    return rows;
  }
});

it('a plan of the engine that is kept does not see that its table has grown, which is why it is made anew', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run('CREATE TABLE grown AS SELECT r AS x FROM range(100) t(r)');
  const beyond = await connection.prepare('SELECT count(*) FROM grown WHERE x > 1000');
  await connection.run('INSERT INTO grown VALUES (5000)');
  // 1, should the engine look again: then the child may keep plans over fresh rows as well.
  assert.deepEqual((await beyond.runAndReadAll()).getRowsJson(), [['0']]);
  instance.closeSync();
});

describe('connections that nobody uses', () => {
  it('are found by what they have prepared, are at most 64, and are closed after a minute', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const clock = new FakeClock();
    const idle = new IdleConnections(clock);
    const prepare = async (text: string) => {
      const connection = await instance.connect();
      return { connection, text, statement: await connection.prepare(text) };
    };
    for (let index = 0; index < 70; index += 1) {
      const { connection, ...prepared } = await prepare(`SELECT ${index}`);
      idle.put(connection, prepared);
    }
    assert.equal(idle.size, 64);
    // The first were closed to make room; for their texts another one has to give up its own.
    assert.equal(idle.take('SELECT 0')?.prepared, undefined);
    const kept = idle.take('SELECT 69');
    assert.equal(kept?.prepared?.text, 'SELECT 69');
    assert.equal(idle.take('SELECT 69'), undefined);
    const [answer] = (await kept!.prepared!.statement.runAndReadAll()).getRowsJson();
    assert.deepEqual(answer, [69]);
    // What is no SELECT, or has a text without end, is not kept.
    const change = await prepare('CREATE TABLE t (x INTEGER)');
    idle.put(change.connection, change);
    const long = await prepare(`SELECT '${'x'.repeat(70_000)}'`);
    idle.put(long.connection, long);
    assert.equal(idle.take(change.text)?.prepared, undefined);
    assert.equal(idle.take(long.text)?.prepared, undefined);
    await clock.advance(30_000);
    idle.put(kept!.connection, kept!.prepared);
    await clock.advance(30_000);
    assert.equal(idle.size, 1);
    await clock.advance(60_000);
    assert.equal(idle.size, 0);
    instance.closeSync();
  });
});
