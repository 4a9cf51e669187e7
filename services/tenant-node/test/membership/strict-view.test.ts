import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TableState } from '@hybridstore/engine';
import { FakeClock } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { takeBoundedView } from '../../src/domain/bounded-view.ts';
import { LogMarks } from '../../src/domain/log-marks.ts';
import { takeStrictView, type ViewPorts } from '../../src/domain/strict-view.ts';
import { type Pause, SimulatedNode, SimulatedTable } from './simulated-nodes.ts';

describe('a strict view', () => {
  it('holds every acknowledged row exactly once, however writes, flushes and queries fall between each other', async () => {
    const command = fc.record({
      kind: fc.constantFrom('write' as const, 'write' as const, 'flush' as const, 'query' as const),
      node: fc.integer({ min: 0, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(command, { minLength: 1, maxLength: 40 }),
        async (scheduler, commands) => {
          const pause: Pause = () => scheduler.schedule(Promise.resolve()).then(() => {});
          const table = new SimulatedTable();
          const nodes = [0, 1, 2].map((ordinal) => new SimulatedNode(`acme-${ordinal}`, table, pause));
          for (const node of nodes) node.others = nodes.filter((other) => other !== node);
          const tasks = commands.map(async ({ kind, node: ordinal }) => {
            await pause();
            const node = nodes[ordinal];
            assert.ok(node);
            if (kind === 'write') await node.write();
            else if (kind === 'flush') await node.flush();
            else await checkQuery(node, nodes);
          });
          await scheduler.waitFor(Promise.all(tasks));
          for (const node of nodes) await scheduler.waitFor(checkQuery(node, nodes));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('fails when a member cannot be asked', async () => {
    const table = new SimulatedTable();
    const node = new SimulatedNode('acme-0', table, async () => {});
    const away = new SimulatedNode('acme-1', table, async () => {});
    away.crash();
    node.others = [away];
    await assert.rejects(node.query(), /acme-1 is away/);
  });

  it('fails on a node that is not, or no longer, notified of every member', async () => {
    const node = new SimulatedNode('acme-0', new SimulatedTable(), async () => {});
    await node.write();
    node.isJoined = false;
    await assert.rejects(node.query(), { code: 'unavailable', message: /may not know all of them/ });
  });

  it('asks a member on a new volume again from its beginning', async () => {
    const table = new SimulatedTable();
    const node = new SimulatedNode('acme-0', table, async () => {});
    const other = new SimulatedNode('acme-1', table, async () => {});
    node.others = [other];
    for (let row = 0; row < 5; row += 1) await other.write();
    assert.equal((await node.query()).length, 5);
    const renewed = new SimulatedNode('acme-1', table, async () => {}, { logId: '2' });
    // The member is still known under its old log.
    renewed.registeredLog = other.log;
    await renewed.write();
    node.others = [renewed];
    assert.deepEqual(await node.query(), ['hybridstore/acme-1/2#1']);
  });
});

describe('a strict view of a source that was made anew elsewhere', () => {
  const former = { location: 'tables/events/1', version: 7 };
  const log = 'hybridstore/acme-0/1';
  const stateOf = (location: string, version: number) =>
    ({ sourceId: 'events', location, version, columns: [], files: [], txn: new Map() }) as unknown as TableState;

  /** A node that still knows a former life, of which it has rows that no table holds. `lives`: what each look finds. */
  function createPorts(lives: readonly string[]) {
    const left = [...lives];
    let known = stateOf(former.location, former.version);
    const ports: ViewPorts = {
      engine: {
        appId: log,
        known: () => known,
        fresh: () => {
          const acknowledgedLsn = known.location === former.location ? 9 : 0;
          return { acknowledgedLsn, committedLsn: 0, tableVersion: known.version, frames: [] };
        },
        snapshot: async () => {
          known = stateOf(left.shift() ?? assert.fail('another look'), former.version);
          return known;
        },
      },
      members: { knowsAll: true, peers: () => [] },
      marks: new LogMarks(),
      clock: new FakeClock(),
    };
    const child = { heldLsn: () => 0, load: () => {} };
    const { signal } = new AbortController();
    return {
      take: () => takeStrictView(ports, child, 'events', signal),
      takeBounded: () => takeBoundedView(ports, child, 'events', { staleMsMax: 1_000, signal }),
    };
  }

  it('holds rows of this life alone', async () => {
    const { take } = createPorts(['tables/events/2', 'tables/events/2']);
    const view = await take();
    assert.deepEqual([view.state.location, view.fresh], ['tables/events/2', []]);
  });

  it('does so where the answer may be without a member, too', async () => {
    const { takeBounded } = createPorts([former.location, 'tables/events/2', 'tables/events/2']);
    const view = await takeBounded();
    assert.deepEqual([view.state.location, view.fresh], ['tables/events/2', []]);
  });

  it('has them of the life that is still there', async () => {
    const { take } = createPorts([former.location]);
    assert.deepEqual((await take()).fresh, [{ log, afterLsn: 0, untilLsn: 9 }]);
  });

  it('is refused for a while where each look finds another life', async () => {
    const { take } = createPorts(['tables/events/2', 'tables/events/3', 'tables/events/4']);
    await assert.rejects(take(), { code: 'unavailable', message: /made anew again and again/ });
  });
});

async function checkQuery(node: SimulatedNode, nodes: readonly SimulatedNode[]): Promise<void> {
  const before = nodes.flatMap((other) => [...other.acknowledged.keys()]);
  const rows = await node.query();
  assert.equal(new Set(rows).size, rows.length, `a row was counted twice: ${rows.join(' ')}`);
  const found = new Set(rows);
  assert.deepEqual(
    before.filter((row) => !found.has(row)),
    [],
    'acknowledged rows are missing',
  );
  const written = new Set(nodes.flatMap((other) => [...other.acknowledged.keys()]));
  assert.deepEqual(
    rows.filter((row) => !written.has(row)),
    [],
    'rows that nobody acknowledged',
  );
}
