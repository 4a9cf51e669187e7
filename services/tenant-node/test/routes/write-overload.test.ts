import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Room } from '@hybridstore/engine';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import { everything } from '@hybridstore/test-kit';
import type { WriteGateOptions } from '../../src/ingest/write-gate.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

type Answer = { readonly status: number; readonly retryAfter: string | undefined; readonly text: string };
const mebibyte = 1024 * 1024;
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** The engine's room as the test says it; what may be appended is. */
class SaidRoom {
  said: Room = 'free';
  #listener = () => {};

  over(engine: WriteGateOptions['engine']): WriteGateOptions['engine'] {
    return {
      append: async (batch) => {
        const { sourceId, batchId = '' } = batch;
        if (this.said === 'full' && sourceId === 'sales' && !engine.findBatch(sourceId, batchId))
          throw retryLater('overloaded', 'full', 500, { source_id: 'sales', unflushed_rows: 1 });
        return engine.append(batch);
      },
      findBatch: (sourceId, batchId) => engine.findBatch(sourceId, batchId),
      room: (sourceId) => (sourceId === 'sales' ? this.said : 'free'),
      onRoom: (listener) => {
        this.#listener = listener;
      },
    };
  }

  say(room: Room): void {
    this.said = room;
    this.#listener();
  }
}

describe('a node with more writes than it has room for', { timeout: 120_000 }, () => {
  const room = new SaidRoom();
  let node: NodeUnderTest;
  let url: URL;

  before(async () => {
    node = await createNodeUnderTest({ roomOf: (engine) => room.over(engine) });
    url = new URL(await node.server.app.listen({ host: '127.0.0.1', port: 0 }));
    for (const source_id of ['sales', 'notes'])
      await node.engine.putSource({ source_id, columns: [{ name: 'text', type: 'string' }] });
  });
  afterEach(() => room.say('free'));
  after(async () => {
    agent.destroy();
    await node.close();
  });

  function open(user: string, headers: Record<string, string | number> = {}): ClientRequest {
    const token = node.issuer.sign('auth-gateway', { sub: `user:${user}`, tenant, permissions: [...everything] });
    return request(new URL('/data/write', url), {
      agent,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    });
  }

  async function send(user: string, body: string): Promise<Answer> {
    const call = open(user, { 'content-length': Buffer.byteLength(body) });
    call.end(body);
    return answerTo(call);
  }

  async function answerTo(call: ClientRequest): Promise<Answer> {
    const [response] = (await once(call, 'response')) as [IncomingMessage]; // as Node says of the event
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    return {
      status: response.statusCode ?? 0,
      retryAfter: response.headers['retry-after'],
      text: Buffer.concat(parts).toString(),
    };
  }

  function write(source_id: string, rows: number, characters = 10): string {
    return JSON.stringify({ source_id, records: Array(rows).fill({ fields: { text: 'x'.repeat(characters) } }) });
  }

  it('takes one row of a user while 64 others hold every place of large writes, and lets the next in when one leaves', async () => {
    const bytes = mebibyte;
    const slow = Array.from({ length: 64 }, (_, index) => {
      const call = open(`slow${index}`, { 'content-length': bytes });
      call.on('error', () => {});
      call.write(`{"source_id":"${index % 2 === 0 ? 'sales' : 'notes'}","records":[`);
      return call;
    });
    const next = send('next', write('notes', 1_000, 1_000));
    await until(() => node.writeGate.waiting === 1);
    assert.equal((await send('small', write('sales', 1))).status, 200);
    assert.equal((await send('small', write('notes', 100))).status, 200);
    assert.equal(node.writeGate.waiting, 1);
    slow[1]?.destroy();
    assert.equal((await next).status, 200);
    for (const call of slow) call.destroy();
  });

  it('reads nothing of large writes whose source can make no room, and goes on with their connections', async () => {
    room.say(retryLater('overloaded', 'source sales: 9 rows wait to be flushed', 500, { unflushed_rows: 9 }));
    const reads = node.largeReads();
    // Not one of them is a write: whoever reads them answers 400.
    const broken = `{"source_id":"sales","records":[${' '.repeat(300_000)}`;
    const answers = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => [
        await send(`u${index}`, broken),
        await send(`u${index}`, broken),
      ]),
    );
    for (const { status, retryAfter, text } of answers.flat()) {
      assert.equal(status, 429);
      assert.ok(Number(retryAfter) >= 1 && Number(retryAfter) <= 5, `Retry-After ${retryAfter}`);
      assert.match(text, /"code":"overloaded","message":"source sales: 9 rows wait to be flushed"/);
    }
    assert.ok(new Set(answers.flat().map(({ retryAfter }) => retryAfter)).size > 1);
    assert.equal(node.largeReads(), reads);
    room.say('free');
    assert.equal((await send('u1', broken)).status, 400);
    assert.equal(node.largeReads(), reads + 1);
  });

  it('reads large writes that wait when there is room, and forgets those whose clients have left', async () => {
    room.say('full');
    const reads = node.largeReads();
    const waiting = Array.from({ length: 8 }, (_, index) => send(`u${index}`, write('sales', 300, 1_000)));
    const body = write('sales', 300, 600);
    const left = open('left', { 'content-length': body.length });
    left.on('error', () => {});
    left.end(body);
    const small = send('small', write('sales', 1));
    await until(() => node.writeGate.waiting === 10);
    left.destroy();
    await until(() => node.writeGate.waiting === 9);
    assert.equal(node.largeReads(), reads);
    room.say('free');
    const statuses = (await Promise.all([...waiting, small])).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.deepEqual([node.largeReads(), node.writeGate.waiting], [reads + 8, 0]);
  });

  it('acknowledges a batch again that it has, although there is no room', async () => {
    const body = JSON.stringify({ ...JSON.parse(write('sales', 1)), batch_id: 'once' });
    assert.match((await send('ada', body)).text, /"duplicate":false/);
    room.say('full');
    const waiting = send('bob', write('sales', 1));
    await until(() => node.writeGate.waiting === 1);
    assert.match((await send('ada', body)).text, /"duplicate":true/);
    room.say('free');
    assert.equal((await waiting).status, 200);
  });

  it('keeps refusals apart: too large, a full volume, no room', async () => {
    room.say(new HybridStoreError('storage_full', 'the data volume is full'));
    assert.equal((await send('ada', write('sales', 300, 1_000))).status, 507);
    const call = open('ada', { 'content-length': 33 * mebibyte });
    call.on('error', () => {});
    call.write(`{"source_id":"sales"`);
    assert.equal((await answerTo(call)).status, 413);
    call.destroy();
  });

  it('refuses those that wait when it closes', async () => {
    room.say('full');
    const waiting = [send('ada', write('sales', 300, 1_000)), send('bob', write('sales', 1))];
    await until(() => node.writeGate.waiting === 2);
    await node.close();
    for (const { status, text } of await Promise.all(waiting)) {
      assert.equal(status, 503);
      assert.match(text, /"code":"unavailable","message":"this node takes no writes: closing"/);
    }
    node = await createNodeUnderTest();
  });
});

/** Until what the network brings has come; the test's own time bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}
