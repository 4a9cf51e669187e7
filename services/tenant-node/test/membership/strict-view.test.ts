import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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
