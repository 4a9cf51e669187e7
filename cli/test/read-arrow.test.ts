import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exactNumber } from '@hybridstore/runtime';
import { Duration, Field, Int32, RecordBatchStreamWriter, Schema, Struct, TimeUnit } from 'apache-arrow';
import { prepareRow } from '../src/load/prepare-row.ts';
import { readArrow } from '../src/load/read-arrow.ts';
import type { ReadRow } from '../src/load/row.ts';

// The files of `data/` were written by pyarrow 26.0.1: another hand than the library that reads them here.
const data = fileURLToPath(new URL('data', import.meta.url));
const vega = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hybridstore-arrow-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function read(path: string): Promise<ReadRow[]> {
  return Array.fromAsync(readArrow(path));
}

async function readBytes(name: string, bytes: Uint8Array): Promise<ReadRow[]> {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return read(path);
}

const wireRows = [
  {
    i8: 1,
    i64: exactNumber('1152921504606846976'),
    u64: exactNumber('18446744073709551615'),
    f16: 1.5,
    f64: 0.1,
    b: true,
    s: 'ü',
    ls: 'a',
    bin: 'AQI=',
    d128: '12345678901234567890.12',
    d256: '-1.5',
    date32: '2024-01-15',
    date64: '2024-01-15',
    tus: '2024-01-15T10:00:00.123456Z',
    tns: '2024-01-15T10:00:00.123456Z',
    ts: '1970-01-01T00:00:00Z',
    time: '01:02:03.0005',
    dict: 'a',
    nul: null,
    list: [1, null, 2],
    fsl: [1, 2],
    st: { x: 1, y: { z: 'q' } },
    map: { k: 1 },
  },
  Object.fromEntries(
    ['i8', 'i64', 'u64', 'f16', 'f64', 'b', 's', 'ls', 'bin', 'd128', 'd256', 'date32', 'date64', 'tus', 'tns', 'ts']
      .concat(['time', 'dict', 'nul', 'list', 'fsl', 'st', 'map'])
      .map((name) => [name, null]),
  ),
  {
    i8: -128,
    i64: -5,
    u64: 7,
    f16: 'NaN',
    f64: 'Infinity',
    b: false,
    s: 'x'.repeat(40),
    ls: 'b',
    bin: '',
    d128: '-0.05',
    d256: '7.0',
    date32: '1969-12-31',
    date64: '1969-12-31',
    tus: '1969-12-31T23:59:59.999999Z',
    tns: '1970-01-01T00:00:00.000000001Z',
    ts: '1969-12-31T23:59:59Z',
    time: '23:59:59',
    dict: 'b',
    nul: null,
    list: [],
    fsl: [3, 4],
    st: { x: null, y: null },
    map: {},
  },
];
const onTheWire = (rows: readonly ReadRow[]) => rows.map((row) => prepareRow(row.fields ?? {}, doubles, false));
/** Only a double column has a form for what is not finite. */
const doubles = new Map(['f16', 'f64'].map((name) => [name, { name, type: 'double' }]));

describe('reading Arrow', () => {
  it('gives every type its JSON value, nulls included, from an LZ4 file', async () => {
    assert.deepEqual(onTheWire(await read(join(data, 'every-type-lz4.feather'))), wireRows);
  });

  it('reads all batches of a stream and counts its rows through', async () => {
    const rows = await read(join(data, 'every-type-twice.arrows'));
    assert.deepEqual(onTheWire(rows), [...wireRows, ...wireRows]);
    assert.deepEqual(
      rows.map((row) => `${row.unit} ${row.position}`),
      [1, 2, 3, 4, 5, 6].map((position) => `row ${position}`),
    );
    assert.ok(rows.every((row) => row.bytesRead <= readFileSync(join(data, 'every-type-twice.arrows')).length));
  });

  it('unpacks LZ4 and Zstandard to the same rows', async () => {
    const expected = Array.from({ length: 2_000 }, (_, n) => ({ n, s: `row ${n % 7} ${'ab'.repeat(n % 13)}` }));
    for (const name of ['repetitive-lz4.feather', 'repetitive-zstd.feather'])
      assert.deepEqual(onTheWire(await read(join(data, name))), expected, name);
  });

  it('reads 200,000 real flights with their sums', async () => {
    let rows = 0;
    let delay = 0;
    let last: ReadRow | undefined;
    for await (const row of readArrow(join(vega, 'flights-200k.arrow'))) {
      rows += 1;
      delay += Number(row.fields?.['delay']);
      last = row;
    }
    const reference = JSON.parse(readFileSync(join(vega, 'flights-200k.json'), 'utf8')) as { delay: number }[];
    assert.deepEqual([rows, delay], [reference.length, reference.reduce((sum, flight) => sum + flight.delay, 0)]);
    assert.equal(last?.bytesRead, readFileSync(join(vega, 'flights-200k.arrow')).length);
  });

  it('refuses a type without a form in JSON before the first row, and names its column', async () => {
    const duration = new Duration(TimeUnit.SECOND);
    await assert.rejects(
      () => readBytes('duration.arrows', writeStream([new Field('took', duration)])),
      /duration\.arrows: column took: expected a type that JSON has a form for, found Duration<SECOND>$/,
    );
    const nested = new Struct([new Field('took', duration)]);
    await assert.rejects(
      () => readBytes('nested.arrows', writeStream([new Field('run', nested)])),
      /column run\.took: expected a type/,
    );
  });

  it('refuses two columns of one name', async () => {
    await assert.rejects(
      () => readBytes('twice.arrows', writeStream([new Field('a', new Int32()), new Field('a', new Int32())])),
      /twice\.arrows: columns: expected a name for each, found a twice/,
    );
  });

  it('refuses what is cut off, empty, or no Arrow at all', async () => {
    const file = readFileSync(join(data, 'every-type-lz4.feather'));
    await assert.rejects(() => readBytes('cut.feather', file.subarray(0, -900)), /not readable as Arrow IPC/);
    const stream = readFileSync(join(data, 'every-type-twice.arrows'));
    await assert.rejects(() => readBytes('cut.arrows', stream.subarray(0, -900)), /not readable as Arrow IPC/);
    await assert.rejects(() => readBytes('text.arrow', Buffer.from('hello, arrow')), /not readable as Arrow IPC/);
    await assert.rejects(() => readBytes('empty.arrow', Buffer.alloc(0)), /not readable as Arrow IPC/);
    await assert.rejects(() => readBytes('one.feather', Buffer.from('FEA1....')), /found Feather version 1/);
  });
});

/** A stream with these columns and no record batch. */
function writeStream(fields: Field[]): Uint8Array {
  const writer = new RecordBatchStreamWriter();
  writer.reset(undefined, new Schema(fields));
  writer.finish();
  return writer.toUint8Array(true);
}
