import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { SourceDefinition } from '@hybridstore/contracts';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { batchRows } from '../src/batch/batch-rows.ts';
import type { Commit, Engine, TableState } from '../src/ports.ts';
import type { SegmentWriter } from '../src/segment/segment-writer.ts';
import { decodeFrame } from '../src/wal/frame.ts';
import {
  advanceUntil,
  createSharedWriter,
  createTimedDisk,
  filesOf,
  openEngine,
  tableFolder,
} from './engine-fixture.ts';

const root = createTemporaryFolder('engine');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
await connection.run("set timezone = 'UTC'");
after(async () => {
  connection.closeSync();
  await segmentWriter.close();
  root[Symbol.dispose]();
});

let folders = 0;
function newFolder(): string {
  folders += 1;
  return join(root.path, String(folders));
}

const events: SourceDefinition = {
  source_id: 'events',
  columns: [
    { name: 'id', type: 'bigint', nullable: false },
    { name: 'kind', type: 'string' },
    { name: 'price', type: 'decimal(10,2)' },
    { name: 'at', type: 'timestamp' },
  ],
};

function records(from: number, count: number): { fields: Record<string, unknown> }[] {
  return Array.from({ length: count }, (_, index) => ({
    fields: {
      id: from + index,
      kind: ['red', 'green', null][(from + index) % 3],
      price: (from + index) / 100,
      at: '2024-05-01T00:00:00.123456Z',
    },
  }));
}

async function query(engine: Engine, state: TableState, sql: string): Promise<unknown[][]> {
  const paths = (await filesOf(engine, state)).map((path) => `'${path}'`).join(', ');
  const reader = await connection.runAndReadAll(sql.replace('TABLE', `read_parquet([${paths}], union_by_name = true)`));
  return reader.getRowsJson() as unknown[][];
}

/** Ids of every acknowledged row: what is in the files, then what is fresh. */
async function allIds(engine: Engine, sourceId = 'events'): Promise<number[]> {
  const state = await engine.snapshot(sourceId);
  const inFiles = state.files.length === 0 ? [] : await query(engine, state, 'select id from TABLE');
  const fresh = engine.fresh(sourceId, state.txn.get(engine.appId) ?? 0);
  assert.equal(fresh.committedLsn, state.txn.get(engine.appId) ?? 0);
  const rows = fresh.frames.flatMap((frame) => batchRows(decodeFrame(frame.bytes).batch, state.columns));
  return [...inFiles.map(([id]) => Number(id)), ...rows.map((row) => Number(row['id']))].sort((a, b) => a - b);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

test('rows are fresh until a flush commits them, and never both', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  assert.deepEqual((await engine.putSource(events)).created, true);
  const first = await engine.append({ sourceId: 'events', records: records(0, 10) });
  assert.deepEqual(first, { lsn: 1, accepted: 10, durable: true, duplicate: false, warnings: [] });
  assert.deepEqual(await allIds(engine), upTo(10));
  assert.deepEqual(await engine.flush('events'), { rows: 10, tableVersion: 1 });
  assert.equal(engine.unflushedRows(), 0);
  await engine.append({ sourceId: 'events', records: records(10, 5) });
  assert.deepEqual(await allIds(engine), upTo(15));
  assert.deepEqual(await engine.flush('events'), { rows: 5, tableVersion: 2 });
  assert.deepEqual(await engine.flush('events'), { rows: 0, tableVersion: 2 });
  assert.deepEqual(await allIds(engine), upTo(15));
  await engine.close();
});

test('positions say how far rows of each source are acknowledged and committed, after a restart and in a new life too', async () => {
  const folder = newFolder();
  const engine = await openEngine(folder, { segmentWriter });
  assert.deepEqual(engine.positions(), []);
  await engine.putSource(events);
  await engine.append({ sourceId: 'events', records: records(0, 3) });
  const { location } = await engine.snapshot('events');
  const position = { sourceId: 'events', location, acknowledgedLsn: 1, committedLsn: 0 };
  assert.deepEqual(engine.positions(), [position]);
  await engine.flush('events');
  await engine.append({ sourceId: 'events', records: records(3, 3) });
  const later = { ...position, acknowledgedLsn: 2, committedLsn: 1 };
  assert.deepEqual(engine.positions(), [later]);
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  assert.deepEqual(again.positions(), [later]);
  await again.deleteSource('events');
  await again.putSource(events);
  const [anew] = again.positions();
  assert.notEqual(anew?.location, location);
  assert.deepEqual([anew?.acknowledgedLsn, anew?.committedLsn], [0, 0]);
  await again.close();
});

test('after a restart fresh rows are replayed and committed ones are not', async () => {
  const folder = newFolder();
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(events);
  await engine.append({ sourceId: 'events', records: records(0, 3), batchId: 'a' });
  await engine.flush('events');
  await engine.append({ sourceId: 'events', records: records(3, 3), batchId: 'b' });
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  assert.equal(again.appId, engine.appId);
  assert.equal(again.unflushedRows(), 3);
  assert.deepEqual(await allIds(again), upTo(6));
  const repeated = await Promise.all(
    ['a', 'b'].map((batchId) => again.append({ sourceId: 'events', records: records(0, 3), batchId })),
  );
  assert.deepEqual(
    repeated.map((result) => [result.lsn, result.accepted, result.duplicate]),
    [
      [1, 3, true],
      [2, 3, true],
    ],
  );
  await again.flush('events');
  assert.deepEqual(await allIds(again), upTo(6));
  await again.close();
});

test('one batch id sent twice at once is applied once; after a refusal it is free again', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource(events);
  const bad = { sourceId: 'events', records: [{ fields: { id: 'x' } }], batchId: 'same' };
  await assert.rejects(engine.append(bad), { code: 'invalid_request' });
  const good = { sourceId: 'events', records: records(0, 2), batchId: 'same' };
  const results = await Promise.all([engine.append(good), engine.append(good), engine.append(good)]);
  assert.deepEqual(
    results.map((result) => result.duplicate),
    [false, true, true],
  );
  assert.deepEqual(await allIds(engine), upTo(2));
  await engine.close();
});

test('files hold one partition value each, in Delta form, sorted by the index columns, with statistics', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource({ ...events, partition_columns: ['kind', 'at'], index_columns: ['price'] });
  await engine.append({
    sourceId: 'events',
    records: [
      { fields: { id: 1, kind: 'red', price: '2.50', at: '2024-05-01T00:00:00.5Z' } },
      { fields: { id: '9007199254740993', kind: 'red', price: '-1.25', at: '2024-05-01T00:00:00.5Z' } },
      { fields: { id: 3 } },
    ],
  });
  await engine.flush('events');
  assert.equal((await engine.stats('events')).partitions, 2);
  const state = await engine.snapshot('events');
  const files = state.files.map(({ path, rows, partition, columns }) => {
    assert.match(path, /^hs-[0-9a-f]{8}-[0-9a-f]{32}\.parquet$/);
    return { rows, partition, columns };
  });
  assert.deepEqual(
    files.sort((a, b) => b.rows - a.rows),
    [
      {
        rows: 2,
        partition: { kind: 'red', at: '2024-05-01T00:00:00.500000Z' },
        columns: {
          id: { min: '1', max: '9007199254740993', nulls: 0 },
          price: { min: '-1.25', max: '2.50', nulls: 0 },
        },
      },
      {
        rows: 1,
        partition: { kind: null, at: null },
        columns: { id: { min: '3', max: '3', nulls: 0 }, price: { min: null, max: null, nulls: 1 } },
      },
    ],
  );
  assert.deepEqual(
    await query(engine, state, `select id, "at"::varchar, price::varchar from TABLE where kind = 'red'`),
    [
      ['9007199254740993', '2024-05-01 00:00:00.5+00', '-1.25'],
      ['1', '2024-05-01 00:00:00.5+00', '2.50'],
    ],
  );
  await engine.close();
});

test('statistics survive the log as they were, decimals and 64 bits included', async () => {
  const folder = newFolder();
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(events);
  const id = '-9223372036854775808';
  await engine.append({
    sourceId: 'events',
    records: [{ fields: { id, kind: `${'ä'.repeat(40)}`, price: '100.10', at: '1969-12-31T23:59:59.999999Z' } }],
  });
  await engine.flush('events');
  const before = await engine.snapshot('events');
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  const { files } = await again.snapshot('events');
  assert.deepEqual(files, before.files);
  assert.deepEqual(files[0]?.columns, {
    id: { min: id, max: id, nulls: 0 },
    kind: { min: 'ä'.repeat(32), max: `${'ä'.repeat(31)}å`, nulls: 0 },
    price: { min: '100.10', max: '100.10', nulls: 0 },
    at: { min: '1969-12-31T23:59:59.999Z', max: '1970-01-01T00:00:00.000Z', nulls: 0 },
  });
  await again.close();
});

test('two replicas write one table: each sees the other after its commit, nothing is counted twice', async () => {
  const folder = newFolder();
  const [one, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await one.putSource(events);
  for (let round = 0; round < 4; round += 1) {
    await Promise.all([
      one.append({ sourceId: 'events', records: records(round * 20, 10) }),
      other.append({ sourceId: 'events', records: records(round * 20 + 10, 10) }),
    ]);
    await Promise.all([one.flush('events'), other.flush('events')]);
  }
  assert.deepEqual(await allIds(one), upTo(80));
  assert.deepEqual(await allIds(other), upTo(80));
  const state = await one.snapshot('events');
  assert.deepEqual([...state.txn.keys()].sort(), [one.appId, other.appId].sort());
  await Promise.all([one.close(), other.close()]);
});

test('an added column is known to the other replica when its first row comes', async () => {
  const folder = newFolder();
  const [one, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await one.putSource(events);
  await other.append({ sourceId: 'events', records: records(0, 1) });
  await assert.rejects(other.append({ sourceId: 'events', records: [{ fields: { id: 1, note: 'x' } }] }), {
    code: 'invalid_request',
  });
  const wider = { ...events, columns: [...events.columns!, { name: 'note', type: 'string' }] };
  const { created, state } = await one.putSource(wider);
  assert.deepEqual([created, state.schemaVersion, state.tableVersion], [false, 2, 1]);
  await other.append({ sourceId: 'events', records: [{ fields: { id: 1, note: 'x' } }] });
  await other.flush('events');
  assert.deepEqual(await query(one, await one.snapshot('events'), 'select id, note from TABLE order by id'), [
    ['0', null],
    ['1', 'x'],
  ]);
  await Promise.all([one.close(), other.close()]);
});

test('the same definition again changes nothing; what cannot change is named', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource(events);
  assert.equal((await engine.putSource({ ...events })).state.tableVersion, 0);
  const cases: [SourceDefinition, string][] = [
    [{ source_id: 'events' }, 'columns'],
    [{ ...events, columns: events.columns!.slice(1) }, 'columns.id'],
    [
      { ...events, columns: [{ name: 'id', type: 'string', nullable: false }, ...events.columns!.slice(1)] },
      'columns.id.type',
    ],
    [{ ...events, partition_columns: ['kind'] }, 'partition_columns'],
    [
      { ...events, columns: [...events.columns!, { name: 'n', type: 'string', nullable: false }] },
      'columns.n.nullable',
    ],
  ];
  for (const [definition, field] of cases)
    await assert.rejects(engine.putSource(definition), (error: { code: string; details: { field: string } }) => {
      assert.deepEqual([error.code, error.details.field], ['conflict', field]);
      return true;
    });
  for (const bad of [
    { ...events, columns: [...events.columns!, { name: 'ID', type: 'string' }] },
    { ...events, partition_columns: ['nope'] },
    { ...events, columns: [{ name: 'x', type: 'decimal(3,9)' }] },
  ])
    await assert.rejects(engine.putSource(bad), { code: 'invalid_request' });
  await engine.close();
});

test('a source without a schema keeps whole documents', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource({ source_id: 'movies' });
  const fields = { Title: 'Öl', Rating: 6.1, nested: { a: [1, null] } };
  await engine.append({ sourceId: 'movies', records: [{ fields }, { fields: {} }] });
  await engine.flush('movies');
  const state = await engine.snapshot('movies');
  const rows = await query(engine, state, 'select doc from TABLE');
  assert.deepEqual(
    rows.map(([doc]) => JSON.parse(String(doc))),
    [fields, {}],
  );
  await engine.close();
});

test('rows without a log are acknowledged as not durable and committed at close', async () => {
  const folder = newFolder();
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource({ ...events, wal_enabled: false });
  const result = await engine.append({ sourceId: 'events', records: records(0, 2) });
  assert.equal(result.durable, false);
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  assert.deepEqual(await allIds(again), upTo(2));
  assert.ok((await again.append({ sourceId: 'events', records: records(2, 1) })).lsn > result.lsn);
  await again.close();
});

test('a deleted source forgets its rows, also those in the log; a new one of its name starts empty', async () => {
  const folder = newFolder();
  const [engine, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await engine.putSource(events);
  await engine.append({ sourceId: 'events', records: records(0, 5) });
  await other.append({ sourceId: 'events', records: records(5, 5) });
  assert.equal(await engine.deleteSource('events'), true);
  assert.equal(await engine.deleteSource('events'), false);
  await assert.rejects(engine.source('events'), { code: 'not_found' });
  await assert.rejects(other.flush('events'), { code: 'not_found' });
  await engine.putSource(events);
  await other.append({ sourceId: 'events', records: records(0, 1) });
  assert.deepEqual(await allIds(other), upTo(1));
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  assert.equal(again.unflushedRows(), 0);
  assert.deepEqual(
    (await again.sources()).states.map((source) => source.sourceId),
    ['events'],
  );
  await Promise.all([again.close(), other.close()]);
});

test('drain refuses appends, commits everything, and can be taken back', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource(events);
  const racing = engine.append({ sourceId: 'events', records: records(0, 4) });
  const drained = engine.drain();
  await assert.rejects(engine.append({ sourceId: 'events', records: records(4, 1) }), { code: 'unavailable' });
  await Promise.all([racing, drained]);
  assert.deepEqual(engine.notReadyReasons(), ['draining']);
  assert.equal(engine.unflushedRows(), 0);
  assert.equal((await engine.stats('events')).rows, 4);
  engine.undrain();
  await engine.append({ sourceId: 'events', records: records(4, 1) });
  await engine.close();
});

test('beyond the bound of unflushed rows appends are overloaded until a flush made room', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter, limits: { unflushedRowsMax: 10 } });
  await engine.putSource(events);
  await engine.append({ sourceId: 'events', records: records(0, 8) });
  await assert.rejects(engine.append({ sourceId: 'events', records: records(8, 3) }), {
    code: 'overloaded',
    details: { retry_after_ms: 500, source_id: 'events', unflushed_rows: 8 },
  });
  await engine.flush('events');
  await engine.append({ sourceId: 'events', records: records(8, 30) });
  await engine.close();
});

test('says what room a source has, starts the flush that makes some, and says when it has ended', async () => {
  const written = Promise.withResolvers<void>();
  const held: SegmentWriter = {
    write: async (...request) => {
      await written.promise;
      return segmentWriter.write(...request);
    },
    merge: (request) => segmentWriter.merge(request),
    checkpoint: (...request) => segmentWriter.checkpoint(...request),
    close: async () => {},
  };
  const engine = await openEngine(newFolder(), { segmentWriter: held, limits: { unflushedRowsMax: 10 } });
  let notices = 0;
  const noticed = new Promise<void>((resolve) =>
    engine.onRoom(() => {
      notices += 1;
      resolve();
    }),
  );
  await engine.putSource(events);
  assert.equal(engine.room('nothing', 99), 'free');
  assert.equal(engine.room('events', 99), 'free');
  await engine.append({ sourceId: 'events', records: records(0, 8) });
  assert.deepEqual([engine.room('events', 2), engine.room('events', 3), notices], ['free', 'full', 0]);
  written.resolve();
  await noticed;
  assert.deepEqual([engine.room('events', 3), engine.unflushedRows()], ['free', 0]);
  await engine.append({ sourceId: 'events', records: records(8, 8) });
  const before = notices;
  await engine.drain();
  assert.ok(notices > before);
  assert.equal(engine.room('events', 99), 'free');
  await engine.close();
});

test('refuses what has no room before it encodes it', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter, limits: { unflushedRowsMax: 10 } });
  await engine.putSource(events);
  await engine.append({ sourceId: 'events', records: records(0, 8) });
  const elsewhere = { length: 3, encode: () => assert.fail('encoded') };
  await assert.rejects(engine.append({ sourceId: 'events', records: elsewhere }), { code: 'overloaded' });
  await engine.close();
});

test('rows are flushed when they are enough, and when they are old enough', async () => {
  const clock = new FakeClock();
  const engine = await openEngine(newFolder(), {
    segmentWriter,
    clock,
    limits: { flushRows: 10, flushIntervalMs: 5_000 },
  });
  await engine.putSource(events);
  const commits: Commit[] = [];
  const next = () => new Promise<Commit>((resolve) => engine.onCommit(resolve));
  engine.onCommit((commit) => commits.push(commit));
  let committed = next();
  await engine.append({ sourceId: 'events', records: records(0, 10) });
  await committed;
  committed = next();
  await engine.append({ sourceId: 'events', records: records(10, 3) });
  await advanceUntil(clock, committed, 1_000);
  assert.deepEqual(
    commits.map((commit) => [commit.sinceVersion, commit.state.version, commit.added[0]?.rows]),
    [
      [0, 1, 10],
      [1, 2, 3],
    ],
  );
  await engine.close();
});

test('compaction merges small files, keeps rows and partitions, and old files go after their time', async () => {
  const folder = newFolder();
  const timed = createTimedDisk();
  const engine = await openEngine(folder, { segmentWriter, disk: timed.disk, limits: { replacedFileGraceMs: 0 } });
  await engine.putSource({ ...events, partition_columns: ['kind'] });
  for (let batch = 0; batch < 3; batch += 1) {
    await engine.append({ sourceId: 'events', records: records(batch * 30, 30) });
    await engine.flush('events');
  }
  const before = await engine.snapshot('events');
  assert.equal(before.files.length, 9);
  const groups = ['red', 'green'].map((kind) => ({
    paths: before.files.filter((file) => file.partition['kind'] === kind).map((file) => file.path),
  }));
  const request = { groups, file_bytes_max: 1_048_576, retain_snapshots_hours: 1 };
  const mixed = { ...request, groups: [{ paths: before.files.map((file) => file.path) }] };
  await assert.rejects(engine.compact('events', mixed), { code: 'conflict' });
  const done = await engine.compact('events', request);
  assert.deepEqual([done.table_version, done.files_before, done.files_after], [5, 6, 2]);
  await assert.rejects(engine.compact('events', request), { code: 'conflict' });
  const state = await engine.snapshot('events');
  assert.equal(state.files.length, 5);
  assert.deepEqual(await allIds(engine), upTo(90));
  const pin = engine.pin(before);
  const onDisk = () => readdirSync(tableFolder(folder, 'events')).filter((name) => name.endsWith('.parquet')).length;
  assert.equal(onDisk(), 11);
  timed.aheadMs = 2 * 3_600_000;
  const nothing = { ...request, groups: [{ paths: [state.files[0]!.path] }] };
  await engine.compact('events', nothing);
  assert.equal(onDisk(), 12);
  pin.release();
  await engine.compact('events', {
    ...nothing,
    groups: [{ paths: [(await engine.snapshot('events')).files[0]!.path] }],
  });
  assert.ok(onDisk() < 12);
  assert.deepEqual(await allIds(engine), upTo(90));
  await engine.close();
});

test('files larger than the bound are split', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  await engine.putSource({ source_id: 'blobs', columns: [{ name: 'text', type: 'string' }] });
  const random = Array.from({ length: 300 }, (_, index) => ({
    fields: {
      text: Buffer.from(Array.from({ length: 9_000 }, (__, at) => (index * 7_919 + at * at * 104_729) >> 3)).toString(
        'base64',
      ),
    },
  }));
  await engine.append({ sourceId: 'blobs', records: random });
  await engine.flush('blobs');
  const before = await engine.snapshot('blobs');
  await engine.compact('blobs', {
    groups: [{ paths: before.files.map((file) => file.path) }],
    file_bytes_max: 1_048_576,
    retain_snapshots_hours: 0,
  });
  const { files } = await engine.snapshot('blobs');
  assert.ok(files.length >= 1 && files.every((file) => file.bytes <= 1_048_576));
  assert.equal(
    files.reduce((sum, file) => sum + file.rows, 0),
    300,
  );
  await engine.close();
});

test('checkpoints shorten the log and lead to the same table', async () => {
  const folder = newFolder();
  const engine = await openEngine(folder, { segmentWriter, limits: { commitsPerCheckpoint: 3 } });
  await engine.putSource({ ...events, partition_columns: ['kind'] });
  for (let batch = 0; batch < 7; batch += 1) {
    await engine.append({ sourceId: 'events', records: records(batch * 10, 10) });
    await engine.flush('events');
  }
  const before = await engine.snapshot('events');
  await engine.close();
  const logFolder = join(tableFolder(folder, 'events'), '_delta_log');
  assert.equal(JSON.parse(readFileSync(join(logFolder, '_last_checkpoint'), 'utf8')).version, 6);
  const again = await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' });
  const after = await again.snapshot('events');
  const sorted = (state: TableState) => state.files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  assert.deepEqual(sorted(after), sorted(before));
  assert.deepEqual(after.txn, before.txn);
  assert.deepEqual(after.columns, before.columns);
  await again.close();
});

test('bad source ids and unknown sources are not found', async () => {
  const engine = await openEngine(newFolder(), { segmentWriter });
  for (const id of ['../x', 'nope', '', 'A'])
    await assert.rejects(engine.append({ sourceId: id, records: [{ fields: {} }] }), { code: 'not_found' });
  await engine.close();
});
