import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ndjsonType } from '@hybridstore/contracts';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { type TestNode, TestTenant } from './node-process.ts';

const subnet = 118;
const batches = 16;

describe('writes of NDJSON at a node that does not own their ids', () => {
  const folder = createTemporaryFolder('handed-on-lines');
  const acme = new TestTenant(folder.path, subnet);
  let nodes: readonly TestNode[];

  before(async () => {
    nodes = [acme.node(0), acme.node(1)];
    for (const node of nodes) {
      node.start();
      await node.ready();
    }
    const columns = [{ name: 'id', type: 'bigint' }];
    const added = await nodes[0]!.call('POST', '/sources/add', { body: { source_id: 'lines', columns } });
    assert.equal(added.status, 201, added.text);
  });
  after(async () => {
    for (const node of nodes) await node.close();
    folder[Symbol.dispose]();
  });

  /** One row is a line of NDJSON and a text of JSON at once. */
  async function write(node: TestNode, id: number): Promise<unknown> {
    const headers = { 'content-type': ndjsonType, 'idempotency-key': `lines-${id}` };
    const answer = await node.call('POST', '/data/write?source_id=lines', { body: { id }, headers });
    assert.equal(answer.status, 200, answer.text);
    return (answer.body as { readonly duplicate: boolean }).duplicate;
  }

  it('are applied once, whichever node they come to first', async () => {
    const ids = Array.from({ length: batches }, (_, id) => id);
    const [first, second] = nodes;
    for (const id of ids) assert.equal(await write(id % 2 === 0 ? first! : second!, id), false);
    for (const id of ids) assert.equal(await write(id % 2 === 0 ? second! : first!, id), true);
    const found = await first!.call('POST', '/data/search', { body: { source_id: 'lines', limit: 100 } });
    const { records } = found.body as { readonly records: readonly { readonly fields: { readonly id: number } }[] };
    assert.deepEqual(
      records.map(({ fields }) => fields.id).toSorted((a, b) => a - b),
      ids,
    );
  });
});
