import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { bodyBounds, type WriteRequest } from '@hybridstore/contracts';
import { loopBytesMax } from '@hybridstore/http';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

type Answer = {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
};

describe('a write that is too large for the main loop', () => {
  let node: NodeUnderTest;

  before(async () => {
    node = await createNodeUnderTest();
    const columns = [
      { name: 'id', type: 'bigint', nullable: false },
      { name: 'text', type: 'string' },
      { name: 'doc', type: 'json' },
    ];
    assert.equal((await post('/sources/add', { source_id: 'sales', columns })).status, 201);
    assert.equal((await post('/sources/add', { source_id: 'notes' })).status, 201);
  });
  after(() => node.close());

  async function post(path: string, body: unknown, token = node.issuer.userToken(tenant)): Promise<Answer> {
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await node.server.app.inject({ method: 'POST', url: path, headers, payload });
    return { status: answer.statusCode, body: answer.json(), text: answer.body };
  }

  /** Beyond the bound, so that a thread reads it. */
  function large(sourceId: string, more: Partial<WriteRequest> = {}): WriteRequest {
    const fields = (id: number) => ({ id, text: `text ${id} é`, doc: { list: [id, 'x'.repeat(300)] } });
    return {
      source_id: sourceId,
      records: Array.from({ length: 1_000 }, (_, id) => ({ fields: fields(id) })),
      ...more,
    };
  }

  it('is acknowledged and read like every other', async () => {
    const write = large('sales');
    assert.ok(JSON.stringify(write).length > loopBytesMax);
    const { status, body } = await post('/data/write', write);
    assert.deepEqual([status, body['accepted'], body['durable'], body['duplicate']], [200, 1_000, true, false]);
    const found = await post('/data/search', {
      source_id: 'sales',
      conditions: [{ field: 'id', operator: 'in', value: [0, 999] }],
      order_by: [{ field: 'id' }],
    });
    const records = found.body['records'] as { readonly fields: unknown }[];
    assert.deepEqual(
      records.map(({ fields }) => fields),
      [write.records[0]?.fields, write.records[999]?.fields],
    );
  });

  it('keeps every digit of its numbers', async () => {
    const text = JSON.stringify(large('notes')).replaceAll('"id":7,', '"id":9007199254740993.25,');
    assert.equal((await post('/data/write', text)).status, 200);
    const { text: found } = await post('/data/search', { source_id: 'notes', limit: 1_000 });
    assert.equal(found.match(/9007199254740993\.25/g)?.length, 1);
  });

  it('may come compressed, and is bounded by what it unpacks to', async () => {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}`, 'content-type': 'application/json' };
    const send = async (encoding: string, payload: Buffer) => {
      const packed = { ...headers, 'content-encoding': encoding };
      const answer = await node.server.app.inject({ method: 'POST', url: '/data/write', headers: packed, payload });
      return { status: answer.statusCode, body: answer.json<Answer['body']>() };
    };
    const text = Buffer.from(JSON.stringify(large('sales', { batch_id: 'packed-1' })));
    assert.deepEqual((await send('gzip', gzipSync(text))).body['accepted'], 1_000);
    assert.deepEqual((await send('zstd', zstdCompressSync(text))).body['duplicate'], true);
    const bomb = Buffer.alloc(bodyBounds.records + 1, ' ');
    const { status, body } = await send('zstd', zstdCompressSync(bomb));
    assert.deepEqual([status, body.error?.code], [413, 'too_large']);
  });

  it('is applied once when it is repeated with its id', async () => {
    const write = large('sales', { batch_id: 'large-1' });
    const first = await post('/data/write', write);
    const second = await post('/data/write', write);
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.deepEqual([first.body['duplicate'], second.body['duplicate']], [false, true]);
    assert.equal(first.body['lsn'], second.body['lsn']);
  });

  it('names the first record that does not fit', async () => {
    const write = large('sales');
    const records = write.records.with(17, { fields: { id: 'no number' } });
    const { status, body } = await post('/data/write', { ...write, records });
    assert.equal(status, 400);
    assert.match(String(body.error?.message), /^records\[17\]\.fields\.id: expected an integer of 64 bits/);
  });

  const broken: readonly [string, (text: string) => string, RegExp][] = [
    ['no JSON', (text) => text.slice(0, -1), /not valid JSON/],
    ['no write', (text) => text.replace('"records"', '"rows"'), /(records: is required|rows: is not a known field)/],
    ['a forbidden key', (text) => text.replace('"id"', '"__prot\\u006f__"'), /__proto__/],
    ['too deep', (text) => text.replace('"id":0', `"id":${'['.repeat(99)}${']'.repeat(99)}`), /nested deeper/],
  ];
  for (const [what, change, message] of broken)
    it(`is refused when it is ${what}`, async () => {
      const before = node.engine.unflushedRows();
      const { status, body } = await post('/data/write', change(JSON.stringify(large('sales'))));
      assert.deepEqual([status, body.error?.code], [400, 'invalid_request']);
      assert.match(String(body.error?.message), message);
      assert.equal(node.engine.unflushedRows(), before);
    });

  it('is refused where its sender may not write, and says nothing of the source', async () => {
    const reader = node.issuer.userToken(tenant, [{ sources: ['notes'], actions: ['write'] }]);
    const texts = [];
    for (const source of ['sales', 'nothing']) {
      const { status, body } = await post('/data/write', large(source), reader);
      assert.equal(status, 403);
      texts.push(String(body.error?.message).replace(source, '…'));
    }
    assert.equal(texts[0], texts[1]);
  });
});
