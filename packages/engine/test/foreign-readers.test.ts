import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { createSharedWriter, filesOf, openEngine } from './engine-fixture.ts';

/** Readers that share no code with what wrote the files. */
type ForeignCursor = { next(): Promise<Record<string, unknown> | null> };
type ForeignReader = { getCursor(): ForeignCursor; getRowCount(): unknown; close(): Promise<void> };
type ForeignLibrary = { readonly ParquetReader: { openFile(path: string): Promise<ForeignReader> } };
const parquetjs: ForeignLibrary = createRequire(import.meta.url)('parquetjs-lite');

const folder = createTemporaryFolder('foreign');
mkdirSync(join(folder.path, 'spool'));
const segmentWriter = createSharedWriter(join(folder.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  folder[Symbol.dispose]();
});

test('hyparquet reads every type, with the physical types of the format page', async () => {
  const engine = await openEngine(folder.path, { segmentWriter });
  await engine.putSource({
    source_id: 'foreign',
    columns: [
      { name: 'small', type: 'integer' },
      { name: 'id', type: 'bigint' },
      { name: 'price', type: 'decimal(10,2)' },
      { name: 'ratio', type: 'double' },
      { name: 'day', type: 'date' },
      { name: 'at', type: 'timestamp' },
      { name: 'ok', type: 'boolean' },
      { name: 'label', type: 'string' },
      { name: 'extra', type: 'json' },
    ],
    compression: 'snappy',
  });
  const fields = {
    small: 7,
    id: '9007199254740993',
    price: '12.50',
    ratio: 0.5,
    day: '2024-02-29',
    at: '2024-05-01T12:00:00.000001Z',
    ok: true,
    label: 'Öl',
    extra: { a: [1] },
  };
  await engine.append({ sourceId: 'foreign', records: [{ fields }, { fields: { small: 8 } }] });
  await engine.flush('foreign');
  const state = await engine.snapshot('foreign');
  const [path = ''] = await filesOf(engine, state);
  const memory = readFileSync(path);
  const file = memory.buffer.slice(memory.byteOffset, memory.byteOffset + memory.length) as ArrayBuffer;

  const types = parquetMetadata(file)
    .schema.slice(1)
    .map((element) => `${element.name} ${element.type} ${element.converted_type ?? ''}`);
  assert.deepEqual(types, [
    'small INT64 INT_64',
    'id INT64 INT_64',
    'price FIXED_LEN_BYTE_ARRAY DECIMAL',
    'ratio DOUBLE ',
    'day INT32 DATE',
    'at INT64 TIMESTAMP_MICROS',
    'ok BOOLEAN ',
    'label BYTE_ARRAY UTF8',
    'extra BYTE_ARRAY UTF8',
  ]);
  const rows = await parquetReadObjects({ file });
  assert.equal(rows.length, 2);
  assert.deepEqual(
    [rows[0]?.['id'], rows[0]?.['price'], rows[0]?.['label'], rows[1]?.['small'], rows[1]?.['ok']],
    [9007199254740993n, 12.5, 'Öl', 8n, null],
  );

  await engine.close();
});

test('parquetjs-lite, which knows no decimals, reads the other types', async () => {
  const engine = await openEngine(join(folder.path, 'plain'), { segmentWriter });
  await engine.putSource({
    source_id: 'plain',
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'label', type: 'string' },
      { name: 'ok', type: 'boolean' },
      { name: 'at', type: 'timestamp' },
    ],
    compression: 'none',
  });
  const records = Array.from({ length: 5 }, (_, id) => ({ fields: { id, label: `row ${id}`, ok: id % 2 === 0 } }));
  await engine.append({ sourceId: 'plain', records });
  await engine.flush('plain');
  const state = await engine.snapshot('plain');
  const reader = await parquetjs.ParquetReader.openFile((await filesOf(engine, state))[0] ?? '');
  assert.equal(Number(reader.getRowCount()), 5);
  const cursor = reader.getCursor();
  const labels: unknown[] = [];
  for (let row = await cursor.next(); row; row = await cursor.next()) labels.push(`${row['label']} ${row['ok']}`);
  assert.deepEqual(labels, ['row 0 true', 'row 1 false', 'row 2 true', 'row 3 false', 'row 4 true']);
  await reader.close();
  await engine.close();
});
