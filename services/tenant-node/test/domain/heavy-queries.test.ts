import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogicalPlan, PlanExpression } from '@hybridstore/contracts';
import type { Engine, SourceState, TableState } from '@hybridstore/engine';
import { finishPlan } from '@hybridstore/plan';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { LogMarks } from '../../src/domain/log-marks.ts';
import type { Execution, ExecutorChild } from '../../src/domain/ports.ts';
import { type QueryLimits, type QueryRequest, QueryRunner, type RunningQuery } from '../../src/domain/query-runner.ts';
import { ResultCache } from '../../src/domain/result-cache.ts';

/*
 * 1,000 bytes of memory: 800 for heavy statements, each of which counts for 100 at least, and 200 for the others. A row of
 * the table takes 32 bytes, so that an order of all 10 rows is predicted at 480.
 */
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
  files: [{ path: 'a.parquet', bytes: 100, rows: 10, partition: {}, columns: {}, modified_at: 0 }],
  txn: new Map(),
  committedAtMs: undefined,
};
const id: PlanExpression = { kind: 'column', relation: 'e', name: 'id' };
const light = planOf({});
const heavy = planOf({ orderBy: [{ value: id, direction: 'asc', nulls: 'last' }] });
const outOfMemory = new HybridStoreError('too_large', 'the statement needs more memory', { limit: 'memory' });

function planOf(more: object): LogicalPlan {
  return finishPlan({
    kind: 'query',
    body: {
      kind: 'select',
      projections: [{ name: 'id', value: id }],
      from: { kind: 'scan', source: 'events', alias: 'e', columns: ['id'] },
    },
    ...more,
  });
}

/** A statement that was started, and ends when the test says so. */
class Started implements Execution {
  readonly #start = Promise.withResolvers<readonly { name: string; type: string }[]>();
  readonly #end = Promise.withResolvers<{ rows: number; freshRows: number }>();
  readonly started = this.#start.promise;
  readonly ended = this.#end.promise;

  constructor() {
    for (const promise of [this.started, this.ended]) promise.catch(() => {});
  }

  async *pieces() {
    yield { texts: [Buffer.from('[1]')], rows: 1, bytes: 3 };
    await this.ended;
  }

  begin(): void {
    this.#start.resolve(columns);
  }

  finish(): void {
    this.begin();
    this.#end.resolve({ rows: 1, freshRows: 0 });
  }

  fail(error: Error): void {
    this.#start.reject(error);
    this.#end.reject(error);
  }

  cancel(reason: Error): void {
    this.fail(reason);
  }
}

function createWorld(more: Partial<QueryLimits> = {}) {
  const clock = new FakeClock();
  const started: Started[] = [];
  const waits: number[] = [];
  let pins = 0;
  const child: ExecutorChild = {
    heldLsn: () => 0,
    load: () => {},
    forget: () => {},
    run: () => {
      const execution = new Started();
      started.push(execution);
      return execution;
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
  } as unknown as Engine;
  const runner = new QueryRunner(
    {
      engine,
      executor,
      members: { knowsAll: true, peers: () => [] },
      marks: new LogMarks(),
      feed: { note: () => {} },
      results: new ResultCache({ bytesMax: 0, answerBytesMax: 0 }),
      clock,
      logger: silentLogger,
      node: 'acme-0',
      observeWait: (ms) => waits.push(ms),
    },
    {
      concurrentMax: 4,
      waitingMax: 4,
      statementMsMax: 60_000,
      resultRowsMax: 100,
      resultBytesMax: 1_000,
      memoryBytesMax: 1_000,
      ...more,
    },
  );
  return { clock, runner, started, waits, pins: () => pins };
}

let queries = 0;
function request(plan: LogicalPlan, more: Partial<QueryRequest> = {}): QueryRequest {
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

function start(runner: QueryRunner, asked: QueryRequest): Promise<RunningQuery> {
  const running = runner.start(asked);
  running.catch(() => {});
  return running;
}

describe('heavy queries', () => {
  it('wait for memory in no place, hold no files meanwhile, and hold up no others', async () => {
    const { clock, runner, started, waits, pins } = createWorld({ concurrentMax: 2 });
    const [first, second] = [request(heavy), request(heavy)].map((asked) => start(runner, asked));
    await clock.advance(0);
    assert.deepEqual([started.length, runner.running, runner.waiting, runner.grantedBytes], [1, 1, 1, 480]);
    const short = start(runner, request(light));
    await clock.advance(1_000);
    assert.deepEqual([started.length, runner.running, pins()], [2, 2, 2]);
    started[1]?.finish();
    await (await short).finished;
    started[0]?.finish();
    await (await first)?.finished;
    await clock.advance(0);
    assert.deepEqual([started.length, runner.running, runner.waiting], [3, 1, 0]);
    started[2]?.finish();
    const answer = await second;
    await answer?.finished;
    assert.equal(answer?.stats().queue_ms, 1_000);
    assert.deepEqual([runner.running, runner.grantedBytes, pins()], [0, 0, 0]);
    // Two places at once, one of the short one, the wait for memory, and a place again.
    assert.deepEqual(waits, [0, 0, 0, 1_000, 0]);
  });

  it('run at once as far as their memory goes', async () => {
    const { clock, runner, started } = createWorld({ memoryBytesMax: 1_300 });
    for (const asked of [request(heavy), request(heavy), request(heavy)]) start(runner, asked);
    await clock.advance(0);
    assert.deepEqual([started.length, runner.grantedBytes, runner.waiting], [2, 960, 1]);
  });

  it('are refused beyond their line, with the place in it and a time to come back', async () => {
    const { clock, runner } = createWorld({ waitingMax: 1 });
    for (const asked of [request(heavy), request(heavy)]) start(runner, asked);
    await clock.advance(0);
    await assert.rejects(runner.start(request(heavy)), (error: HybridStoreError) => {
      assert.deepEqual([error.code, error.details['position']], ['overloaded', 2]);
      assert.ok(Number(error.details['retry_after_ms']) >= 1_000);
      return true;
    });
    assert.deepEqual([runner.running, runner.waiting], [1, 1]);
  });

  it('that wait for most of their time are refused as such, the others at their deadline', async () => {
    const { clock, runner, started } = createWorld();
    start(runner, request(heavy, { deadlineMs: 60_000 }));
    const refused = assert.rejects(start(runner, request(heavy, { deadlineMs: 1_000 })), { code: 'overloaded' });
    await clock.advance(749);
    assert.equal(runner.waiting, 1);
    await clock.advance(1);
    await refused;
    assert.equal(runner.waiting, 0);
    // The wait counts: what is left of the second's time ends it while it runs.
    const late = start(runner, request(heavy, { deadlineMs: 1_000 }));
    await clock.advance(700);
    started[0]?.finish();
    await clock.advance(299);
    assert.equal(started.length, 2);
    const ended = assert.rejects(late, { code: 'deadline_exceeded' });
    await clock.advance(1);
    await ended;
    assert.deepEqual([runner.running, runner.grantedBytes], [0, 0]);
  });

  it('that are cancelled or left in line leave their place to the next', async () => {
    const { clock, runner, started } = createWorld();
    start(runner, request(heavy));
    await clock.advance(0);
    const leaving = new AbortController();
    const cancelled = request(heavy);
    const left = start(runner, request(heavy, { signal: leaving.signal }));
    const stopped = start(runner, cancelled);
    const last = start(runner, request(heavy));
    await clock.advance(0);
    assert.equal(runner.waiting, 3);
    leaving.abort();
    await assert.rejects(left, { code: 'unavailable', message: 'the caller went away' });
    assert.equal(runner.cancel(cancelled.queryId), true);
    await assert.rejects(stopped, { message: 'the query was cancelled' });
    assert.equal(runner.waiting, 1);
    started[0]?.finish();
    await clock.advance(0);
    started[1]?.finish();
    await (await last).finished;
    assert.deepEqual([started.length, runner.grantedBytes], [2, 0]);
  });

  it('keep their memory until the engine has let go of them', async () => {
    const { clock, runner, started } = createWorld();
    const asked = request(heavy);
    start(runner, asked);
    await clock.advance(0);
    const [execution] = started;
    assert.ok(execution);
    let stop: (() => void) | undefined;
    execution.cancel = (reason) => {
      stop = () => execution.fail(reason);
    };
    runner.cancel(asked.queryId);
    await clock.advance(100);
    assert.equal(runner.grantedBytes, 480);
    stop?.();
    await clock.advance(0);
    assert.equal(runner.grantedBytes, 0);
  });

  it('in line hold up a node that settles, and end with it', async () => {
    const { clock, runner, started } = createWorld();
    start(runner, request(heavy));
    const second = start(runner, request(heavy));
    await clock.advance(0);
    let isSettled = false;
    void runner.settle(30_000).then(() => {
      isSettled = true;
    });
    started[0]?.finish();
    await clock.advance(0);
    assert.equal(isSettled, false);
    started[1]?.finish();
    await (await second).finished;
    await clock.advance(0);
    assert.equal(isSettled, true);
    for (const asked of [request(heavy), request(heavy)]) start(runner, asked);
    await clock.advance(0);
    assert.equal(runner.waiting, 1);
    runner.close();
    await clock.advance(0);
    assert.deepEqual([runner.running, runner.waiting, runner.grantedBytes], [0, 0, 0]);
  });
});

describe('a statement that runs out of memory', () => {
  it('beside others is run once more, with all that there is and beside no heavy one', async () => {
    const { clock, runner, started } = createWorld({ memoryBytesMax: 1_300 });
    const [first, second] = [start(runner, request(heavy)), start(runner, request(heavy))];
    await clock.advance(0);
    started[1]?.fail(outOfMemory);
    await clock.advance(0);
    assert.deepEqual([started.length, runner.waiting, runner.grantedBytes], [2, 1, 480]);
    started[0]?.finish();
    await (await first).finished;
    await clock.advance(0);
    assert.deepEqual([started.length, runner.grantedBytes], [3, 1_040]);
    started[2]?.fail(outOfMemory);
    await assert.rejects(second, { code: 'too_large', details: { limit: 'memory' } });
    assert.deepEqual([started.length, runner.running, runner.grantedBytes], [3, 0, 0]);
  });

  it('or of room to spill, though it was taken for a light one, is run so too', async () => {
    const { clock, runner, started } = createWorld();
    const running = start(runner, request(light));
    await clock.advance(0);
    assert.equal(runner.grantedBytes, 0);
    started[0]?.fail(new HybridStoreError('too_large', 'the disk is full', { limit: 'spill', max: 7 }));
    await clock.advance(0);
    assert.deepEqual([started.length, runner.grantedBytes], [2, 800]);
    started[1]?.finish();
    await (await running).finished;
    assert.equal(runner.grantedBytes, 0);
  });

  it('though it was alone is refused at once', async () => {
    const { clock, runner, started } = createWorld();
    const running = start(runner, request(heavy));
    await clock.advance(0);
    started[0]?.fail(outOfMemory);
    await assert.rejects(running, { code: 'too_large' });
    assert.equal(started.length, 1);
  });

  it('after its first rows are out is not run again', async () => {
    const { clock, runner, started } = createWorld();
    const running = start(runner, request(light));
    await clock.advance(0);
    started[0]?.begin();
    const query = await running;
    started[0]?.fail(outOfMemory);
    await query.finished;
    await assert.rejects(Array.fromAsync(query.pieces()), { code: 'too_large' });
    assert.equal(started.length, 1);
  });

  it('or passes another bound is refused as before', async () => {
    const { clock, runner, started } = createWorld();
    const running = start(runner, request(light));
    await clock.advance(0);
    started[0]?.fail(new HybridStoreError('too_large', 'the result has more than 10 rows', { limit: 'rows', max: 10 }));
    await assert.rejects(running, { details: { limit: 'rows', max: 10 } });
    assert.equal(started.length, 1);
  });
});
