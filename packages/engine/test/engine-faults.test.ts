import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SourceDefinition } from '@hybridstore/contracts';
import type { Disk } from '@hybridstore/runtime';
import { HybridStoreError, isHybridStoreError, silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, osError } from '@hybridstore/test-kit';
import type { SegmentWriter } from '../src/segment/segment-writer.ts';
import { createSegmentWriter } from '../src/segment/segment-writer.ts';
import { advanceUntil, createSharedWriter, openEngine, tableFolder } from './engine-fixture.ts';

const root = createTemporaryFolder('faults');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const numbers: SourceDefinition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] };

function records(from: number, count: number): { fields: Record<string, unknown> }[] {
  return Array.from({ length: count }, (_, index) => ({ fields: { n: from + index } }));
}

/** The system's disk with one call replaced when its path matches. */
function faultyDisk(fault: {
  isOn: boolean;
  readonly path: RegExp;
  readonly code: string;
  readonly at: 'link' | 'datasync' | 'syncFolder';
}): Disk {
  const check = (path: string) => {
    if (fault.isOn && fault.path.test(path)) throw osError(fault.code);
  };
  return {
    ...systemDisk,
    async link(from, to) {
      if (fault.at === 'link') check(to);
      return systemDisk.link(from, to);
    },
    async syncFolder(path) {
      await systemDisk.syncFolder(path);
      if (fault.at === 'syncFolder') check(path);
    },
    async open(path, mode) {
      const file = await systemDisk.open(path, mode);
      return {
        write: (bytes, position) => file.write(bytes, position),
        truncate: (bytes) => file.truncate(bytes),
        close: () => file.close(),
        datasync: async () => {
          if (fault.at === 'datasync') check(path);
          await file.datasync();
        },
      };
    },
  };
}

test('a failed flush keeps its rows and is tried again, later each time', async () => {
  const clock = new FakeClock();
  let failures = 2;
  const flaky: SegmentWriter = {
    ...bound(segmentWriter),
    write: (request, frames) => {
      failures -= 1;
      if (failures >= 0) return Promise.reject(new HybridStoreError('unavailable', 'segment writer ended'));
      return segmentWriter.write(request, frames);
    },
  };
  const engine = await openEngine(join(root.path, 'flaky'), { segmentWriter: flaky, clock, limits: { flushRows: 5 } });
  await engine.putSource(numbers);
  const committed = new Promise<void>((resolve) => engine.onCommit(() => resolve()));
  await engine.append({ sourceId: 'numbers', records: records(0, 5) });
  const startMs = clock.now();
  await advanceUntil(clock, committed, 50);
  assert.ok(clock.now() - startMs >= 500 + 1_000, 'two pauses lie between three tries, the second twice as long');
  assert.deepEqual([engine.unflushedRows(), (await engine.stats('numbers')).rows], [0, 5]);
  await engine.close();
});

test('a flush that is too much for the writer is tried with less, down to one frame, and then with more again', async () => {
  const clock = new FakeClock();
  const frames: number[] = [];
  let framesMax = 1;
  const small: SegmentWriter = {
    ...bound(segmentWriter),
    write: (request, sent) => {
      frames.push(sent.length);
      if (sent.length <= framesMax) return segmentWriter.write(request, sent);
      return Promise.reject(new HybridStoreError('internal', 'no memory', { by: 'segment_writer', why: 'no_memory' }));
    },
  };
  const limits = { flushRows: 64, unflushedRowsMax: 128 };
  const engine = await openEngine(join(root.path, 'less'), { segmentWriter: small, clock, limits });
  await engine.putSource(numbers);
  for (let n = 0; n < 63; n += 1) await engine.append({ sourceId: 'numbers', records: records(n, 1) });
  const failed = advanceUntil(clock, engine.append({ sourceId: 'numbers', records: records(63, 1) }), 1);
  await failed;
  const flushed = new Promise<void>((resolve) =>
    engine.onCommit(() => {
      framesMax = 64;
      if (engine.unflushedRows() === 0) resolve();
    }),
  );
  await advanceUntil(clock, flushed, 1_000);
  assert.deepEqual(frames.slice(0, 7), [64, 32, 16, 8, 4, 2, 1], 'half as much each time');
  assert.deepEqual(frames.slice(7), [2, 4, 8, 16, 32, 1], 'and twice as much after each that works');
  assert.deepEqual([(await engine.stats('numbers')).rows, engine.problems()], [64, []]);
  await engine.close();
});

test('a source whose flush fails refuses its own writes and no others, says so, and the problem passes', async () => {
  const clock = new FakeClock();
  let isFailing = true;
  const failing: SegmentWriter = {
    ...bound(segmentWriter),
    write: (request, frames) =>
      isFailing && request.target.columns[0]?.name === 'stuck'
        ? Promise.reject(
            new HybridStoreError('internal', '/secret: no memory', { by: 'segment_writer', why: 'no_memory' }),
          )
        : segmentWriter.write(request, frames),
  };
  const limits = { unflushedBytesMax: 4_096, flushBytes: 1_024 };
  const engine = await openEngine(join(root.path, 'fair'), { segmentWriter: failing, clock, limits });
  await engine.putSource(numbers);
  await engine.putSource({ source_id: 'stuck', columns: [{ name: 'stuck', type: 'bigint' }] });
  const stuck = () => engine.append({ sourceId: 'stuck', records: [{ fields: { stuck: 1 } }] });
  for (let n = 0; n < 14; n += 1) await stuck();
  await assert.rejects(engine.flush('stuck'), { code: 'internal' });
  const refused = async () => {
    for (let n = 0; n < 100; n += 1) await stuck();
  };
  await assert.rejects(refused(), { code: 'overloaded' });
  const room = engine.room('stuck', 1_000);
  assert.ok(isHybridStoreError(room, 'overloaded'));
  assert.deepEqual([room.details['source_id'], engine.room('numbers', 1)], ['stuck', 'free']);
  for (let n = 0; n < 100; n += 1) {
    await engine.append({ sourceId: 'numbers', records: records(n, 1) });
    if (n % 5 === 4) await engine.flush('numbers');
  }
  const [problem, ...others] = engine.problems();
  assert.deepEqual(
    [problem?.kind, problem?.sourceId, problem?.reason, others],
    ['FlushFailing', 'stuck', 'no_memory', []],
  );
  assert.match(
    problem?.message ?? '',
    /^rows of source stuck are not flushed, after \d+ tries: the segment writer has not enough memory$/,
  );
  assert.deepEqual(engine.notReadyReasons(), []);
  isFailing = false;
  await engine.flush('stuck');
  assert.deepEqual(engine.problems(), []);
  await stuck();
  await engine.close();
});

test('a full data volume says storage_full, for rows too that cannot be flushed, until there is room', async () => {
  const clock = new FakeClock();
  const fault = { isOn: true, path: /\.parquet$/, code: 'ENOSPC', at: 'link' as const };
  const engine = await openEngine(join(root.path, 'full'), {
    segmentWriter,
    clock,
    disk: faultyDisk(fault),
    limits: { unflushedBytesMax: 2_048 },
  });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 1) });
  await assert.rejects(engine.flush('numbers'), {
    code: 'storage_full',
    details: { volume: 'data', retry_after_ms: 5_000 },
  });
  const fill = async () => {
    for (let n = 1; n < 100; n += 1) await engine.append({ sourceId: 'numbers', records: records(n, 1) });
  };
  await assert.rejects(fill(), { code: 'storage_full', message: 'the data volume is full' });
  assert.deepEqual(
    engine.problems().map(({ kind, reason }) => [kind, reason]),
    [['FlushFailing', 'storage_full']],
  );
  fault.path = /table\.json$/;
  await assert.rejects(engine.putSource({ ...numbers, source_id: 'more' }), { code: 'storage_full' });
  fault.isOn = false;
  const unflushed = engine.unflushedRows();
  const committed = new Promise<void>((resolve) => engine.onCommit(() => resolve()));
  await advanceUntil(clock, committed, 500);
  // The flush ends once the log knows of the commit too.
  while (engine.problems().length > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await engine.stats('numbers')).rows, unflushed);
  await engine.append({ sourceId: 'numbers', records: records(0, 1) });
  await engine.close();
});

test('a batch of more partition values than a flush can write in its time is refused', async () => {
  const engine = await openEngine(join(root.path, 'partitions'), { segmentWriter });
  await engine.putSource({
    source_id: 'numbers',
    columns: [...(numbers.columns ?? []), { name: 'm', type: 'bigint' }],
    partition_columns: ['n'],
  });
  await assert.rejects(engine.append({ sourceId: 'numbers', records: records(0, 2_001) }), {
    code: 'too_large',
    details: { field: 'records', expected: 'at most 2000 partition values', actual: 2_001 },
  });
  await engine.append({ sourceId: 'numbers', records: records(0, 2_000) });
  await engine.close();
});

function bound(writer: SegmentWriter): SegmentWriter {
  return {
    write: (request, frames) => writer.write(request, frames),
    merge: (request) => writer.merge(request),
    checkpoint: (request, ndjson) => writer.checkpoint(request, ndjson),
    close: () => writer.close(),
  };
}

test('a commit that failed after it got through is not made twice, though new rows came', async () => {
  const fault = { isOn: false, path: /_delta_log$/, code: 'EIO', at: 'syncFolder' as const };
  const engine = await openEngine(join(root.path, 'through'), { segmentWriter, disk: faultyDisk(fault) });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 3) });
  fault.isOn = true;
  await assert.rejects(engine.flush('numbers'), { code: 'EIO' });
  fault.isOn = false;
  await engine.append({ sourceId: 'numbers', records: records(3, 2) });
  await engine.flush('numbers');
  const stats = await engine.stats('numbers');
  assert.deepEqual([stats.rows, stats.files, engine.unflushedRows()], [5, 2, 0]);
  await engine.close();
});

test('after a failed fdatasync the engine is not ready, acknowledges nothing, and reports to its owner', async () => {
  const fault = { isOn: false, path: /\d{20}\.log$/, code: 'EIO', at: 'datasync' as const };
  const fatal: Error[] = [];
  const folder = join(root.path, 'eio');
  const engine = await openEngine(folder, {
    segmentWriter,
    disk: faultyDisk(fault),
    onFatal: (error) => fatal.push(error),
  });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 3) });
  fault.isOn = true;
  await assert.rejects(engine.append({ sourceId: 'numbers', records: records(3, 1) }), { code: 'unavailable' });
  fault.isOn = false;
  await assert.rejects(engine.append({ sourceId: 'numbers', records: records(3, 1) }), { code: 'unavailable' });
  assert.deepEqual([engine.notReadyReasons(), fatal.length], [['log_failed'], 1]);
  await engine.close();
  const again = await openEngine(folder, { segmentWriter });
  assert.ok(again.unflushedRows() >= 3);
  await again.close();
});

test('a writer child that hangs is killed, fails its request, and is replaced', async (context) => {
  const clock = new FakeClock();
  const writer = createSegmentWriter({
    disk: systemDisk,
    clock,
    logger: silentLogger,
    spoolFolder: join(root.path, 'spool'),
    memoryBytesMax: 256 * 1024 * 1024,
    threads: 1,
    requestMsMax: 1_000,
    niceness: 10,
  });
  context.after(() => writer.close());
  const stuck = writer.checkpoint({ columns: { a: 'integer' } }, Buffer.from('{"a":1}\n'));
  const refused = assert.rejects(stuck, { code: 'unavailable' });
  await clock.advance(1_000);
  await refused;
  const parquet = await writer.checkpoint({ columns: { a: 'integer' } }, Buffer.from('{"a":1}\n'));
  assert.equal(parquet.toString('latin1', 0, 4), 'PAR1');
});

test('a request that DuckDB refuses fails alone; the child goes on', async () => {
  await assert.rejects(segmentWriter.checkpoint({ columns: { a: 'no_such_type' } }, Buffer.from('{}\n')), {
    code: 'internal',
  });
  const parquet = await segmentWriter.checkpoint({ columns: { a: 'integer' } }, Buffer.from('{"a":1}\n'));
  assert.ok(parquet.length > 0);
});

test('orphans of this log go when they are old, files of others and foreign names stay', async () => {
  const folder = join(root.path, 'orphans');
  const engine = await openEngine(folder, { segmentWriter, limits: { replacedFileGraceMs: 0 } });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 3) });
  await engine.flush('numbers');
  const table = tableFolder(folder, 'numbers');
  const [live = ''] = readdirSync(table).filter((name) => name.startsWith('hs-'));
  const own = live.slice(0, 12);
  const digits = '0'.repeat(32);
  const names = [`${own}${digits}.parquet`, `hs-ffffffff-${digits}.parquet`, `part-0001.parquet`, `${own}notes.txt`];
  for (const name of names) {
    writeFileSync(join(table, name), 'x');
    utimesSync(join(table, name), systemClock.now() / 1_000 - 7_200, systemClock.now() / 1_000 - 7_200);
  }
  writeFileSync(join(table, `${own}${'1'.repeat(32)}.parquet`), 'too young');
  const paths = (await engine.snapshot('numbers')).files.map((file) => file.path);
  await engine.compact('numbers', { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  const left = readdirSync(table);
  assert.deepEqual(
    names.map((name) => left.includes(name)),
    [false, true, true, true],
  );
  assert.ok(left.includes(`${own}${'1'.repeat(32)}.parquet`));
  assert.ok(left.includes(live));
  await engine.close();
});

test('a table that cannot be read does not keep the others from starting, and its rows stay in the log', async () => {
  const folder = join(root.path, 'unreadable');
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(numbers);
  await engine.putSource({ ...numbers, source_id: 'broken' });
  for (const sourceId of ['numbers', 'broken']) await engine.append({ sourceId, records: records(0, 2) });
  await engine.close();
  const commit = join(tableFolder(folder, 'broken'), '_delta_log/00000000000000000000.json');
  const whole = readFileSync(commit);
  writeFileSync(commit, '{torn');
  const again = await openEngine(folder, { segmentWriter });
  assert.equal(again.unflushedRows(), 2);
  await assert.rejects(again.append({ sourceId: 'broken', records: records(0, 1) }), { code: 'corrupt' });
  await again.append({ sourceId: 'numbers', records: records(2, 1) });
  writeFileSync(commit, whole);
  // Readable again, but newer rows would hide those that wait in the log.
  await assert.rejects(again.append({ sourceId: 'broken', records: records(0, 1) }), { code: 'unavailable' });
  await assert.rejects(again.drain(), { code: 'unavailable', message: /broken .* come back with a restart/ });
  await again.close();
  const third = await openEngine(folder, { segmentWriter });
  assert.equal(third.unflushedRows(), 5);
  await third.close();
});

test('a batch that waits for its table when a drain begins is committed by it or refused, never left behind', async () => {
  const folder = join(root.path, 'fence');
  const [one, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await one.putSource(numbers);
  const arriving = other.append({ sourceId: 'numbers', records: records(0, 1) });
  const refused = assert.rejects(arriving, { code: 'unavailable' });
  await other.drain();
  await refused;
  assert.equal(other.unflushedRows(), 0);
  await Promise.all([one.close(), other.close()]);
});

test('rows written after a source was made anew by another replica are rows of the new one', async () => {
  const folder = join(root.path, 'anew');
  const [one, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await one.putSource(numbers);
  await other.append({ sourceId: 'numbers', records: records(0, 1) });
  await one.deleteSource('numbers');
  await assert.rejects(other.append({ sourceId: 'numbers', records: records(1, 1) }), { code: 'not_found' });
  await one.putSource(numbers);
  await other.append({ sourceId: 'numbers', records: records(2, 1) });
  await one.deleteSource('numbers');
  await one.putSource({ source_id: 'numbers', columns: [{ name: 'word', type: 'string' }] });
  await other.append({ sourceId: 'numbers', records: [{ fields: { word: 'new' } }] });
  await other.flush('numbers');
  assert.deepEqual([(await one.stats('numbers')).rows, other.unflushedRows()], [1, 0]);
  await Promise.all([one.close(), other.close()]);
});

test('a batch id of a source that was made anew by another replica is applied to the new one', async () => {
  const folder = join(root.path, 'again');
  const [one, other] = [
    await openEngine(folder, { segmentWriter }),
    await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' }),
  ];
  await one.putSource(numbers);
  const batch = { sourceId: 'numbers', records: records(0, 1), batchId: 'b' };
  await other.append(batch);
  assert.equal((await other.append(batch)).duplicate, true);
  await one.deleteSource('numbers');
  await one.putSource(numbers);
  assert.deepEqual(
    [(await other.append(batch)).duplicate, (await other.append(batch)).duplicate, other.unflushedRows()],
    [false, true, 1],
  );
  await one.deleteSource('numbers');
  await assert.rejects(other.append(batch), { code: 'not_found' });
  await Promise.all([one.close(), other.close()]);
});

test('a log with rows does not start without the data volume, and has them when it is back', async () => {
  const folder = join(root.path, 'unmounted');
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 3) });
  await engine.close();
  renameSync(join(folder, 'data'), join(folder, 'elsewhere'));
  mkdirSync(join(folder, 'data'));
  await assert.rejects(openEngine(folder, { segmentWriter }), { code: 'corrupt', message: /data volume mounted\?$/ });
  rmdirSync(join(folder, 'data'));
  renameSync(join(folder, 'elsewhere'), join(folder, 'data'));
  const again = await openEngine(folder, { segmentWriter });
  assert.equal(again.unflushedRows(), 3);
  await again.deleteSource('numbers');
  await again.close();
  // Every source is deleted, and the log still holds their rows: nothing is wrong.
  await (await openEngine(folder, { segmentWriter })).close();
});

test('a data volume that goes away takes no source for deleted, and no acknowledged row with it', async () => {
  const folder = join(root.path, 'away');
  const engine = await openEngine(folder, { segmentWriter });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 2) });
  renameSync(join(folder, 'data'), join(folder, 'elsewhere'));
  mkdirSync(join(folder, 'data'));
  await engine.append({ sourceId: 'numbers', records: records(2, 1) });
  const refused = { code: 'unavailable', message: /is the volume of the tables mounted/ };
  await assert.rejects(engine.snapshot('numbers'), refused);
  await assert.rejects(engine.flush('numbers'), refused);
  await assert.rejects(engine.sources(), refused);
  await assert.rejects(engine.drain(), refused);
  rmdirSync(join(folder, 'data'));
  renameSync(join(folder, 'elsewhere'), join(folder, 'data'));
  engine.undrain();
  await engine.flush('numbers');
  assert.deepEqual([(await engine.stats('numbers')).rows, engine.unflushedRows()], [3, 0]);
  await engine.close();
});

test('a write does not wait for a shared volume that does not answer', async () => {
  const clock = new FakeClock();
  let isAway = false;
  const disk: Disk = {
    ...systemDisk,
    stat: (path) => (isAway && path.includes('table.json') ? new Promise(() => {}) : systemDisk.stat(path)),
  };
  const engine = await openEngine(join(root.path, 'hung'), { segmentWriter, disk, clock });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 1) });
  isAway = true;
  const append = engine.append({ sourceId: 'numbers', records: records(1, 1) });
  assert.equal((await advanceUntil(clock, append, 100)).durable, true);
  isAway = false;
  await engine.close();
});

test('two engines on one log folder: the second is refused', async () => {
  const folder = join(root.path, 'locked');
  const engine = await openEngine(folder, { segmentWriter });
  await assert.rejects(openEngine(folder, { segmentWriter }), { code: 'conflict' });
  await engine.close();
  await (await openEngine(folder, { segmentWriter })).close();
});
