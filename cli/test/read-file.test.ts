import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { prepareRow } from '../src/load/prepare-row.ts';
import { chooseFormat, type Format, readRows } from '../src/load/read-file.ts';
import type { Fields } from '../src/load/row.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

async function read(text: string, format: Format): Promise<unknown[]> {
  const path = join(folder, `file.${format}`);
  writeFileSync(path, text);
  const all: unknown[] = [];
  for await (const row of readRows(path, format))
    all.push(row.fields ?? `${row.unit} ${row.position}: ${row.rejection}`);
  return all;
}

describe('reading files', () => {
  it('takes the format from the flag, else from the ending', () => {
    assert.deepEqual(
      [
        chooseFormat('a/b.JSONL', undefined),
        chooseFormat('x.txt', 'csv'),
        chooseFormat('q.geojson', undefined),
        chooseFormat('f.feather', undefined),
      ],
      ['ndjson', 'csv', 'json', 'arrow'],
    );
    assert.throws(
      () => chooseFormat('x.xml', undefined),
      /--format: expected one of json, ndjson, csv, parquet, arrow, found xml/,
    );
    assert.throws(() => chooseFormat('x', 'constructor'), /found constructor/);
    assert.throws(() => chooseFormat('a.csv/x', undefined), /found a file without an ending/);
  });

  it('reads arrays, GeoJSON features and single objects', async () => {
    assert.deepEqual(await read('[{"a":1},{"a":2}]', 'json'), [{ a: 1 }, { a: 2 }]);
    assert.deepEqual(await read('\uFEFF{"type":"FeatureCollection","features":[{"id":"x"}]}', 'json'), [{ id: 'x' }]);
    assert.deepEqual(await read('{"a":1}', 'json'), [{ a: 1 }]);
    assert.deepEqual(await read('[1, {}]', 'json'), ['item 1: expected an object, found a number', {}]);
    await assert.rejects(() => read('[{]', 'json'), /not valid JSON/);
  });

  it('reads NDJSON and names the line that breaks', async () => {
    assert.deepEqual(await read('{"a":1}\r\n\n{"a":"ü"}', 'ndjson'), [{ a: 1 }, { a: 'ü' }]);
    const [first, broken, list, last] = await read('\uFEFF{"a":1}\n\n{"a"\n[]\n{"a":2}', 'ndjson');
    assert.deepEqual([first, list, last], [{ a: 1 }, 'line 4: expected an object, found an array', { a: 2 }]);
    assert.match(String(broken), /^line 3: not valid JSON/);
  });

  it('keeps every digit of numbers that a double would change, and leaves all others numbers', async () => {
    const numbers = [
      ...['9007199254740993', '-12345678901234567890', '1234567890123456.78', '0.1234567890123456789', '1e400'],
      ...['[9007199254740993]', '{"n":{"m":18446744073709551615}}'],
    ];
    for (const number of numbers)
      for (const [text, format] of [
        [`{"a":1,"b": ${number},"c":0.5833333333333334}`, 'ndjson'],
        [`[{"a":1,"b":\n${number},"c":0.5833333333333334}]`, 'json'],
      ] as const) {
        const [row] = await read(text, format);
        const written = `{"a":1,"b":${number},"c":0.5833333333333334}`;
        assert.equal(JSON.stringify(prepareRow(row as Fields, undefined, false)), written);
      }
    assert.deepEqual(await read('[12345678901234567890, {}]', 'json'), [
      'item 1: expected an object, found a number',
      {},
    ]);
    assert.deepEqual(await read(' 12345678901234567890\n{}', 'ndjson'), [
      'line 1: expected an object, found a number',
      {},
    ]);
    const plain = { a: 9_007_199_254_740_991, b: 0.1, c: 1.5e300, d: ', 12345678901234567890', e: 1.0, f: -0.05 };
    assert.deepEqual(await read(JSON.stringify(plain), 'ndjson'), [plain]);
  });

  it('reads CSV with quotes and line breaks, and names ragged lines', async () => {
    assert.deepEqual(await read('a,b\n1,"x, ""y""\nz"\n', 'csv'), [{ a: '1', b: 'x, "y"\nz' }]);
    assert.deepEqual(await read('a,b\n1\n2,3\n4,5,6\n', 'csv'), [
      'line 2: expected 2 values as in the header, found 1',
      { a: '2', b: '3' },
      'line 4: expected 2 values as in the header, found 3',
    ]);
    await assert.rejects(() => read('a,b\n1,"x\n', 'csv'), /Quote Not Closed/);
    await assert.rejects(() => read('a,b,a\n1,2,3\n', 'csv'), /header: .* found a twice \(column 3\)/);
    await assert.rejects(() => read('a,,b\n1,2,3\n', 'csv'), /header: .* found an empty one \(column 2\)/);
  });

  it('reads a real Parquet file in parts', async () => {
    let rows = 0;
    let first: unknown;
    for await (const row of readRows(join(data, 'flights-3m.parquet'), 'parquet')) {
      first ??= row.fields;
      rows += 1;
      if (rows === 25_000) break;
    }
    assert.deepEqual(
      [rows, first],
      [25_000, { date: '2001-01-01T00:01:00Z', delay: 33n, distance: 2176n, origin: 'LAS', destination: 'PHL' }],
    );
    await assert.rejects(() => read('no parquet', 'parquet'), /not readable as Parquet/);
  });

  it('keeps every digit of decimals and timestamps out of Parquet, packed with LZ4', async () => {
    const rows = await Array.fromAsync(
      readRows(fileURLToPath(new URL('data/exact.parquet', import.meta.url)), 'parquet'),
    );
    assert.deepEqual(
      rows.map((row) => row.fields),
      [
        { small: '0.30', large: '12345678901234567890.12', at: '2024-01-15T10:00:00.123456Z', day: '2024-01-15' },
        { small: null, large: null, at: null, day: null },
        { small: '-0.05', large: '-0.05', at: '1969-12-31T23:59:59.999999Z', day: '1969-12-31' },
      ],
    );
  });
});
