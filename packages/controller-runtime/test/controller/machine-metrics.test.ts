import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { createMetrics, HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { Controller, type Reconcile } from '../../src/controller/controller.ts';
import { LeaderElection } from '../../src/controller/leader-election.ts';
import { createMachineMetrics } from '../../src/controller/machine-metrics.ts';
import { done, requeueAfter, wait } from '../../src/controller/reconcile-result.ts';

const key = (name: string) => ({ namespace: 'default', name });

function startController(reconcile: (clock: FakeClock) => Reconcile, workers = 1) {
  const clock = new FakeClock();
  const registry = createMetrics('operator-test');
  const metrics = createMachineMetrics(registry, 'hybridstore');
  const common = { clock, random: () => 0.999, logger: silentLogger, metrics, workers };
  const controller = new Controller({ ...common, name: 'test', reconcile: reconcile(clock) });
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  return {
    clock,
    controller,
    metrics,
    registry,
    read: (series: string) => readSeries(registry, series),
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

/** The value of `name{label="value",…}`, whatever else its labels are; undefined where there is no such series. */
async function readSeries(registry: { metrics(): Promise<string> }, series: string): Promise<number | undefined> {
  const [name = '', labels = ''] = series.replace('}', '').split('{');
  const wanted = labels.split(',').filter(Boolean);
  const line = (await registry.metrics())
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && wanted.every((label) => one.includes(label)));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

const ofQueue = 'name="test",controller="test"';

describe('the figures of a controller, as controller-runtime names them', () => {
  it('count reconciles by their result, and errors once more', async () => {
    const answers = [requeueAfter(1_000), wait('NodesStarting', 1_000), done()];
    let calls = 0;
    const { clock, controller, read, stop } = startController(() => async () => {
      calls += 1;
      if (calls > answers.length) throw new HybridStoreError('conflict', 'someone wrote first');
      return answers[calls - 1] ?? done();
    });
    controller.enqueue(key('a'));
    await clock.advance(5_000);
    controller.enqueue(key('a'));
    await clock.advance(50);
    const total = (result: string) => read(`controller_runtime_reconcile_total{controller="test",result="${result}"}`);
    assert.deepEqual(
      [await total('success'), await total('requeue_after'), await total('error'), await total('requeue')],
      [1, 2, 1, undefined],
    );
    assert.equal(await read('controller_runtime_reconcile_errors_total{controller="test"}'), 1);
    assert.equal(await read('controller_runtime_reconcile_time_seconds_count{controller="test"}'), 4);
    // Two of them because they asked for it, one because it failed.
    assert.equal(await read(`workqueue_retries_total{${ofQueue}}`), 3);
    assert.equal(await read('hybridstore_controller_retries_total{controller="test",code="conflict"}'), 1);
    await stop();
  });

  it('say what is in work, for how long, and what waits', async () => {
    const { clock, controller, read, stop } = startController(
      (time) => async (_, signal) => {
        await time.sleep(10_000, signal);
        return done();
      },
      2,
    );
    for (const name of ['a', 'b', 'c']) controller.enqueue(key(name));
    await clock.advance(4_000);
    controller.enqueue(key('a'));
    controller.enqueue(key('a'));
    assert.equal(await read('controller_runtime_max_concurrent_reconciles{controller="test"}'), 2);
    assert.equal(await read('controller_runtime_active_workers{controller="test"}'), 2);
    assert.equal(await read(`workqueue_depth{${ofQueue}}`), 2);
    assert.equal(await read(`workqueue_unfinished_work_seconds{${ofQueue}}`), 8);
    assert.equal(await read(`workqueue_longest_running_processor_seconds{${ofQueue}}`), 4);
    // `a` again while it is in work, once.
    assert.equal(await read(`workqueue_adds_total{${ofQueue}}`), 4);
    await clock.advance(60_000);
    assert.equal(await read('controller_runtime_active_workers{controller="test"}'), 0);
    assert.equal(await read(`workqueue_depth{${ofQueue}}`), 0);
    assert.equal(await read(`workqueue_unfinished_work_seconds{${ofQueue}}`), 0);
    assert.equal(await read(`workqueue_longest_running_processor_seconds{${ofQueue}}`), 0);
    await stop();
  });

  it('measure how long keys wait and are worked on', async () => {
    const { clock, controller, read, stop } = startController((time) => async (_, signal) => {
      await time.sleep(3_000, signal);
      return done();
    });
    controller.enqueue(key('a'));
    controller.enqueue(key('b'));
    await clock.advance(1_000);
    controller.enqueue(key('a'));
    await clock.advance(60_000);
    // `a` at once, `b` after `a`, and `a` again, which was asked for at its first second, after `b`.
    assert.equal(await read(`workqueue_queue_duration_seconds_sum{${ofQueue}}`), 0 + 3 + 5);
    assert.equal(await read(`workqueue_queue_duration_seconds_count{${ofQueue}}`), 3);
    assert.equal(await read(`workqueue_work_duration_seconds_sum{${ofQueue}}`), 9);
    await stop();
  });
});

describe('the figure of who leads', () => {
  it('is there from the beginning, and bears the name of the lease', async () => {
    const clock = new FakeClock();
    const kube = new EmbeddedApiServer({ fieldManager: 'test', clock });
    const stand = (identity: string) => {
      const registry = createMetrics('operator-test');
      const metrics = createMachineMetrics(registry, 'hybridstore');
      const lease = { namespace: 'default', name: 'operator' };
      const options = { kube, lease, identity, clock, random: () => 0.5, logger: silentLogger, metrics };
      const stop = new AbortController();
      const ended = new LeaderElection(options).run(
        (_, signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
        stop.signal,
      );
      return { stop, ended, read: () => readSeries(registry, 'leader_election_master_status{name="operator"}') };
    };
    const one = stand('one');
    await clock.advance(100);
    const two = stand('two');
    await clock.advance(100);
    assert.deepEqual([await one.read(), await two.read()], [1, 0]);
    one.stop.abort();
    await clock.advance(5_000);
    await one.ended;
    assert.deepEqual([await one.read(), await two.read()], [0, 1]);
    two.stop.abort();
    await clock.advance(5_000);
    await two.ended;
  });
});
