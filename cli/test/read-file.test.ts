import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { prepareRow } from '../src/load/prepare-row.ts';
import { chooseFormat, type Format, readRows } from '../src/load/read-file.ts';
import type { Fields, ReadOptions } from '../src/load/row.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

async function read(text: string | Buffer, format: Format, options: ReadOptions = {}): Promise<unknown[]> {
  const path = join(folder, `file.${format}`);
  writeFileSync(path, text);
  const all: unknown[] = [];
  for await (const row of readRows(path, format, options))
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
      /--format: expected one of json, ndjson, csv, tsv, parquet, arrow, found xml/,
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
    assert.deepEqual(await read('\uFEFFa,b\r\n1,2\n3,4\r5,6\r\n\r\n7,"8\r\n9"', 'csv'), [
      ...[
        { a: '1', b: '2' },
        { a: '3', b: '4' },
        { a: '5', b: '6' },
      ],
      { a: '7', b: '8\r\n9' },
    ]);
    await assert.rejects(() => read('a,b,a\n1,2,3\n', 'csv'), /header: .* found a twice \(column 3\)/);
    await assert.rejects(() => read('a,,b\n1,2,3\n', 'csv'), /header: .* found an empty one \(column 2\)/);
  });

  it('rejects the line of a stray quote alone, with its column', async () => {
    const found = async (line: string) => read(`a,b\n0,0\n${line}\n5,"6"\n7,8\n`, 'csv');
    const around = (rejection: string) => [
      ...[{ a: '0', b: '0' }, rejection],
      ...[
        { a: '5', b: '6' },
        { a: '7', b: '8' },
      ],
    ];
    assert.deepEqual(
      await found('1,5" pipe'),
      around('line 3: column 4: expected " around the whole value or not at all'),
    );
    assert.deepEqual(
      await found('1,"x"y'),
      around('line 3: column 6: expected a delimiter behind the closing ", found y'),
    );
    assert.deepEqual(
      await found('1,"x'),
      around('line 3: column 3: expected the quote that opens here to be closed, found none that does'),
    );
    assert.deepEqual(await read('a,b\n1,"x\n2,y\n', 'csv'), [
      'line 2: column 3: expected the quote that opens here to be closed, found none that does',
      { a: '2', b: 'y' },
    ]);
  });

  it('goes back to the line of a quote that nobody closes, however many lines it has opened over', async () => {
    const rows = await read(`a,b\n1,"x\n${'2,y\n'.repeat(300_000)}`, 'csv');
    assert.equal(rows.length, 300_001);
    assert.match(String(rows[0]), /^line 2: column 3: expected the quote/);
    assert.deepEqual(rows.at(-1), { a: '2', b: 'y' });
  });

  it('finds semicolons and tabs in the header and says so, and takes the delimiter and the quote that are named', async () => {
    const notes: string[] = [];
    const onNote = (sentence: string) => void notes.push(sentence);
    assert.deepEqual(await read('"a,x";b\n1,5;2\n', 'csv', { onNote }), [{ 'a,x': '1,5', b: '2' }]);
    assert.deepEqual(await read('a\tb\n1\t2\n', 'csv', { onNote }), [{ a: '1', b: '2' }]);
    assert.deepEqual(await read('sep=|\na|b\n1|2\n', 'csv', { onNote }), [{ a: '1', b: '2' }]);
    assert.deepEqual(notes, [
      'columns are separated by semicolons (--delimiter names another)',
      'columns are separated by tabs (--delimiter names another)',
      'columns are separated by bars (--delimiter names another)',
    ]);
    assert.deepEqual(await read(`a|b\n'x|''y'''|"2\n`, 'csv', { delimiter: '|', quote: "'" }), [
      { a: "x|'y'", b: '"2' },
    ]);
    assert.deepEqual(await read('a,b\n"1,2"\n', 'csv', { quote: '' }), [{ a: '"1', b: '2"' }]);
    assert.deepEqual(await read('a,b\tx\n1,2\ty\n', 'tsv'), [{ 'a,b': '1,2', x: 'y' }]);
  });

  it('splits NDJSON at line feeds alone', async () => {
    const text = 'a\u2028b\u2029c\u0085d';
    assert.deepEqual(await read(`{"t":"${text}"}\n{"t":1}\r\n`, 'ndjson'), [{ t: text }, { t: 1 }]);
  });

  it('refuses an object that names a key twice, whose first value would be lost', async () => {
    assert.deepEqual(await read('{"a":1,"a":2}\n{"a":{"b":1},"b":[{"a":1},{"a":2}]}\n{"a":":\\":"}', 'ndjson'), [
      'line 1: not valid JSON (the key "a" stands twice in one object)',
      { a: { b: 1 }, b: [{ a: 1 }, { a: 2 }] },
      { a: ':":' },
    ]);
    await assert.rejects(() => read('[{"x":{"a":1,"\\u0061" : 2}}]', 'json'), /the key "a" stands twice/);
  });

  it('takes features for rows of a FeatureCollection only, and says what it leaves out', async () => {
    const notes: string[] = [];
    const onNote = (sentence: string) => void notes.push(sentence);
    assert.deepEqual(await read('{"features":[1],"id":2}', 'json', { onNote }), [{ features: [1], id: 2 }]);
    await read('{"type":"FeatureCollection","crs":{},"features":[{}]}', 'json', { onNote });
    assert.deepEqual(notes, ['a row a feature; what stands beside them is left out: crs']);
  });

  it('refuses bytes that are not the encoding, with their line and their place in it', async () => {
    const latin = Buffer.from('name,x\nAnn,1\nJosé,2\n', 'latin1');
    const failure = /: line 3, byte 4: expected utf-8, found 0xE9; --encoding names another encoding$/;
    for (const format of ['csv', 'ndjson', 'json'] as const) await assert.rejects(() => read(latin, format), failure);
    for (const encoding of ['latin1', 'windows-1252'] as const)
      assert.deepEqual((await read(latin, 'csv', { encoding })).at(-1), { name: 'José', x: '2' });
    await assert.rejects(
      () => read(Buffer.from([0x61, 0x0a, 0x80, 0x81]), 'csv', { encoding: 'windows-1252' }),
      /line 2, byte 2: expected windows-1252, found 0x81/,
    );
    await assert.rejects(
      () => read(Buffer.from([0x61, 0x0a, 0xe2, 0x82]), 'csv'),
      /line 2, byte 1: expected utf-8, found 0xE2/,
    );
  });

  it('reads UTF-16 by its byte order mark, and says so', async () => {
    const little = Buffer.from('\uFEFFname,x\r\nJos\u00e9 \u20ac,1\r\n', 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const bytes of [little, big])
      for (const options of [{}, { encoding: 'utf-16' as const }])
        assert.deepEqual(await read(bytes, 'csv', options), [{ name: 'José €', x: '1' }]);
    const notes: string[] = [];
    await read(big, 'csv', { onNote: (sentence) => notes.push(sentence) });
    assert.deepEqual(notes, ['read as utf-16be, as its byte order mark says (--encoding names another)']);
    await assert.rejects(() => read('a\n1\n', 'csv', { encoding: 'utf-16' }), /--encoding: expected a byte order mark/);
    const lone = Buffer.concat([little, Buffer.from([0x00, 0xd8, 0x0a, 0x00])]);
    await assert.rejects(() => read(lone, 'csv'), /line 3, byte 1: expected utf-16le/);
  });

  it('unpacks gzip and Zstandard, several members of them too, and refuses what is cut off', async () => {
    const [one, two] = [Buffer.from('a\n1\n'), Buffer.from('2\n')];
    for (const pack of [gzipSync, zstdCompressSync]) {
      const packed = Buffer.concat([pack(one), pack(two)]);
      assert.deepEqual(await read(packed, 'csv'), [{ a: '1' }, { a: '2' }]);
      await assert.rejects(() => read(packed.subarray(0, -3), 'csv'), /to its end, found it cut off or damaged/);
    }
    assert.equal(chooseFormat('a/b.csv.gz', undefined), 'csv');
    assert.equal(chooseFormat('b.ndjson.zst', undefined), 'ndjson');
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
