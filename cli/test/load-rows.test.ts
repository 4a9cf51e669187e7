import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import { loadRows } from '../src/load/load-rows.ts';

async function* rows(count: number) {
  for (let index = 0; index < count; index += 1) yield { fields: { id: index }, bytesRead: index + 1 };
}

const slept: number[] = [];
const options = {
  rowsPerBatch: 10,
  bytesPerBatchMax: 10_000,
  parallel: 3,
  loadId: 'load',
  sleep: async (delayMs: number) => void slept.push(delayMs),
  onProgress: () => {},
};

describe('loading rows', () => {
  it('sends every row once, in batches with their own keys', async () => {
    const sent = new Map<string, number[]>();
    const total = await loadRows(
      rows(25),
      async (batch, key) => {
        sent.set(
          key,
          batch.records.map((record) => Number(record.fields['id'])),
        );
        return { accepted: batch.records.length };
      },
      options,
    );
    assert.equal(total, 25);
    assert.deepEqual([...sent.keys()], ['load.0', 'load.1', 'load.2']);
    assert.deepEqual(
      [...sent.values()].flat(),
      Array.from({ length: 25 }, (_, index) => index),
    );
  });

  it('cuts a batch before its bytes pass the bound', async () => {
    const sizes: number[] = [];
    await loadRows(
      rows(10),
      async (batch) => {
        sizes.push(batch.records.length);
        return { accepted: batch.records.length };
      },
      { ...options, bytesPerBatchMax: 17 },
    );
    assert.deepEqual(sizes, [2, 2, 2, 2, 2]);
  });

  it('repeats a batch with the same key when asked to come back, no sooner than told', async () => {
    const keys: string[] = [];
    slept.length = 0;
    const total = await loadRows(
      rows(1),
      async (_batch, key) => {
        keys.push(key);
        if (keys.length === 1) throw retryLater('overloaded', 'later', 5_000);
        if (keys.length === 2) throw new HybridStoreError('deadline_exceeded', 'too slow');
        return { accepted: 1 };
      },
      options,
    );
    assert.deepEqual([total, keys, slept], [1, ['load.0', 'load.0', 'load.0'], [5_000, 400]]);
  });

  it('ends at the first refusal and does not send what comes after it', async () => {
    let sent = 0;
    await assert.rejects(
      () =>
        loadRows(
          rows(1_000),
          async () => {
            sent += 1;
            throw new HybridStoreError('invalid_request', 'records.3.fields.id: expected bigint');
          },
          options,
        ),
      /expected bigint/,
    );
    assert.ok(sent <= options.parallel, `${sent} batches sent`);
  });

  it('never has more requests open than allowed', async () => {
    let open = 0;
    let most = 0;
    await loadRows(
      rows(200),
      async (batch) => {
        open += 1;
        most = Math.max(most, open);
        await new Promise((resolve) => setImmediate(resolve));
        open -= 1;
        return { accepted: batch.records.length };
      },
      options,
    );
    assert.equal(most, 3);
  });
});
