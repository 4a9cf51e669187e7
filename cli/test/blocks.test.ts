import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Column } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type Block, type LoadOptions, loadBlocks, type RejectedRow } from '../src/load/load-rows.ts';
import { prepareRow } from '../src/load/prepare-row.ts';
import { findBlocks } from '../src/load/read-blocks.ts';
import { readRows } from '../src/load/read-file.ts';
import { isUtf8Text } from '../src/load/read-text.ts';
import type { ReadRow } from '../src/load/row.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-blocks-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const types: Readonly<Record<string, string>> = {
  id: 'bigint',
  n: 'integer',
  d: 'double',
  m: 'decimal(12,2)',
  ok: 'boolean',
  day: 'date',
  at: 'timestamp',
  s: 'string',
};
const columns = new Map<string, Column>(Object.entries(types).map(([name, type]) => [name, { name, type }]));

function file(name: string, bytes: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function blocksOf(path: string, format: 'csv' | 'ndjson', rowsPerBatch = 3, bytesPerBatchMax = 8_000_000) {
  const bounds = { rowsPerBatch, bytesPerBatchMax };
  const notes: string[] = [];
  const open = await findBlocks(path, { format, columns, options: {}, rules: {}, isUtf8: true, bounds });
  return open && Array.fromAsync(open((note) => notes.push(note)));
}

async function positionsOf(rows: AsyncIterable<ReadRow>): Promise<unknown[]> {
  return (await Array.fromAsync(rows)).map(({ position, fields, rejection }) => [position, fields ?? rejection]);
}

/** What the rows of all blocks are, read one by one: the same as those of the file. */
async function carefulRows(blocks: readonly Block[]): Promise<unknown[]> {
  return (await Promise.all(blocks.map((block) => positionsOf(block.rows())))).flat();
}

const plainCell = fc.oneof(
  fc.constantFrom(
    '',
    '1',
    '-7',
    '0.5',
    '-0',
    '1e2',
    '12345678901234567',
    'true',
    'f',
    '2024-02-29',
    '2024-02-29T01:02:03.5Z',
  ),
  fc.constantFrom('x', ' 3', 'NaN', '+5', '007', '.5', '2024-13-01', '2024-01-01T00:00:00.1234567Z', 'ü', 'yes'),
);
const cell = fc.oneof(
  { weight: 20, arbitrary: plainCell },
  { weight: 4, arbitrary: plainCell.map((text) => `"${text}"`) },
  { weight: 2, arbitrary: fc.constantFrom('"a\nb"', '"a\r\nb"', '"say ""hi"""', '""', '"a,b"') },
  { weight: 1, arbitrary: fc.constantFrom('a"b', '"open', '"a"b', '"a\rb"') },
);
const usual: Readonly<Record<string, readonly string[]>> = {
  id: ['1', '-7', '12345678901234567', ''],
  n: ['0', '42', '-3', ''],
  d: ['0.5', '-0', '1e2', '211.91505791505793', ''],
  m: ['12.5', '0.01', '-3', ''],
  ok: ['true', 'f', '1', 'NO', ''],
  day: ['2024-02-29', '1600-12-31', ''],
  at: ['2024-02-29T01:02:03.5Z', '2024-02-29 01:02:03Z', '2024-02-29', '1600-02-29T00:00:00.250Z', ''],
  s: ['', 'x', 'ü', ' 3', '"a\nb"', '"a\r\nb"', '"say ""hi"""', '""', '"a,b"'],
};
const usualRecord = fc
  .tuple(...Object.values(usual).map((cells) => fc.constantFrom(...cells)))
  .map((cells) => cells.join(','));
const record = fc.oneof(
  { weight: 60, arbitrary: usualRecord },
  { weight: 3, arbitrary: fc.array(cell, { minLength: 8, maxLength: 8 }).map((cells) => cells.join(',')) },
  { weight: 1, arbitrary: fc.constantFrom('', 'ragged,row', '1,2,3,4,5,6,7,8,9', '\r') },
);

describe('blocks of CSV', () => {
  const header = Object.keys(types).join(',');

  it('hold the rows that the careful way reads, at the same lines', async () => {
    let packed = 0;
    const run = async (records: readonly string[], lineEnd: string, hasLast: boolean) => {
      const path = file('any.csv', [header, ...records].join(lineEnd) + (hasLast ? lineEnd : ''));
      const blocks = await blocksOf(path, 'csv');
      // A header that does not end is left to the careful way.
      if (records.length === 0 && !hasLast) return assert.equal(blocks, undefined);
      assert.ok(blocks);
      assert.deepEqual(await carefulRows(blocks), await positionsOf(readRows(path, 'csv')));
      for (const block of blocks) {
        if (!block.packed) continue;
        packed += 1;
        assert.deepEqual(arrowRows(block.packed.bytes), await preparedRows(block));
      }
    };
    const lines = fc.array(record, { maxLength: 12 });
    await fc.assert(fc.asyncProperty(lines, fc.constantFrom('\n', '\r\n'), fc.boolean(), run), { numRuns: 400 });
    assert.ok(packed > 20, `only ${packed} blocks were packed`);
  });

  /** As the platform takes them: text of the row-by-row form, in the types of the columns. */
  async function preparedRows(block: Block): Promise<unknown[]> {
    const rows = await Array.fromAsync(block.rows());
    return rows.map((row) => {
      assert.ok(row.fields, JSON.stringify(row));
      const prepared = prepareRow(row.fields, columns, true, { onTruncated: () => assert.fail('cut in silence') });
      return Object.fromEntries(Object.entries(prepared).map(([name, value]) => [name, canonical(name, value)]));
    });
  }

  function arrowRows(bytes: Uint8Array): unknown[] {
    return tableFromIPC(bytes)
      .toArray()
      .map((row: { toJSON(): Record<string, unknown> }) =>
        Object.fromEntries(Object.entries(row.toJSON()).map(([name, value]) => [name, stored(name, value)])),
      );
  }

  const lowBits = ([low = 0, high = 0]: Uint32Array) => BigInt.asIntN(64, BigInt(low) | (BigInt(high) << 32n));
  const numberOf = (value: unknown) =>
    Number(typeof value === 'object' && value !== null && 'rawJSON' in value ? value.rawJSON : value);

  function canonical(name: string, value: unknown): unknown {
    if (value === null || name === 's' || name === 'ok') return value;
    if (name === 'day') return Date.parse(`${value}T00:00:00Z`);
    if (name === 'at') return Date.parse(String(value).length === 10 ? `${value}T00:00:00Z` : String(value));
    return name === 'id' ? String(BigInt(String(value))) : numberOf(value);
  }

  function stored(name: string, value: unknown): unknown {
    if (value === null || name === 's' || name === 'ok') return value;
    if (name === 'm') return Number(lowBits(value as Uint32Array)) / 100;
    if (name === 'day' || name === 'at') return Number(value);
    return name === 'id' ? String(value) : Number(value);
  }

  it('are not made of a file with columns that the source lacks, or with one alone', async () => {
    assert.equal(await blocksOf(file('more.csv', 'id,other\n1,2\n'), 'csv'), undefined);
    assert.equal(await blocksOf(file('one.csv', 'id\n1\n'), 'csv'), undefined);
    assert.equal(await blocksOf(file('twice.csv', 'id,id\n1,2\n'), 'csv'), undefined);
    assert.equal(await blocksOf(file('named.csv', 'sep=;\nid;n\n1;2\n'), 'csv'), undefined);
  });

  it('are cut at the same places wherever the file is read in pieces', async () => {
    const long = `"${`${'x'.repeat(100_000)}\n`.repeat(4)}"`;
    const path = file('long.csv', `id,s\n${Array.from({ length: 9 }, (_, id) => `${id},${long}`).join('\n')}\n`);
    const blocks = await blocksOf(path, 'csv', 4);
    assert.deepEqual(
      blocks?.map(({ packed }) => packed && tableFromIPC(packed.bytes).numRows),
      [4, 4, 1],
    );
    assert.deepEqual(await carefulRows(blocks), await positionsOf(readRows(path, 'csv')));
  });
});

describe('blocks of NDJSON', () => {
  it('are the lines of the file, each once', async () => {
    const lines = Array.from({ length: 10 }, (_, id) => `{"id":${id}}`);
    const path = file('lines.ndjson', `\ufeff${lines.join('\r\n')}`);
    const blocks = await blocksOf(path, 'ndjson');
    assert.deepEqual(
      blocks?.map(({ packed }) => Buffer.from(packed?.bytes ?? []).toString()).join(''),
      lines.join('\r\n'),
    );
    assert.equal(blocks?.length, 4);
    assert.deepEqual(await carefulRows(blocks), await positionsOf(readRows(path, 'ndjson')));
  });

  it('are cut before their bytes pass the bound', async () => {
    const path = file('wide.ndjson', `${'{"s":"0123456789"}\n'.repeat(5)}`);
    const blocks = await blocksOf(path, 'ndjson', 100, 40);
    assert.deepEqual(
      blocks?.map(({ packed }) => packed?.bytes.length),
      [38, 38, 19],
    );
  });
});

describe('blocks of Parquet', () => {
  const parquet = (name: string, columnData: Parameters<typeof parquetWriteBuffer>[0]['columnData']) =>
    file(name, Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: 4 })));
  const usual = () =>
    parquet('usual.parquet', [
      { name: 'id', data: [1n, 2n, 3n, 4n, 2n ** 60n, -1n, 7n], type: 'INT64' },
      { name: 'n', data: [1, null, -3, 4, 5, 6, 7], type: 'INT32', nullable: true },
      { name: 'd', data: [0.5, 1, null, Number.NaN, -0, 6, 1e300], type: 'DOUBLE', nullable: true },
      { name: 'ok', data: [true, false, null, true, true, false, true], type: 'BOOLEAN', nullable: true },
      {
        name: 's',
        data: ['', 'short', null, 'ü'.repeat(40), 'x'.repeat(5_000), 'a', 'twelve bytes!'],
        type: 'STRING',
        nullable: true,
      },
    ]);

  async function open(path: string) {
    const bounds = { rowsPerBatch: 3, bytesPerBatchMax: 8_000_000 };
    const blocks = await findBlocks(path, {
      format: 'parquet',
      columns,
      options: {},
      rules: {},
      isUtf8: false,
      bounds,
    });
    return blocks && Array.fromAsync(blocks(() => {}));
  }

  it('hold the rows that the careful way reads', async () => {
    const path = usual();
    const blocks = await open(path);
    assert.ok(blocks);
    assert.deepEqual(await carefulRows(blocks), await positionsOf(readRows(path, 'parquet')));
    const packed = blocks.flatMap(({ packed: one }) => tableFromIPC(one?.bytes ?? []).toArray());
    const rows = (await Array.fromAsync(readRows(path, 'parquet'))).map(({ fields }) => fields);
    const texts = (row: Readonly<Record<string, unknown>> | undefined) =>
      ['id', 'n', 'd', 'ok', 's'].map((name) => (Object.is(row?.[name], -0) ? '-0' : String(row?.[name])));
    assert.deepEqual(packed.map(texts), rows.map(texts));
    assert.deepEqual(
      blocks.map(({ packed: one }) => one && tableFromIPC(one.bytes).numRows),
      [3, 3, 1],
    );
  });

  it('are not made where the careful way has to say what a value is', async () => {
    const column = (name: string, type: string, data: unknown[]) => ({ name, type, data }) as never;
    assert.equal(await open(parquet('other.parquet', [column('other', 'INT64', [1n])])), undefined);
    assert.equal(await open(parquet('text.parquet', [column('n', 'STRING', ['1'])])), undefined);
    assert.equal(await open(parquet('bytes.parquet', [column('s', 'BYTE_ARRAY', [new Uint8Array([1])])])), undefined);
    assert.equal(await open(parquet('nested.parquet', [column('s', 'JSON', [{ a: 1 }])])), undefined);
    assert.equal(await open(parquet('huge.parquet', [column('s', 'STRING', ['x'.repeat(100_000)])])), undefined);
    assert.equal(await open(file('none.parquet', 'PAR1 none')), undefined);
  });

  it('are left to the careful way from where the engine cannot read on', async () => {
    const whole = Buffer.from(await readFile(usual()));
    // Within the pages of the second row group.
    for (let at = Math.floor(whole.length * 0.4); at < whole.length * 0.6; at += 1) whole[at] = 0xff;
    const path = file('broken.parquet', whole);
    const blocks = await open(path);
    const last = blocks?.at(-1);
    if (last === undefined) return;
    assert.equal(last.packed, undefined);
    await assert.rejects(Array.fromAsync(last.rows()), /not readable as Parquet/);
  });
});

describe('the bytes of a text', () => {
  it('are looked at across the pieces they come in', async () => {
    const odd = Buffer.concat([Buffer.alloc(1024 * 1024 - 1, 'x'), Buffer.from('€ü😀')]);
    for (let at = 0; at < 4; at += 1) assert.equal(await isUtf8Text(file('a.txt', odd.subarray(at))), true);
    for (const end of [1, 2])
      assert.equal(await isUtf8Text(file('a.txt', odd.subarray(0, 1024 * 1024 - 1 + end))), false);
    assert.equal(await isUtf8Text(file('a.txt', Buffer.from([0xe2, 0x82]))), false);
    assert.equal(await isUtf8Text(file('a.txt', '')), true);
  });
});

describe('loading blocks', () => {
  const options: LoadOptions = {
    rowsPerBatch: 10,
    bytesPerBatchMax: 10_000,
    parallel: 2,
    loadId: 'load',
    rejectedMax: 5,
    sleep: async () => {},
    onProgress: () => {},
  };
  const block = (number: number, isPacked = true): Block => ({
    packed: isPacked ? { type: 'any', bytes: Buffer.from(String(number)) } : undefined,
    rows: async function* () {
      for (const [index, id] of [number * 2, number * 2 + 1].entries())
        yield { unit: 'line', position: number * 2 + index + 1, bytesRead: number, fields: { id } };
    },
    bytesRead: number,
  });
  const refusal = (what: string, details = {}) => new HybridStoreError('invalid_request', what, details);

  async function* all(blocks: readonly Block[]) {
    yield* blocks;
  }

  it('sends what is refused packed row by row, under the same id', async () => {
    const packed = new Map<string, string>();
    const sent = new Map<string, unknown[]>();
    const rejected: RejectedRow[] = [];
    const result = await loadBlocks(
      all([block(0), block(1), block(2, false)]),
      {
        sendPacked: async ({ bytes }, key) => {
          if (Buffer.from(bytes).toString() === '1') throw refusal('records[1].fields.id: expected another');
          packed.set(key, Buffer.from(bytes).toString());
          return { accepted: 2 };
        },
        send: async ({ records }, key) => {
          const index = records.findIndex(({ fields }) => fields['id'] === 3);
          if (index >= 0) throw refusal(`records[${index}].fields.id: expected another`, { index });
          sent.set(
            key,
            records.map(({ fields }) => fields['id']),
          );
          return { accepted: records.length };
        },
      },
      { ...options, onRejected: (row) => rejected.push(row) },
    );
    assert.deepEqual(result, { acknowledged: 5, duplicates: 0, rejected: 1, isInterrupted: false });
    assert.deepEqual([...packed], [['load.0', '0']]);
    assert.deepEqual(
      [...sent],
      [
        ['load.1', [2]],
        ['load.2', [4, 5]],
      ],
    );
    assert.deepEqual(rejected, [{ unit: 'line', position: 4, reason: 'id: expected another' }]);
  });

  it('asks no more for what is refused packed each time, and has nothing to reject', async () => {
    let asked = 0;
    const blocks = Array.from({ length: 12 }, (_, number) => block(number));
    const result = await loadBlocks(
      all(blocks),
      {
        sendPacked: async () => {
          asked += 1;
          throw refusal('Content-Type: expected application/json');
        },
        send: async ({ records }) => ({ accepted: records.length }),
      },
      { ...options, parallel: 1 },
    );
    assert.deepEqual([result.acknowledged, asked], [24, 4]);
  });

  it('ends with any other refusal', async () => {
    const sendPacked = () => Promise.reject(new HybridStoreError('forbidden', 'not yours'));
    const send = () => assert.fail('nothing goes row by row');
    await assert.rejects(loadBlocks(all([block(0)]), { send, sendPacked }, options), { code: 'forbidden' });
  });
});
