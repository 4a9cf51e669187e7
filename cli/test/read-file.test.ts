import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chooseFormat, type Format, readRows } from '../src/load/read-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

async function read(text: string, format: Format): Promise<unknown[]> {
  const path = join(folder, `file.${format}`);
  writeFileSync(path, text);
  const all: unknown[] = [];
  for await (const row of readRows(path, format)) all.push(row.fields);
  return all;
}

describe('reading files', () => {
  it('takes the format from the flag, else from the ending', () => {
    assert.deepEqual(
      [chooseFormat('a/b.JSONL', undefined), chooseFormat('x.txt', 'csv'), chooseFormat('q.geojson', undefined)],
      ['ndjson', 'csv', 'json'],
    );
    assert.throws(
      () => chooseFormat('x.xml', undefined),
      /--format: expected one of json, ndjson, csv, parquet, found xml/,
    );
    assert.throws(() => chooseFormat('x', 'constructor'), /found constructor/);
  });

  it('reads arrays, GeoJSON features and single objects', async () => {
    assert.deepEqual(await read('[{"a":1},{"a":2}]', 'json'), [{ a: 1 }, { a: 2 }]);
    assert.deepEqual(await read('\uFEFF{"type":"FeatureCollection","features":[{"id":"x"}]}', 'json'), [{ id: 'x' }]);
    assert.deepEqual(await read('{"a":1}', 'json'), [{ a: 1 }]);
    await assert.rejects(() => read('[1]', 'json'), /item 0: expected an object/);
    await assert.rejects(() => read('[{]', 'json'), /not valid JSON/);
  });

  it('reads NDJSON and names the line that breaks', async () => {
    assert.deepEqual(await read('{"a":1}\r\n\n{"a":"ü"}', 'ndjson'), [{ a: 1 }, { a: 'ü' }]);
    await assert.rejects(() => read('{"a":1}\n[]\n', 'ndjson'), /line 2: expected an object/);
    await assert.rejects(() => read('{"a":1}\n{"a"', 'ndjson'), /line 2: not valid JSON/);
  });

  it('reads CSV with quotes and line breaks, and refuses ragged lines', async () => {
    assert.deepEqual(await read('a,b\n1,"x, ""y""\nz"\n', 'csv'), [{ a: '1', b: 'x, "y"\nz' }]);
    await assert.rejects(() => read('a,b\n1\n', 'csv'), /expect 2, got 1|Invalid Record Length/);
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
      [
        25_000,
        { date: new Date('2001-01-01T00:01:00Z'), delay: 33n, distance: 2176n, origin: 'LAS', destination: 'PHL' },
      ],
    );
    await assert.rejects(() => read('no parquet', 'parquet'), /not a readable Parquet file/);
  });
});
