import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Engine, SourceState, TableState } from '@hybridstore/engine';
import { finishPlan } from '@hybridstore/plan';
import { columnsVersion, HybridStoreError, type LogFields, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { FreshFeed } from '../../src/domain/fresh-feed.ts';
import { LogMarks } from '../../src/domain/log-marks.ts';
import { type Execution, ExecutionLost, type ExecutorChild, ViewGone } from '../../src/domain/ports.ts';
import { type QueryRequest, QueryRunner } from '../../src/domain/query-runner.ts';
import { ResultCache } from '../../src/domain/result-cache.ts';

const columns = [{ name: 'id', type: 'bigint' }];
const source: SourceState = {
  sourceId: 'events',
  definition: { source_id: 'events', columns },
  columns,
  schemaVersion: 1,
  tableVersion: 3,
};
const table: TableState = {
  sourceId: 'events',
  location: 'tables/events/1',
  version: 3,
  columns,
  schemaVersion: 1,
  files: [],
  txn: new Map(),
  committedAtMs: undefined,
};
const plan = finishPlan({
  kind: 'query',
  body: {
    kind: 'select',
    projections: [{ name: 'id', value: { kind: 'column', relation: 'e', name: 'id' } }],
    from: { kind: 'scan', source: 'events', alias: 'e', columns: ['id'] },
  },
});

/** What one try of a statement does. */
type Try = 'answers' | 'hangs' | Error;

function createWorld(tries: readonly Try[], slow: Partial<Pick<Engine, 'source' | 'snapshot' | 'bringToLocal'>> = {}) {
  const clock = new FakeClock();
  const log: string[] = [];
  const logged: [string, LogFields | undefined][] = [];
  const record = (event: string, fields?: LogFields) => {
    logged.push([event, fields]);
  };
  let pins = 0;
  const left = [...tries];
  const child: ExecutorChild = {
    heldLsn: () => 0,
    load: () => {},
    forget: () => {},
    run: () => {
      log.push('run');
      return createExecution(left.shift() ?? 'answers', log);
    },
  };
  const executor = { acquire: async () => child, current: child, running: 1 };
  const engine = {
    appId: 'hybridstore/acme-0/1',
    source: async () => source,
    known: () => undefined,
    snapshot: async () => table,
    bringToLocal: async (keys: readonly string[]) => keys,
    fresh: () => ({ acknowledgedLsn: 0, committedLsn: 0, tableVersion: 3, frames: [] }),
    pin: () => {
      pins += 1;
      return {
        release: () => {
          pins -= 1;
        },
      };
    },
    ...slow,
  } as unknown as Engine;
  const runner = new QueryRunner(
    {
      engine,
      executor,
      members: { knowsAll: true, peers: () => [] },
      marks: new LogMarks(),
      feed: new FreshFeed(engine, executor, clock),
      results: new ResultCache({ bytesMax: 0, answerBytesMax: 0 }),
      clock,
      logger: { ...silentLogger, info: record, error: record },
      node: 'acme-0',
      observeWait: () => {},
    },
    {
      concurrentMax: 1,
      waitingMax: 1,
      statementMsMax: 60_000,
      resultRowsMax: 100,
      resultBytesMax: 1_000,
      memoryBytesMax: 1_000,
    },
  );
  return { clock, runner, log, logged, pins: () => pins };
}

function createExecution(attempt: Try, log: string[]): Execution {
  const started = Promise.withResolvers<readonly { name: string; type: string }[]>();
  const ended = Promise.withResolvers<{ rows: number; freshRows: number }>();
  for (const { promise } of [started, ended]) promise.catch(() => {});
  const fail = (error: Error) => {
    started.reject(error);
    ended.reject(error);
  };
  if (attempt instanceof Error) fail(attempt);
  else if (attempt === 'answers') {
    started.resolve([{ name: 'id', type: 'bigint' }]);
    ended.resolve({ rows: 1, freshRows: 0 });
  }
  return {
    started: started.promise,
    ended: ended.promise,
    pieces: async function* () {
      yield { texts: [Buffer.from('[1]')], rows: 1, bytes: 3 };
      await ended.promise;
    },
    cancel: (reason, graceMs) => {
      log.push(`cancel within ${graceMs}`);
      fail(reason);
    },
  };
}

let queries = 0;
function request(more: Partial<QueryRequest> = {}): QueryRequest {
  return {
    queryId: `q-${++queries}`,
    user: 'user:ada',
    plan,
    consistency: 'strict',
    shape: 'array',
    separator: ',',
    deadlineMs: 10_000,
    signal: new AbortController().signal,
    ...more,
  };
}

describe('a query', () => {
  it('holds its files until its last row is out', async () => {
    const { runner, pins } = createWorld(['answers']);
    const query = await runner.start(request());
    assert.deepEqual(query.columns, [{ name: 'id', type: 'bigint' }]);
    await query.finished;
    assert.deepEqual([pins(), runner.running], [0, 0]);
    assert.deepEqual(query.stats().snapshots, { events: 3 });
  });

  it('starts again when its view is gone or its child died for another one', async () => {
    const { runner, log, pins } = createWorld([new ViewGone(), new ExecutionLost(true), 'answers']);
    await (await runner.start(request())).finished;
    assert.deepEqual([log, pins()], [['run', 'run', 'run'], 0]);
  });

  it('is unavailable when it lost its child itself, or too often', async () => {
    const guilty = createWorld([new ExecutionLost(false), 'answers']);
    await assert.rejects(guilty.runner.start(request()), { code: 'unavailable' });
    assert.deepEqual([guilty.log, guilty.pins()], [['run'], 0]);
    const unlucky = createWorld([new ViewGone(), new ViewGone(), new ViewGone(), 'answers']);
    await assert.rejects(unlucky.runner.start(request()), { code: 'unavailable' });
    assert.equal(unlucky.log.length, 3);
  });

  it('is not run again for a fault of its own', async () => {
    const { runner, log } = createWorld([new HybridStoreError('invalid_request', 'x'), 'answers']);
    await assert.rejects(runner.start(request()), { code: 'invalid_request' });
    assert.deepEqual(log, ['run']);
  });

  it("whose engine says more than may be said is answered with its id, under which the log has the engine's words", async () => {
    const cause = new Error('Binder: words of the engine');
    const { runner, logged } = createWorld([
      new HybridStoreError('invalid_request', 'x', { field: 'plan' }, { cause }),
    ]);
    const failed = request();
    await assert.rejects(runner.start(failed), {
      code: 'invalid_request',
      message: 'x',
      details: { field: 'plan', query_id: failed.queryId },
    });
    const fields = { query_id: failed.queryId, code: 'invalid_request', engine: cause.message };
    assert.deepEqual(logged, [['statement_failed', fields]]);
    const plain = createWorld([new HybridStoreError('invalid_request', 'x')]);
    await assert.rejects(plain.runner.start(request()), { message: 'x', details: {} });
    assert.deepEqual(plain.logged, []);
  });

  it('ends at its deadline, also while it waits for its turn', async () => {
    const { clock, runner, log } = createWorld(['hangs', 'answers']);
    const first = runner.start(request({ deadlineMs: 1_000 }));
    const second = runner.start(request({ deadlineMs: 500 }));
    const ends = Promise.allSettled([first, second]);
    await clock.advance(499);
    assert.deepEqual([runner.running, runner.waiting], [1, 1]);
    await clock.advance(1);
    assert.equal(runner.waiting, 0);
    await clock.advance(500);
    const codes = (await ends).map((end) => end.status === 'rejected' && end.reason.code);
    assert.deepEqual(codes, ['deadline_exceeded', 'deadline_exceeded']);
    assert.deepEqual(log, ['run', 'cancel within 200']);
  });

  it('beyond the line is refused, and one id runs once', async () => {
    const { clock, runner } = createWorld(['hangs']);
    const same = request();
    const ends = Promise.allSettled([runner.start(same), runner.start(request())]);
    await clock.advance(0);
    await assert.rejects(runner.start(request()), { code: 'overloaded' });
    await assert.rejects(runner.start(same), { code: 'conflict' });
    assert.equal(runner.cancel(same.queryId), true);
    assert.equal(runner.cancel('q-unknown'), false);
    const [cancelled, next] = await ends;
    assert.equal(cancelled?.status === 'rejected' && cancelled.reason.message, 'the query was cancelled');
    assert.equal(next?.status, 'fulfilled');
  });

  const slowSteps: readonly (readonly [string, Parameters<typeof createWorld>[1]])[] = [
    ['a version of its table', { snapshot: () => new Promise<never>(() => {}) }],
    ['files from the store', { bringToLocal: () => new Promise<never>(() => {}) }],
  ];
  for (const [what, slow] of slowSteps)
    for (const consistency of ['strict', 'committed'] as const)
      it(`that is left gives its place to the next while it still waits for ${what} (${consistency})`, async () => {
        const { clock, runner, log, pins } = createWorld(['answers'], slow);
        const leaving = new AbortController();
        const first = runner.start(request({ consistency, signal: leaving.signal }));
        const second = request({ consistency });
        const ends = Promise.allSettled([first, runner.start(second)]);
        await clock.advance(0);
        assert.deepEqual([runner.running, runner.waiting], [1, 1]);
        leaving.abort();
        await assert.rejects(first, { code: 'unavailable', message: 'the caller went away' });
        assert.deepEqual([runner.running, runner.waiting], [1, 0]);
        runner.cancel(second.queryId);
        await ends;
        assert.deepEqual([runner.running, pins(), log], [0, 0, []]);
      });

  it('that has left holds no files, also where its view comes later', async () => {
    const late = Promise.withResolvers<TableState>();
    const { clock, runner, pins } = createWorld([], { snapshot: () => late.promise });
    const left = request({ consistency: 'committed' });
    const end = assert.rejects(runner.start(left), { message: 'the query was cancelled' });
    await clock.advance(0);
    runner.cancel(left.queryId);
    await end;
    late.resolve(table);
    await clock.advance(0);
    assert.deepEqual([pins(), runner.running], [0, 0]);
  });

  it('ends with its node', async () => {
    const { clock, runner } = createWorld(['hangs']);
    const ends = Promise.allSettled([runner.start(request())]);
    await clock.advance(0);
    runner.close();
    const [end] = await ends;
    assert.equal(end?.status === 'rejected' && end.reason.code, 'unavailable');
    await assert.rejects(runner.start(request()), { code: 'unavailable' });
  });
});

describe('a plan that was made for columns', () => {
  const restsOn = (of: readonly { readonly name: string; readonly type: string; readonly collation?: string }[]) => ({
    restsOn: [{ source_id: 'events', columns: columnsVersion(of) }],
  });

  it('runs while its source has them', async () => {
    const world = createWorld(['answers']);
    await world.runner.start(request(restsOn([{ name: 'id', type: 'bigint' }])));
    assert.deepEqual(world.log, ['run']);
  });

  for (const [what, other] of [
    ['one more', [...columns, { name: 'note', type: 'string' }]],
    ['one of another type', [{ name: 'id', type: 'string' }]],
    ['one of another collation', [{ name: 'id', type: 'bigint', collation: 'nocase' }]],
    ['others', [{ name: 'note', type: 'string' }]],
  ] as const)
    it(`is refused where there was ${what}, and nothing is run`, async () => {
      const world = createWorld(['answers']);
      await assert.rejects(world.runner.start(request(restsOn(other))), (error: HybridStoreError) => {
        assert.deepEqual([error.code, error.details], ['conflict', { source_id: 'events', plan_too_old: true }]);
        return true;
      });
      assert.deepEqual([world.log, world.pins(), world.runner.running], [[], 0, 0]);
    });
});

describe('the feed of fresh rows', () => {
  it('loads what is new of a source that was asked for', async () => {
    const clock = new FakeClock();
    const log: string[] = [];
    let acknowledgedLsn = 5;
    let heldLsn = 0;
    const engine = {
      appId: 'hybridstore/acme-0/1',
      fresh: (_: string, afterLsn: number) => ({
        acknowledgedLsn,
        committedLsn: 2,
        tableVersion: 1,
        frames: [{ lsn: acknowledgedLsn, rows: 1, schemaVersion: 1, bytes: Buffer.from(`after ${afterLsn}`) }],
      }),
    };
    const child: ExecutorChild = {
      heldLsn: () => heldLsn,
      load: (name, range) => {
        heldLsn = range.untilLsn;
        log.push(`${name} ${range.afterLsn}..${range.untilLsn}`);
      },
      forget: (name) => void log.push(`forget ${name}`),
      run: () => assert.fail('nothing is run'),
    };
    const feed = new FreshFeed(engine, { current: child }, clock);
    feed.note('events');
    await clock.advance(200);
    acknowledgedLsn = 9;
    await clock.advance(100);
    assert.deepEqual(log, ['events 2..5', 'events 5..9']);
    feed.stop();
    acknowledgedLsn = 12;
    await clock.advance(100);
    assert.equal(log.length, 2);
  });

  it('lets go of a source that nobody asks for', async () => {
    const clock = new FakeClock();
    const log: string[] = [];
    const engine = {
      appId: 'hybridstore/acme-0/1',
      fresh: () => ({ acknowledgedLsn: 1, committedLsn: 0, tableVersion: 1, frames: [] }),
    };
    const child: ExecutorChild = {
      heldLsn: () => 0,
      load: () => void log.push('load'),
      forget: (name) => void log.push(`forget ${name}`),
      run: () => assert.fail('nothing is run'),
    };
    const feed = new FreshFeed(engine, { current: child }, clock);
    assert.equal(clock.pending, 0);
    feed.note('events');
    await clock.advance(10_000);
    const loads = log.length;
    await clock.advance(49_900);
    assert.equal(log.length, loads);
    await clock.advance(100);
    assert.equal(log.at(-1), 'forget events');
    assert.equal(clock.pending, 0);
    feed.note('events');
    assert.equal(clock.pending, 1);
    feed.stop();
  });
});
