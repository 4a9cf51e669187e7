import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { type Pause, SimulatedClock, SimulatedNode, SimulatedTable } from './simulated-nodes.ts';

const noPause: Pause = async () => {};

describe('a bounded view', () => {
  it('holds every row that was acknowledged before the time it allows, once, whoever crashes, restarts and flushes', async () => {
    const command = fc.record({
      kind: fc.constantFrom(
        ...(['write', 'write', 'write', 'flush', 'flush', 'query', 'query', 'query', 'query', 'query'] as const),
        ...(['wait', 'watch', 'crash', 'restart', 'restart', 'lose child', 'forget'] as const),
      ),
      node: fc.integer({ min: 0, max: 2 }),
      ms: fc.constantFrom(1, 40, 200),
      /** Whether everything before it has ended. */
      isApart: fc.boolean(),
    });
    const seen = { whole: 0, without: 0, withRowsOfSilent: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(command, { minLength: 1, maxLength: 60, size: 'max' }),
        async (scheduler, commands) => {
          const pause: Pause = () => scheduler.schedule(Promise.resolve()).then(() => {});
          const clock = new SimulatedClock();
          const table = new SimulatedTable();
          const nodes = [0, 1, 2].map((ordinal) => new SimulatedNode(`acme-${ordinal}`, table, pause, { clock }));
          for (const node of nodes) node.others = nodes.filter((other) => other !== node);
          const run = async ({ kind, node: ordinal, ms }: (typeof commands)[number]) => {
            await pause();
            const node = nodes[ordinal];
            assert.ok(node);
            if (kind === 'write') await node.write();
            else if (kind === 'flush') await node.flush();
            else if (kind === 'watch') await node.watch();
            else if (kind === 'wait') clock.nowMs += ms / 2;
            else if (kind === 'crash') node.crash();
            else if (kind === 'restart') node.restart();
            else if (kind === 'lose child') node.loseChild();
            else if (kind === 'forget') node.forget();
            else seen[await checkQuery(node, { nodes, clock, ms })] += 1;
          };
          const atWork: Promise<void>[] = [];
          for (const next of commands) {
            if (next.isApart) await scheduler.waitFor(Promise.all(atWork.splice(0)));
            atWork.push(run(next));
          }
          await scheduler.waitFor(Promise.all(atWork));
        },
      ),
      { numRuns: 150 },
    );
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 3, `${what}: ${times}`);
  });

  it('shows the rows of a member that has gone since, and says since when and how far it is behind', async () => {
    const { clock, first, second } = createNodes();
    await second.write();
    await first.write();
    await first.query();
    clock.nowMs += 500;
    second.crash();
    const answer = await first.queryBounded(1_000);
    assert.deepEqual(answer?.rows.toSorted(), ['hybridstore/acme-0/1#1', 'hybridstore/acme-1/1#1']);
    assert.deepEqual(answer.view.without, [
      { pod: 'acme-1', reason: 'member acme-1 is away since 2026-01-01T00:00:00.000Z', staleMs: 501 },
    ]);
  });

  it('is refused as a strict one when the member was asked too long ago, or never', async () => {
    const { clock, first, second } = createNodes();
    await second.write();
    await first.query();
    clock.nowMs += 500;
    second.crash();
    await assert.rejects(first.queryBounded(500), {
      code: 'unavailable',
      message: 'member acme-1 is away; without it the answer would be 501 ms behind, 500 are allowed',
      details: { member: 'acme-1', away_since: '2026-01-01T00:00:00.000Z', stale_ms: 501, retry_after_ms: 1_000 },
    });
    first.crash();
    first.restart();
    await assert.rejects(first.queryBounded(3_600_000), {
      message: 'member acme-1 is away; how far the answer would be behind without it is not known',
      details: { member: 'acme-1', away_since: '2026-01-01T00:00:00.000Z', retry_after_ms: 1_000 },
    });
  });

  it('claims no row that it held once: without them it goes back to what the files hold', async () => {
    const { clock, first, second } = createNodes();
    await second.write();
    await second.flush();
    await first.query();
    clock.nowMs += 5_000;
    await second.write();
    await first.query();
    second.crash();
    assert.equal((await first.queryBounded(1_000))?.rows.length, 2);
    for (const lose of [() => first.loseChild(), () => first.forget()]) {
      lose();
      await assert.rejects(first.queryBounded(1_000), { code: 'unavailable', message: /would be 500\d ms behind/ });
      const answer = await first.queryBounded(10_000);
      assert.deepEqual(answer?.rows, ['hybridstore/acme-1/1#1']);
    }
  });

  it('needs no member to answer whose rows are in the files by now', async () => {
    const { first, second } = createNodes();
    await second.write();
    await first.query();
    await second.flush();
    second.crash();
    first.loseChild();
    assert.deepEqual((await first.queryBounded(1_000))?.rows, ['hybridstore/acme-1/1#1']);
  });

  it('needs no query before a member goes: nodes look at each other', async () => {
    const { clock, first, second } = createNodes();
    await second.write();
    await second.flush();
    await first.watch();
    clock.nowMs += 500;
    second.crash();
    assert.deepEqual((await first.queryBounded(1_000))?.rows, ['hybridstore/acme-1/1#1']);
    await assert.rejects(first.queryBounded(400), { code: 'unavailable' });
  });

  it('does not take for known what a member acknowledged while its answer was on its way', async () => {
    const clock = new SimulatedClock();
    const gates: (() => void)[] = [];
    const { first, second } = createNodes(clock, () => new Promise((resolve) => gates.push(resolve)));
    const open = async () => {
      for (const gate of gates.splice(0)) gate();
      await new Promise(setImmediate);
    };
    const asked = first.query();
    // Two steps to the first version, one to the member, which has read its log now.
    for (let step = 0; step < 3; step += 1) await open();
    const written = second.write();
    clock.nowMs += 800;
    const end = Promise.all([asked, written]);
    for (let step = 0; step < 4; step += 1) await open();
    assert.deepEqual(await end, [[], undefined]);
    second.crash();
    const refused = assert.rejects(first.queryBounded(500), { message: /the answer would be 801 ms behind, 500 are/ });
    for (let step = 0; step < 6; step += 1) await open();
    await refused;
  });

  it('is refused on a node that may not know every member', async () => {
    const { first } = createNodes();
    first.isJoined = false;
    await assert.rejects(first.queryBounded(1_000), { code: 'unavailable', message: /may not know all of them/ });
  });

  it('waits a second for a member that is silent, and only where the answer can do without it', async () => {
    const clock = new FakeClock();
    const { first, second } = createNodes(clock);
    await second.write();
    await first.query();
    second.isMute = true;
    const short = first.queryBounded(5_000);
    await clock.advance(999);
    assert.equal(await isSettled(short), false);
    await clock.advance(1);
    assert.deepEqual((await short)?.view.without, [
      { pod: 'acme-1', reason: 'member acme-1 did not answer within 1000 ms', staleMs: 0 },
    ]);
    const long = first.queryBounded(500);
    await clock.advance(60_000);
    assert.equal(await isSettled(long), false);
  });

  it('knows nothing of a source that was made anew', async () => {
    const { table, first, second } = createNodes();
    await second.write();
    await first.query();
    second.crash();
    table.location = 'tables/events/2';
    await assert.rejects(first.queryBounded(1_000), { code: 'unavailable' });
  });
});

function createNodes(clock: SimulatedClock | FakeClock = new SimulatedClock(), pause = noPause) {
  const table = new SimulatedTable();
  const [first, second] = [0, 1].map((ordinal) => new SimulatedNode(`acme-${ordinal}`, table, pause, { clock }));
  assert.ok(first && second);
  first.others = [second];
  second.others = [first];
  return { clock: clock as SimulatedClock, table, first, second };
}

async function isSettled(work: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([work, Promise.resolve(pending)])) !== pending;
}

type World = { readonly nodes: readonly SimulatedNode[]; readonly clock: SimulatedClock; readonly ms: number };
type Outcome = 'whole' | 'without' | 'withRowsOfSilent' | 'refused';

async function checkQuery(node: SimulatedNode, { nodes, clock, ms }: World): Promise<Outcome> {
  const beforeMs = clock.monotonicMs() - ms;
  const promised = nodes.flatMap(({ acknowledged }) => [...acknowledged].filter(([, atMs]) => atMs <= beforeMs));
  const answer = await node.queryBounded(ms).catch((error: unknown) => {
    assert.ok(isHybridStoreError(error, 'unavailable'), String(error));
  });
  if (!answer) return 'refused';
  const { rows, view } = answer;
  assert.equal(new Set(rows).size, rows.length, `a row was counted twice: ${rows.join(' ')}`);
  const found = new Set(rows);
  const missing = promised.filter(([row]) => !found.has(row));
  assert.deepEqual(missing, [], 'rows that were acknowledged in time are missing');
  const written = new Set(nodes.flatMap(({ acknowledged }) => [...acknowledged.keys()]));
  assert.deepEqual(
    rows.filter((row) => !written.has(row)),
    [],
    'rows that nobody acknowledged',
  );
  for (const { staleMs } of view.without) assert.ok(staleMs <= ms, `${staleMs} of ${ms} ms`);
  const logs = view.without.map(({ pod }) => `hybridstore/${pod}/1`);
  if (view.fresh.some(({ log }) => logs.includes(log))) return 'withRowsOfSilent';
  return logs.length > 0 ? 'without' : 'whole';
}
