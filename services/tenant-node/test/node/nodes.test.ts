import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { type TestNode, TestTenant, tenant } from './node-process.ts';

describe('two nodes of a tenant', () => {
  const folder = createTemporaryFolder('nodes');
  const acme = new TestTenant(folder.path, 1);
  const [first, second] = [acme.node(0), acme.node(1)];

  before(async () => {
    for (const node of [first, second]) node.start();
    for (const node of [first, second]) await node.ready();
    const definition = {
      source_id: 'events',
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'text', type: 'string' },
      ],
    };
    const added = await first.call('POST', '/sources/add', { body: definition });
    assert.equal(added.status, 201, added.text);
  });
  after(async () => {
    for (const node of [first, second]) await node.close();
    folder[Symbol.dispose]();
  });

  it('show a row that one of them acknowledged in the next query on the other', async () => {
    for (let id = 1; id <= 20; id += 1) {
      const [writer, reader] = id % 2 === 0 ? [first, second] : [second, first];
      await write(writer, [id]);
      assert.deepEqual(await countAndSum(reader), [id, (id * (id + 1)) / 2]);
    }
  });

  it('count a row once before, while and after it is committed', async () => {
    const flushed = await second.call('POST', '/internal/tables/events/flush', {
      token: acme.issuer.serviceToken('operator', tenant),
    });
    assert.equal(flushed.status, 200, flushed.text);
    assert.deepEqual(await countAndSum(first), [20, 210]);
    await write(first, [1_000]);
    assert.deepEqual(await countAndSum(second), [21, 1_210]);
  });
});

async function write(node: TestNode, ids: readonly number[]): Promise<void> {
  const records = ids.map((id) => ({ fields: { id, text: `row ${id}` } }));
  const answer = await node.call('POST', '/data/write', { body: { source_id: 'events', records } });
  assert.equal(answer.status, 200, answer.text);
}

async function countAndSum(node: TestNode): Promise<unknown> {
  const aggregations = [
    { function: 'count', field: '*' },
    { function: 'sum', field: 'id' },
  ];
  const answer = await node.call('POST', '/data/aggregate', { body: { source_id: 'events', aggregations } });
  assert.equal(answer.status, 200, answer.text);
  return (answer.body as { rows: unknown[][] }).rows[0];
}
