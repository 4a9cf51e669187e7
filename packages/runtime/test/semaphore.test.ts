import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Semaphore } from '@hybridstore/runtime';
import fc from 'fast-check';

type Step = { readonly do: 'start' | 'finish' | 'fail' | 'abort'; readonly pick: number };
const step = fc.record({
  do: fc.constantFrom<Step['do']>('start', 'start', 'finish', 'fail', 'abort'),
  pick: fc.nat(50),
});

type Task = {
  state: 'waiting' | 'running' | 'over' | 'refused';
  readonly stop: AbortController;
  end: (error?: Error) => void;
};

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a semaphore', () => {
  it('never runs or keeps more than its bounds, loses no place, and forgets who leaves the line', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(step, { maxLength: 40 }),
        async (running, waiting, steps) => {
          const semaphore = new Semaphore({ running, waiting });
          const tasks: Task[] = [];
          const inState = (state: Task['state']) => tasks.filter((task) => task.state === state);
          for (const { do: what, pick } of steps) {
            if (what === 'start') tasks.push(startTask(semaphore));
            const among = inState(what === 'abort' ? 'waiting' : 'running');
            const task = among[pick % Math.max(1, among.length)];
            if (what === 'finish') task?.end();
            if (what === 'fail') task?.end(new Error('failed'));
            if (what === 'abort') task?.stop.abort(new Error('enough'));
            await settle();
            const isRunning = inState('running').length;
            const isWaiting = inState('waiting').length;
            assert.ok(isRunning <= running && isWaiting <= waiting);
            assert.deepEqual([semaphore.active, semaphore.waiting], [isRunning, isWaiting]);
            assert.ok(isWaiting === 0 || isRunning === running, 'nobody waits beside a free place');
          }
          for (const task of tasks) task.stop.abort(new Error('over'));
          for (const task of tasks) task.end();
          await settle();
          assert.deepEqual([semaphore.active, semaphore.waiting], [0, 0]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('lets tasks in as they came', async () => {
    const semaphore = new Semaphore({ running: 1, waiting: 10 });
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3, 4].map((number) =>
        semaphore.run(async () => {
          order.push(number);
        }),
      ),
    );
    assert.deepEqual(order, [1, 2, 3, 4]);
  });

  it('refuses one too many with the time to come back', async () => {
    const semaphore = new Semaphore({ running: 1, waiting: 0 });
    const task = startTask(semaphore);
    await assert.rejects(
      semaphore.run(async () => {}),
      { code: 'overloaded', details: { retry_after_ms: 1_000, position: 0 } },
    );
    task.end();
  });

  it('does not begin for a signal that is aborted already', async () => {
    const semaphore = new Semaphore({ running: 1, waiting: 1 });
    const reason = new Error('gone');
    await assert.rejects(
      semaphore.run(async () => assert.fail('ran'), AbortSignal.abort(reason)),
      reason,
    );
    assert.equal(semaphore.active, 0);
  });
});

function startTask(semaphore: Semaphore): Task {
  const gate = Promise.withResolvers<void>();
  const task: Task = {
    state: 'waiting',
    stop: new AbortController(),
    end: (error) => (error ? gate.reject(error) : gate.resolve()),
  };
  // Kept quiet for tasks that never run: nobody else looks at their gate.
  gate.promise.catch(() => {});
  const work = async () => {
    task.state = 'running';
    await gate.promise;
  };
  semaphore.run(work, task.stop.signal).then(
    () => {
      task.state = 'over';
    },
    () => {
      task.state = task.state === 'running' ? 'over' : 'refused';
    },
  );
  return task;
}
