import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SourceDefinition } from '@hybridstore/contracts';
import { type Disk, Registry, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, osError } from '@hybridstore/test-kit';
import { checkSource } from '../../src/integrity/check-source.ts';
import { createFileObjectStore } from '../../src/store/file-object-store.ts';
import { advanceUntil, createSharedWriter, filesOf, openEngine, tableFolder } from '../engine-fixture.ts';

const root = createTemporaryFolder('damaged-segments');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const numbers: SourceDefinition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] };

async function openWithFiles(name: string, over: Parameters<typeof openEngine>[1] = {}) {
  const folder = join(root.path, name);
  const engine = await openEngine(folder, { segmentWriter, ...over });
  for (const source of ['numbers', 'others']) {
    await engine.putSource({ ...numbers, source_id: source });
    for (const from of [0, 1_000]) {
      const fields = Array.from({ length: 1_000 }, (_, index) => ({ fields: { n: from + index } }));
      await engine.append({ sourceId: source, records: fields });
      await engine.flush(source);
    }
  }
  const table = tableFolder(folder, 'numbers');
  const names = readdirSync(table).filter((found) => found.endsWith('.parquet'));
  return { folder, engine, table, names };
}

/** As rot does it: one bit, and no new time of change. */
function rot(path: string): () => void {
  const whole = readFileSync(path);
  const { atime, mtime } = statSync(path);
  const damaged = Buffer.from(whole);
  damaged[Math.floor(whole.length / 2)]! ^= 1;
  writeFileSync(path, damaged);
  utimesSync(path, atime, mtime);
  return () => {
    writeFileSync(path, whole);
    utimesSync(path, atime, mtime);
  };
}

test('a damaged file is corrupt by source and file at its first use; other sources and files go on', async () => {
  const { folder, engine, table, names } = await openWithFiles('first-use');
  await engine.close();
  const [bad = '', good = ''] = names;
  rot(join(table, bad));
  const again = await openEngine(folder, { segmentWriter });
  const { location } = await again.snapshot('numbers');
  await assert.rejects(
    again.bringToLocal([`${location}/${bad}`]),
    (error: Error & { code: string; details: object }) => {
      assert.equal(error.code, 'corrupt');
      assert.deepEqual(error.details, { source_id: 'numbers', file: bad });
      assert.match(
        error.message,
        /^source numbers: file hs-\S+ is damaged: bytes \d+ to \d+ are not those that were committed$/,
      );
      return true;
    },
  );
  assert.deepEqual(await again.bringToLocal([`${location}/${good}`]), [join(table, good)]);
  assert.equal((await filesOf(again, await again.snapshot('others'))).length, 2);
  assert.deepEqual((await again.stats('numbers')).damaged, [bad]);
  await again.close();
});

test('what one node found damaged every node says, until the file is what it was again', async () => {
  const { folder, engine, table, names } = await openWithFiles('records');
  const other = await openEngine(folder, { segmentWriter, pod: 'hs-acme-1' });
  const [bad = ''] = names;
  const heal = rot(join(table, bad));
  const found = await engine.check('numbers');
  assert.deepEqual(
    found.problems.map(({ kind, name }) => [kind, name]),
    [['segment', bad]],
  );
  assert.deepEqual([(await other.stats('numbers')).damaged, (await other.stats('others')).damaged], [[bad], []]);
  heal();
  assert.deepEqual((await other.check('numbers')).problems, []);
  assert.deepEqual([(await engine.stats('numbers')).damaged, (await other.stats('numbers')).damaged], [[bad], []]);
  assert.deepEqual((await engine.check('numbers')).problems, []);
  assert.deepEqual((await engine.stats('numbers')).damaged, []);
  await Promise.all([engine.close(), other.close()]);
});

test('a compaction reads nothing that is damaged, so nothing damaged gets a good checksum', async () => {
  const { engine, table, names } = await openWithFiles('compaction');
  const [bad = ''] = names;
  // Verified before: a merge looks again.
  await filesOf(engine, await engine.snapshot('numbers'));
  rot(join(table, bad));
  const request = { groups: [{ paths: names }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 };
  await assert.rejects(engine.compact('numbers', request), {
    code: 'corrupt',
    details: { source_id: 'numbers', file: bad },
  });
  assert.deepEqual((await engine.snapshot('numbers')).files.map((file) => file.path).sort(), names.toSorted());
  await engine.close();
});

test('a file that the disk cannot give any more is damaged by name', async () => {
  let isBroken = false;
  const disk: Disk = {
    ...systemDisk,
    readRange: (path, offset, length) => {
      if (isBroken && path.endsWith('.parquet')) throw osError('EIO');
      return systemDisk.readRange(path, offset, length);
    },
  };
  const { engine, names } = await openWithFiles('eio', { disk });
  isBroken = true;
  const { problems } = await engine.check('numbers');
  assert.deepEqual(problems.map(({ name }) => name).sort(), names.toSorted());
  assert.match(problems[0]?.reason ?? '', /^source numbers: file hs-\S+ is damaged: bytes from 0 on cannot be read$/);
  await engine.close();
});

test('the scrub finds what no query has asked for, at its rate, and counts it', async () => {
  const clock = new FakeClock();
  const metrics = new Registry();
  const { engine, table, names } = await openWithFiles('scrub', {
    clock,
    metrics,
    limits: { scrubBytesPerSecond: 10_000 },
  });
  const [bad = ''] = names;
  rot(join(table, bad));
  const startMs = clock.now();
  let damaged: readonly string[] = [];
  const seen = (async () => {
    while (damaged.length === 0) {
      damaged = (await engine.stats('numbers')).damaged ?? [];
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await advanceUntil(clock, seen, 500);
  assert.deepEqual(damaged, [bad]);
  const bytes = statSync(join(table, bad)).size;
  assert.ok(clock.now() - startMs >= 60_000 + bytes / 10, 'a file of so many bytes is not read faster');
  assert.match(await metrics.metrics(), /hybridstore_engine_damaged_objects 1/);
  await engine.close();
});

test('a source is checked without an engine, by its store alone', async () => {
  const { folder, engine, table, names } = await openWithFiles('offline');
  await engine.close();
  const root = join(folder, 'data');
  const store = createFileObjectStore({ root, disk: systemDisk, stagingFolder: join(root, 'staging/check') });
  const whole = await checkSource(store, 'numbers');
  assert.deepEqual([whole.problems, whole.filesWithoutChecksum, whole.objects], [[], 0, 5]);
  rot(join(table, names[1] ?? ''));
  rot(join(table, '_delta_log/00000000000000000001.json'));
  const found = (await checkSource(store, 'numbers')).problems.map(({ kind, name }) => `${kind} ${name}`);
  assert.deepEqual(found, ['log _delta_log/00000000000000000001.json']);
  rot(join(table, '../table.json'));
  assert.deepEqual(
    (await checkSource(store, 'numbers')).problems.map(({ kind, name }) => [kind, name]),
    [['pointer', 'tables/numbers/table.json']],
  );
  assert.deepEqual((await checkSource(store, 'others')).problems, []);
  await assert.rejects(checkSource(store, 'nothing'), { code: 'not_found' });
});
