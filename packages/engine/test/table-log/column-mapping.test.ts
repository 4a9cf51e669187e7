import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { parquetMetadata } from 'hyparquet';
import type { MetadataAction, ProtocolAction } from '../../src/table-log/actions.ts';
import { applyCommits } from '../../src/table-log/snapshot.ts';
import { createTableActions } from '../../src/table-log/table-actions.ts';
import { createSharedWriter, filesOf, openEngine, tableFolder } from '../engine-fixture.ts';

const folder = createTemporaryFolder('mapping');
mkdirSync(join(folder.path, 'spool'));
const segmentWriter = createSharedWriter(join(folder.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  folder[Symbol.dispose]();
});

const plain = ['a', 'größe', 'a.b', '[x]', '"q"', '100%', 'a/b', '1st', 'select'];
const mapped = ['a b', 'a,b', 'a;b', '{a', 'a}', '(a', 'a)', 'a=b'];

function metadataOf(names: readonly string[]): {
  readonly protocol: ProtocolAction;
  readonly metaData: MetadataAction;
} {
  const definition = { source_id: 'things', columns: names.map((name) => ({ name, type: 'string' })) };
  const actions = createTableActions(definition, { id: '11111111-2222-3333-4444-555555555555', nowMs: 1 });
  return Object.assign({}, ...actions);
}

test('a table has column mapping when a name needs it, and no sooner', () => {
  const { protocol, metaData } = metadataOf(plain);
  assert.deepEqual(protocol, { minReaderVersion: 1, minWriterVersion: 2 });
  assert.ok(!metaData.schemaString.includes('columnMapping'));
  assert.ok(!Object.keys(metaData.configuration).some((key) => key.startsWith('delta.')));
  for (const name of mapped) {
    const with_ = metadataOf([...plain, name]);
    assert.deepEqual(with_.protocol, { minReaderVersion: 2, minWriterVersion: 5 }, name);
    assert.equal(with_.metaData.configuration['delta.columnMapping.mode'], 'name');
    assert.equal(with_.metaData.configuration['delta.columnMapping.maxColumnId'], String(plain.length + 1));
    const { fields } = JSON.parse(with_.metaData.schemaString) as { readonly fields: readonly Field[] };
    assert.deepEqual(
      fields.map(({ name: own, metadata }) => [
        own,
        metadata['delta.columnMapping.physicalName'],
        metadata['delta.columnMapping.id'],
      ]),
      [...plain, name].map((own, index) => [own, own, index + 1]),
    );
  }
});
type Field = { readonly name: string; readonly metadata: Readonly<Record<string, unknown>> };

test('the first column that needs it brings it; files, statistics and partition values keep their names', async () => {
  const engine = await openEngine(folder.path, {
    segmentWriter,
    limits: { flushIntervalMs: 3_600_000, commitsPerCheckpoint: 3 },
  });
  const first = [
    { name: 'part', type: 'string' },
    { name: 'n', type: 'bigint' },
  ];
  const definition = { source_id: 'things', columns: first, partition_columns: ['part'] };
  await engine.putSource(definition);
  await engine.append({ sourceId: 'things', records: [{ fields: { part: 'a=b/%', n: 1 } }] });
  await engine.flush('things');
  assert.deepEqual(await fieldIds(engine), [[undefined, undefined]]);

  await engine.putSource({
    ...definition,
    columns: [...first, { name: 'Unit Price (€), net', type: 'decimal(10,2)' }],
  });
  await engine.append({
    sourceId: 'things',
    records: [{ fields: { part: 'a=b/%', n: 2, 'Unit Price (€), net': '12.50' } }],
  });
  await engine.flush('things');
  await engine.putSource({
    ...definition,
    columns: [...first, { name: 'Unit Price (€), net', type: 'decimal(10,2)' }, { name: 'z', type: 'string' }],
  });
  await engine.append({ sourceId: 'things', records: [{ fields: { part: 'p q', n: 3, z: 'x' } }] });
  await engine.flush('things');
  assert.deepEqual(
    (await fieldIds(engine)).toSorted((a, b) => a.length - b.length),
    [
      [undefined, undefined],
      [1, 2, 3],
      [1, 2, 3, 4],
    ],
  );
  await engine.close();

  const log = join(tableFolder(folder.path, 'things'), '_delta_log');
  assert.ok(readdirSync(log).some((name) => name.endsWith('.checkpoint.parquet')));
  const protocols = readdirSync(log)
    .filter((name) => /^\d+\.json$/.test(name))
    .flatMap((name) => readFileSync(join(log, name), 'utf8').match(/"minReaderVersion":\d/g) ?? []);
  assert.deepEqual(protocols, ['"minReaderVersion":1', '"minReaderVersion":2']);

  const again = await openEngine(folder.path, { segmentWriter });
  const { files, columns } = await again.snapshot('things');
  assert.deepEqual(
    columns.map(({ name }) => name),
    ['part', 'n', 'Unit Price (€), net', 'z'],
  );
  const priced = files.find((file) => file.columns['n']?.min === '2');
  assert.deepEqual(priced?.partition, { part: 'a=b/%' });
  assert.deepEqual(priced?.columns['Unit Price (€), net'], { min: '12.50', max: '12.50', nulls: 0 });
  await again.compact('things', {
    groups: [{ paths: files.filter(({ partition }) => partition['part'] === 'a=b/%').map(({ path }) => path) }],
    file_bytes_max: 1_048_576,
    retain_snapshots_hours: 1,
  });
  const merged = (await again.snapshot('things')).files.find(({ rows }) => rows === 2);
  assert.deepEqual(merged?.columns['Unit Price (€), net'], { min: '12.50', max: '12.50', nulls: 1 });
  await again.close();
});

async function fieldIds(engine: Awaited<ReturnType<typeof openEngine>>): Promise<(number | undefined)[][]> {
  const state = await engine.snapshot('things');
  return (await filesOf(engine, state)).map((path) => {
    const bytes = readFileSync(path);
    const memory = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    return parquetMetadata(memory)
      .schema.slice(1)
      .map(({ field_id }) => field_id);
  });
}

test('a table whose columns another engine renamed, took away or numbered is refused by name', () => {
  const { protocol, metaData } = metadataOf(['a b', 'c']);
  const apply = (change: Partial<MetadataAction>) =>
    applyCommits(undefined, [{ version: 0, actions: [{ protocol }, { metaData: { ...metaData, ...change } }] }], 't');
  assert.equal(apply({}).protocol.minReaderVersion, 2);
  const renamed = metaData.schemaString.replace('"name":"a b"', '"name":"d"');
  assert.throws(() => apply({ schemaString: renamed }), { code: 'corrupt', message: /column a b was renamed/ });
  assert.throws(() => apply({ schemaString: '{"type":"struct","fields":[]}' }), {
    code: 'corrupt',
    message: /column a b/,
  });
  assert.throws(() => apply({ schemaString: '{' }), { code: 'corrupt', message: /schemaString/ });
  const configuration = { ...metaData.configuration, 'delta.columnMapping.mode': 'id' };
  assert.throws(() => apply({ configuration }), { code: 'corrupt', message: /by name, found id/ });
});
