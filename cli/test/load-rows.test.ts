import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import { type LoadOptions, loadRows, type RejectedRow } from '../src/load/load-rows.ts';
import type { ReadRow } from '../src/load/row.ts';

const line = (position: number) => ({ unit: 'line', position, bytesRead: position }) as const;

async function* rows(count: number) {
  for (let index = 0; index < count; index += 1) yield { ...line(index + 1), fields: { id: index } };
}

const slept: number[] = [];
const options: LoadOptions = {
  rowsPerBatch: 10,
  bytesPerBatchMax: 10_000,
  parallel: 3,
  loadId: 'load',
  rejectedMax: 0,
  sleep: async (delayMs: number) => void slept.push(delayMs),
  onProgress: () => {},
};

describe('loading rows', () => {
  it('sends every row once, in batches with their own keys', async () => {
    const sent = new Map<string, number[]>();
    const result = await loadRows(
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
    assert.deepEqual(result, { acknowledged: 25, duplicates: 0, rejected: 0, isInterrupted: false });
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
      { ...options, bytesPerBatchMax: 60 },
    );
    assert.deepEqual(sizes, [2, 2, 2, 2, 2]);
  });

  it('repeats a batch with the same key when asked to come back, no sooner than it says', async () => {
    const keys: string[] = [];
    slept.length = 0;
    const result = await loadRows(
      rows(1),
      async (_batch, key) => {
        keys.push(key);
        if (keys.length === 1) throw retryLater('overloaded', 'later', 5_000);
        if (keys.length === 2) throw new HybridStoreError('deadline_exceeded', 'too slow');
        return { accepted: 1 };
      },
      options,
    );
    assert.deepEqual([result.acknowledged, keys, slept], [1, ['load.0', 'load.0', 'load.0'], [5_000, 400]]);
  });

  it('ends at the first refusal and does not send what comes after it', async () => {
    let sent = 0;
    await assert.rejects(
      () =>
        loadRows(
          rows(1_000),
          async () => {
            sent += 1;
            throw new HybridStoreError('forbidden', 'write on flights is not permitted');
          },
          options,
        ),
      /not permitted/,
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

  /** Takes integers only, whole batches or none, as the platform does. */
  const strict =
    (taken: Map<string, unknown[]>) => async (batch: { records: readonly { fields: object }[] }, key: string) => {
      const ids = batch.records.map((record) => (record.fields as { id: unknown }).id);
      const index = ids.findIndex((id) => !Number.isInteger(id));
      if (index >= 0) {
        const message = `records[${index}].fields.id: expected a bigint, got ${JSON.stringify(ids[index])}`;
        throw new HybridStoreError('invalid_request', message, { field: `records[${index}].fields.id`, index });
      }
      const duplicate = taken.has(key);
      if (!duplicate) taken.set(key, ids);
      return { accepted: ids.length, duplicate };
    };

  async function* mixed(): AsyncGenerator<ReadRow> {
    yield { ...line(1), fields: { id: 1 } };
    yield { ...line(2), fields: { id: 'x' } };
    yield { ...line(3), rejection: 'not valid JSON' };
    yield { ...line(4), fields: { id: 'y' } };
    yield { ...line(5), fields: { id: 5 } };
  }

  it('leaves out the rows that are refused, names their lines, and loads the rest of the batch', async () => {
    const taken = new Map<string, unknown[]>();
    const rejected: RejectedRow[] = [];
    const result = await loadRows(mixed(), strict(taken), {
      ...options,
      rejectedMax: 3,
      onRejected: (row) => rejected.push(row),
    });
    assert.deepEqual(result, { acknowledged: 2, duplicates: 0, rejected: 3, isInterrupted: false });
    assert.deepEqual([...taken], [['load.0', [1, 5]]]);
    assert.deepEqual(rejected.map((row) => `${row.unit} ${row.position}: ${row.reason}`).sort(), [
      'line 2: id: expected a bigint, got "x"',
      'line 3: not valid JSON',
      'line 4: id: expected a bigint, got "y"',
    ]);
  });

  it('ends when more rows are refused than allowed, naming the last', async () => {
    await assert.rejects(
      () => loadRows(mixed(), strict(new Map()), { ...options, rejectedMax: 2 }),
      /^HybridStoreError: more than 2 rows were rejected, the last: line 4: id: expected a bigint, got "y"$/,
    );
    await assert.rejects(
      () => loadRows(mixed(), strict(new Map()), options),
      /^HybridStoreError: line 3: not valid JSON$/,
    );
  });

  it('rejects a row that has no form on the wire, and cuts the batches as if it had one', async () => {
    const rejected: RejectedRow[] = [];
    const taken = new Map<string, unknown[]>();
    const result = await loadRows(rows(4), strict(taken), {
      ...options,
      rowsPerBatch: 2,
      rejectedMax: 1,
      prepare: (fields) => {
        if (fields['id'] === 1) throw new HybridStoreError('invalid_request', 'id: expected another, got 1');
        return fields;
      },
      onRejected: (row) => rejected.push(row),
    });
    assert.deepEqual([result.acknowledged, result.rejected], [3, 1]);
    assert.deepEqual(
      [...taken],
      [
        ['load.0', [0]],
        ['load.1', [2, 3]],
      ],
    );
    assert.deepEqual(rejected, [{ unit: 'line', position: 2, reason: 'id: expected another, got 1' }]);
  });

  it('begins no batch after an interrupt, and a repetition brings only what is missing', async () => {
    const taken = new Map<string, unknown[]>();
    const interrupt = new AbortController();
    const cut = await loadRows(
      rows(100),
      async (batch, key) => {
        if (batch.number === 4) interrupt.abort();
        return strict(taken)(batch, key);
      },
      { ...options, parallel: 1, signal: interrupt.signal },
    );
    assert.deepEqual(cut, { acknowledged: 50, duplicates: 0, rejected: 0, isInterrupted: true });
    const whole = await loadRows(rows(100), strict(taken), { ...options, parallel: 1 });
    assert.deepEqual(whole, { acknowledged: 100, duplicates: 50, rejected: 0, isInterrupted: false });
    assert.deepEqual(
      [...taken.values()].flat(),
      Array.from({ length: 100 }, (_, id) => id),
    );
  });
});
