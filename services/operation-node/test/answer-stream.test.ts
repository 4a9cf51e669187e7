import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineStream, StatsMerger } from '../src/coordinate/answer-stream.ts';

async function pass(stream: StatsMerger | LineStream, chunks: readonly Buffer[]): Promise<string> {
  const read = (async () => Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>)).toString())();
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return read;
}

function cut(text: string, size: number): Buffer[] {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

test('statistics are merged whatever the rows hold and wherever the chunks end', async () => {
  const answer = fc.record({
    columns: fc.constant([]),
    rows: fc.array(fc.array(fc.oneof(fc.jsonValue(), fc.constant('"stats":'), fc.constant({ stats: { a: 1 } })))),
    row_count: fc.nat(),
    stats: fc.record({ query_id: fc.string(), elapsed_ms: fc.nat(), snapshots: fc.dictionary(fc.string(), fc.nat()) }),
  });
  await fc.assert(
    fc.asyncProperty(answer, fc.integer({ min: 1, max: 50 }), async (body, size) => {
      const merger = new StatsMerger(() => ({ elapsed_ms: -1, plan_cached: true }));
      const text = JSON.stringify(body);
      const merged = await pass(merger, cut(text, size));
      const expected = { ...JSON.parse(text), stats: { ...JSON.parse(text).stats, elapsed_ms: -1, plan_cached: true } };
      assert.deepEqual(JSON.parse(merged), expected);
      assert.deepEqual([merger.rows, merger.bytes], [body.row_count, Buffer.byteLength(text)]);
    }),
  );
});

test('an answer whose own statistics do not stand at its end passes unchanged', async () => {
  for (const text of ['', '{"rows":[]}', '{"rows":[{"stats":{"a":1}}]}', '{"stats":null}', '{"stats":{"a":1}']) {
    const merger = new StatsMerger(() => ({ mine: 1 }));
    assert.equal(await pass(merger, cut(text, 3)), text);
  }
});

test('no more than the tail of a large answer is held back', async () => {
  const merger = new StatsMerger(() => ({}));
  let passed = 0;
  merger.on('data', (chunk: Buffer) => {
    passed += chunk.length;
  });
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let index = 1; index <= 32; index += 1) {
    if (!merger.write(chunk)) await new Promise((resolve) => merger.once('drain', resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(index * chunk.length - passed <= 320 * 1024);
  }
  merger.destroy();
});

test('an error line is added between lines only', async () => {
  const between = new LineStream(() => undefined);
  between.write('{"n":1}\n');
  assert.equal(between.endWith({ code: 'unavailable' }), true);
  assert.equal(between.endWith({ code: 'unavailable' }), false);
  const text = Buffer.concat(await Array.fromAsync(between as AsyncIterable<Buffer>)).toString();
  assert.equal(text, '{"n":1}\n{"error":{"code":"unavailable"}}\n');
  const inside = new LineStream(() => undefined);
  inside.resume();
  inside.write('{"n":');
  assert.equal(inside.endWith({ code: 'unavailable' }), false);
});
