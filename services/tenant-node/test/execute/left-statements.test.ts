import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import {
  type Execution,
  type ExecutorChild,
  type RowPiece,
  type StatementRequest,
  ViewGone,
} from '../../src/domain/ports.ts';
import { ChildSession } from '../../src/execute/child/child-session.ts';
import { RunningStatement } from '../../src/execute/child/running-statement.ts';
import { ExecutorPool } from '../../src/execute/executor-pool.ts';
import type { FromChild } from '../../src/execute/messages.ts';
import { buildFrame } from './frames.ts';

const never = new AbortController().signal;
/** No machine is through with it before a test is. */
const endless = 'SELECT count(*) FROM range(1000000000000) _r0(_c0)';
/** Takes about half of the memory that there is. */
const sort =
  'SELECT _c0 FROM (SELECT _c0, hash(_c0) AS _c1, hash(_c0 + 1) AS _c2 FROM range(5000000) _r0(_c0)) _r1 ORDER BY _c1, _c2';
/** Long enough for the slowest machine; a child that is killed for its statement fails the test. */
const graceMs = 20_000;
/** After so many answers of a child that is busy, its statements have taken all threads that they can take. */
const turnsMin = 500;
const left = new Error('the reader left');

describe('a statement that is left', () => {
  const folder = createTemporaryFolder('left-statements');
  let pool: ExecutorPool;

  before(() => {
    pool = new ExecutorPool({
      session: { memoryLimit: '512MB', threads: 2 },
      disk: systemDisk,
      filesFolder: folder.path,
      newSecret: () => randomBytes(16).toString('hex'),
      dataKibMax: undefined,
      clock: systemClock,
      logger: silentLogger,
    });
  });
  after(async () => {
    await pool.close();
    folder[Symbol.dispose]();
  });

  const kinds: readonly (readonly [string, string])[] = [
    ['a scan', endless],
    ['a cross join', 'SELECT count(*) FROM range(10000000) _r0(_c0), range(10000000) _r1(_c1) WHERE _c0 + _c1 = 7'],
    ['a join by order', 'SELECT count(*) FROM range(3000000) _r0(_c0) JOIN range(3000000) _r1(_c1) ON _c0 < _c1'],
    [
      'a recursion',
      'WITH RECURSIVE _w0(_c5) AS (SELECT 1 UNION ALL SELECT _c5 + 1 FROM _w0 WHERE _c5 < 1000000000) SELECT max(_c5) FROM _w0',
    ],
    ['distinct values', 'SELECT count(DISTINCT _c0 % 1000000) FROM range(100000000000) _r0(_c0)'],
  ];
  for (const [what, text] of kinds)
    it(`ends although it would run for long: ${what}`, async () => {
      const child = await pool.acquire(never);
      const execution = child.run(statement(text));
      assert.deepEqual(await count(child.run(statement('SELECT 1'))), 1);
      execution.cancel(left, graceMs);
      await assert.rejects(execution.ended, left);
      assert.deepEqual([child.running, child.isGone], [0, false]);
    });

  it('gives back its memory, whether its reader left or its result passed a bound', async () => {
    const child = await pool.acquire(never);
    for (let time = 0; time < 3; time += 1) {
      const execution = child.run(statement(sort));
      // Its rows are sorted, and held, when the first one comes.
      await firstPiece(execution);
      execution.cancel(left, graceMs);
      await assert.rejects(execution.ended, left);
      await assert.rejects(count(child.run({ ...statement(sort), rowsMax: 1 })), { code: 'too_large' });
    }
    const last = child.run(statement(sort));
    assert.equal((await firstPiece(last)).rows > 0, true);
    last.cancel(left, graceMs);
    await assert.rejects(last.ended, left);
  });

  it('ends beside 63 others, at work or waiting for a thread, which go on', async () => {
    const child = await pool.acquire(never);
    const others = Array.from({ length: 63 }, () => child.run(statement(endless)));
    const last = child.run(statement(endless));
    for (let turn = 0; turn < turnsMin; turn += 1) await takeTurn(child);
    last.cancel(left, graceMs);
    await assert.rejects(last.ended, left);
    const [first, ...rest] = others;
    first?.cancel(left, graceMs);
    await assert.rejects(first?.ended ?? Promise.resolve(), left);
    assert.deepEqual([child.running, child.isGone], [62, false]);
    for (const execution of rest) execution.cancel(left, graceMs);
    await Promise.all(rest.map((execution) => assert.rejects(execution.ended, left)));
    assert.deepEqual([child.running, child.isGone], [0, false]);
    assert.equal(await count(child.run(statement('SELECT 1'))), 1);
  });

  it('disturbs no neighbour', async () => {
    const child = await pool.acquire(never);
    const neighbour = child.run(statement('SELECT sum(hash(_c0) % 10) > 0 FROM range(30000000) _r0(_c0)'));
    const reader = child.run(statement('SELECT _c0 FROM range(2000000) _r0(_c0)'));
    const rows = reader.pieces()[Symbol.asyncIterator]();
    const first = await rows.next();
    const leaving = Array.from({ length: 8 }, () => child.run(statement(endless)));
    for (const execution of leaving) execution.cancel(left, graceMs);
    await Promise.all(leaving.map((execution) => assert.rejects(execution.ended, left)));
    assert.equal(await count(neighbour), 1);
    let read = 0;
    for (let piece = first; !piece.done; piece = await rows.next()) read += piece.value.rows;
    assert.equal(read, 2_000_000);
  });
});

describe('a statement that waits for fresh rows', () => {
  it('ends when it is left, not when they are loaded', async () => {
    using folder = createTemporaryFolder('left-session');
    const sent: FromChild[] = [];
    const options = {
      filesFolder: join(folder.path, 'files'),
      secret: 'a'.repeat(32),
      memoryLimit: '256MB',
      threads: 1,
    };
    const session = await ChildSession.create(options, {
      send: (message) => sent.push(message),
      fail: (error) => assert.fail(String(error)),
    });
    const columns = [{ name: 'id', type: 'bigint' }];
    for (let index = 0; index < 100; index += 1) {
      const frame = buildFrame({ sourceId: `s${index}`, columns, lsn: 1, records: [{ id: 1 }] });
      session.load(`s${index}`, { log: 'hybridstore/acme-0/1', afterLsn: 0, untilLsn: 1 }, frame);
    }
    session.run({ query: 1, ...statement('SELECT 1') });
    session.run({ query: 2, ...statement('SELECT 2') });
    session.cancel(1);
    // Each table of fresh rows takes more than a turn.
    await new Promise(setImmediate);
    assert.deepEqual(
      sent.map((message) => [message.kind, message.query]),
      [['failed', 1]],
    );
    while (!sent.some((message) => message.kind === 'ended')) await new Promise(setImmediate);
    assert.deepEqual(
      sent.map((message) => [message.kind, message.query]),
      [
        ['failed', 1],
        ['started', 2],
        ['rows', 2],
        ['ended', 2],
      ],
    );
  });
});

describe('an interrupt', () => {
  it('comes again until the connection is taken away, since the engine may have missed it', async () => {
    const clock = new FakeClock();
    const running = new RunningStatement({ query: 1, ...statement('SELECT 1') }, clock);
    let interrupts = 0;
    running.connection = {
      interrupt: () => {
        interrupts += 1;
      },
    };
    await clock.advance(1_000);
    assert.equal(interrupts, 0);
    running.cancel();
    running.cancel();
    assert.equal(interrupts, 1);
    await clock.advance(100);
    const again = interrupts;
    assert.ok(again > 1);
    running.connection = undefined;
    await clock.advance(1_000);
    assert.deepEqual([interrupts, clock.pending], [again, 0]);
    await assert.rejects(running.takeCredit(1), { message: 'the statement was stopped' });
  });
});

function statement(text: string): StatementRequest {
  return {
    text,
    parameters: [],
    outputs: [{ name: 'v', type: undefined }],
    views: [],
    shape: 'array',
    separator: ',',
    rowsMax: 10_000_000,
    bytesMax: 1_000_000_000,
  };
}

async function count(execution: Execution): Promise<number> {
  let rows = 0;
  for await (const piece of execution.pieces()) rows += piece.rows;
  return rows;
}

async function firstPiece(execution: Execution): Promise<RowPiece> {
  const { value, done } = await execution.pieces()[Symbol.asyncIterator]().next();
  assert.ok(!done);
  return value;
}

/** The child answers without a thread: no fresh rows of that view are held. */
async function takeTurn(child: ExecutorChild): Promise<void> {
  const view = { name: '_s0', source: 'none', columns: [], files: [], hasAbsentColumns: false, bounds: [] };
  const fresh = [{ log: 'hybridstore/acme-0/1', afterLsn: 0, untilLsn: 1 }];
  const execution = child.run({ ...statement('SELECT 1 FROM _s0'), views: [{ ...view, fresh }] });
  await assert.rejects(execution.ended, ViewGone);
}
