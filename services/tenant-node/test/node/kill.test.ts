import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import { type TestNode, TestTenant, tenant } from './node-process.ts';

/** Of both nodes together; an even number. */
const kills = process.env['HYBRIDSTORE_CRASH_BUDGET'] === undefined ? 4 : 20;
const writersPerNode = 4;
const rowsPerWrite = 3;

describe('nodes that are killed during ingest', () => {
  it(`lose no acknowledged row and double none in ${kills} kills`, { timeout: 150_000 }, async (context) => {
    using folder = createTemporaryFolder('kill');
    const acme = new TestTenant(folder.path, 2);
    const nodes = [acme.node(0), acme.node(1)] as const;
    try {
      for (const node of nodes) node.start();
      for (const node of nodes) await node.ready();
      const columns = [{ name: 'id', type: 'bigint' }];
      const added = await nodes[0].call('POST', '/sources/add', { body: { source_id: 'events', columns } });
      assert.equal(added.status, 201, added.text);
      using ingest = new Ingest(nodes);
      for (let kill = 0; kill < kills; kill += 2) {
        await ingest.acknowledge(40);
        // Some kills fall into a flush; the answer dies with the node.
        if (kill % 4 === 0) void flush(nodes[0], acme).catch(() => {});
        await nodes[0].kill();
        nodes[0].start();
        // The other one goes while the first is coming back: each must wait for the other.
        await nodes[1].kill();
        nodes[1].start();
        for (const node of nodes) await node.ready();
      }
      await ingest.stop();
      await compareRows(nodes[1], ingest);
      for (const node of nodes) await flush(node, acme);
      await compareRows(nodes[0], ingest);
      reportDamage(context, [{ file: 'two nodes', damage: 'kill', right: kills, refused: 0, wrong: 0 }]);
    } finally {
      for (const node of nodes) await node.close();
    }
  });
});

/** Writers that repeat a batch under its id until it is acknowledged; ids of rows are never used twice. */
class Ingest {
  readonly acknowledged = new Set<number>();
  readonly #writers: readonly Promise<void>[];
  #nextId = 1;
  #isStopping = false;
  #isAbandoned = false;

  /** Whatever is not acknowledged yet never will be: a test that failed must end. */
  [Symbol.dispose](): void {
    this.#isStopping = true;
    this.#isAbandoned = true;
  }

  constructor(nodes: readonly TestNode[]) {
    this.#writers = nodes.flatMap((node) => Array.from({ length: writersPerNode }, () => this.#write(node)));
  }

  /** Resolves when `more` rows have been acknowledged from now. */
  async acknowledge(more: number): Promise<void> {
    const wanted = this.acknowledged.size + more;
    while (this.acknowledged.size < wanted) await systemClock.sleep(2);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#writers);
  }

  async #write(node: TestNode): Promise<void> {
    while (!this.#isStopping) {
      const ids = Array.from({ length: rowsPerWrite }, () => this.#nextId++);
      const body = { source_id: 'events', records: ids.map((id) => ({ fields: { id } })), batch_id: `b-${ids[0]}` };
      // The node may have logged the batch before it was killed, so the same id is sent again.
      while (!this.#isAbandoned && !(await isAcknowledged(node, body))) await systemClock.sleep(10);
      for (const id of ids) this.acknowledged.add(id);
    }
  }
}

async function isAcknowledged(node: TestNode, body: object): Promise<boolean> {
  try {
    const answer = await node.call('POST', '/data/write', { body });
    if (answer.status === 200) return true;
    assert.ok([429, 503].includes(answer.status), answer.text);
    return false;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    // The connection broke with the process.
    return false;
  }
}

async function flush(node: TestNode, acme: TestTenant): Promise<void> {
  const token = acme.issuer.serviceToken('operator', tenant);
  const answer = await node.call('POST', '/internal/tables/events/flush', { token });
  assert.equal(answer.status, 200, answer.text);
}

async function compareRows(node: TestNode, ingest: Ingest): Promise<void> {
  const search = { source_id: 'events', columns: ['id'], limit: 1_000_000 };
  const answer = await node.call('POST', '/data/search', { body: search });
  assert.equal(answer.status, 200, answer.text);
  const { records } = answer.body as { readonly records: readonly { readonly fields: { readonly id: number } }[] };
  const found = records.map((record) => record.fields.id).sort((a, b) => a - b);
  assert.deepEqual(
    found,
    [...ingest.acknowledged].sort((a, b) => a - b),
  );
}
