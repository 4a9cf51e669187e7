import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { SourceDefinition } from '@hybridstore/contracts';
import { type Logger, silentLogger, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { judgeFile, type VacuumInput } from '../../src/compaction/vacuum-table.ts';
import type { Engine } from '../../src/ports.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import { createSharedWriter, createTimedDisk, openEngine, tableFolder } from '../engine-fixture.ts';

const root = createTemporaryFolder('vacuum');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const numbers: SourceDefinition = { source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] };
const hourMs = 3_600_000;

function records(from: number, count: number): { fields: Record<string, unknown> }[] {
  return Array.from({ length: count }, (_, index) => ({ fields: { n: from + index } }));
}

async function writeBatch(engine: Engine, from: number): Promise<void> {
  await engine.append({ sourceId: 'numbers', records: records(from, 3) });
  await engine.flush('numbers');
}

async function compactAll(engine: Engine): Promise<void> {
  const paths = (await engine.snapshot('numbers')).files.map((file) => file.path);
  await engine.compact('numbers', { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
}

const segmentsIn = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.parquet'));

const ours = `hs-aaaaaaaa-${'1'.repeat(16)}${'2'.repeat(16)}.parquet`;
const theirs = `hs-bbbbbbbb-${'1'.repeat(16)}${'2'.repeat(16)}.parquet`;
const base: VacuumInput = {
  audit: { removedAtMs: new Map(), isWhole: true, live: new Set() },
  intents: [],
  pinned: new Set(),
  logId: 'aaaaaaaa',
  nowMs: 100 * hourMs,
  retainMs: 10 * hourMs,
  orphanGraceMs: hourMs,
};
const intent = { key: 'k', id: '1'.repeat(16), isStale: false };
const aged = (name: string, hours: number) => ({ name, modifiedAtMs: base.nowMs - hours * hourMs });

test('a file goes only when a version removed it long enough ago, or when nobody ever will have committed it', () => {
  const removed = (hours: number) => new Map([[ours, base.nowMs - hours * hourMs]]);
  const audit = base.audit;
  const cases: [string, VacuumInput, ReturnType<typeof aged>, string][] = [
    ['foreign name', base, aged('part-1.parquet', 99), 'keep'],
    ['live', { ...base, audit: { ...audit, live: new Set([ours]) } }, aged(ours, 99), 'keep'],
    ['pinned', { ...base, pinned: new Set([ours]) }, aged(ours, 99), 'keep'],
    ['removed', { ...base, audit: { ...audit, removedAtMs: removed(10) } }, aged(ours, 99), 'replaced'],
    ['removed lately', { ...base, audit: { ...audit, removedAtMs: removed(9) } }, aged(ours, 99), 'keep'],
    ['orphan', base, aged(ours, 1), 'orphan'],
    ['young orphan', base, aged(ours, 0.9), 'keep'],
    ['intended, however old', { ...base, intents: [intent] }, aged(ours, 99), 'keep'],
    ['intended by a dead process', { ...base, intents: [{ ...intent, isStale: true }] }, aged(ours, 1), 'orphan'],
    ['orphan of another node', base, aged(theirs, 99), 'keep'],
    ['orphan of a node that is gone', { ...base, nowMs: 200 * hourMs }, { name: theirs, modifiedAtMs: 0 }, 'orphan'],
    ['history unknown', { ...base, audit: { ...audit, isWhole: false } }, aged(ours, 99), 'keep'],
  ];
  for (const [what, input, file, expected] of cases) assert.equal(judgeFile(file, input), expected, what);
});

test('a clock that jumps by hours takes no file of a flush under way', async () => {
  const folder = join(root.path, 'jump');
  const timed = createTimedDisk();
  const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isHeld = false;
  // Held between the publication of the files and their commit.
  const disk = {
    ...timed.disk,
    link: async (from: string, to: string) => {
      if (isHeld && /_delta_log\/\d+\.json$/.test(to) && !to.endsWith('000.json')) {
        isHeld = false;
        reached.resolve();
        await goOn.promise;
      }
      return systemDisk.link(from, to);
    },
  };
  const limits = { orphanGraceMs: 1_000, replacedFileGraceMs: 0 };
  const engine = await openEngine(folder, { segmentWriter, disk, limits });
  const other = await openEngine(folder, { segmentWriter, disk: timed.disk, limits, pod: 'hs-acme-1' });
  await engine.putSource(numbers);
  await writeBatch(engine, 0);
  isHeld = true;
  const flushing = writeBatch(engine, 3);
  await reached.promise;
  timed.aheadMs = 300 * 24 * hourMs;
  await compactAll(other);
  timed.aheadMs = 3 * hourMs;
  await compactAll(other);
  goOn.resolve();
  await flushing;
  const state = await engine.snapshot('numbers');
  const folderOfTable = tableFolder(folder, 'numbers');
  for (const { path } of state.files) assert.ok(segmentsIn(folderOfTable).includes(path), path);
  assert.equal((await engine.stats('numbers')).rows, 6);
  await Promise.all([engine.close(), other.close()]);
});

test('a commit is not made when one of its files has gone or is shorter, and the rows are flushed again', async () => {
  const folder = join(root.path, 'gone');
  let isTaken = true;
  const disk = {
    ...systemDisk,
    link: async (from: string, to: string) => {
      const made = await systemDisk.link(from, to);
      if (isTaken && to.endsWith('.parquet') && to.includes('/hs-')) {
        isTaken = false;
        rmSync(to);
      }
      return made;
    },
  };
  const engine = await openEngine(folder, { segmentWriter, disk });
  await engine.putSource(numbers);
  await engine.append({ sourceId: 'numbers', records: records(0, 3) });
  await assert.rejects(engine.flush('numbers'), { code: 'unavailable', message: /cannot be committed: it is gone/ });
  assert.deepEqual([(await engine.stats('numbers')).rows, engine.unflushedRows()], [0, 3]);
  await engine.flush('numbers');
  assert.deepEqual([(await engine.stats('numbers')).rows, engine.unflushedRows()], [3, 0]);
  await engine.close();
});

/** A table with replaced files whose time has come. */
async function openWithReplacedFiles(name: string): Promise<{
  readonly engine: Engine;
  readonly timed: ReturnType<typeof createTimedDisk>;
  readonly table: string;
  readonly said: { readonly event: string; readonly fields: unknown }[];
}> {
  const folder = join(root.path, name);
  const timed = createTimedDisk();
  const said: { readonly event: string; readonly fields: unknown }[] = [];
  const logger: Logger = { ...silentLogger, warn: (event, fields) => void said.push({ event, fields }) };
  const limits = { replacedFileGraceMs: 0, commitsPerCheckpoint: 2, quarantineHours: 5 };
  const engine = await openEngine(folder, { segmentWriter, disk: timed.disk, logger, limits });
  await engine.putSource(numbers);
  await writeBatch(engine, 0);
  await writeBatch(engine, 3);
  await compactAll(engine);
  timed.aheadMs = 2 * hourMs;
  return { engine, timed, table: tableFolder(folder, 'numbers'), said };
}

test('what is taken out of a table waits in its quarantine, and can be put back', async () => {
  const { engine, timed, table } = await openWithReplacedFiles('quarantine');
  assert.equal(segmentsIn(table).length, 3);
  const before = new Set(segmentsIn(table));
  await compactAll(engine);
  const quarantined = readdirSync(join(table, '_quarantine'));
  assert.equal(quarantined.length, 2);
  for (const name of quarantined) assert.ok(before.has(name.replace(/^\d{13}-/, '')), name);
  timed.aheadMs = 6 * hourMs;
  await compactAll(engine);
  assert.ok(
    quarantined.every((name) => readdirSync(join(table, '_quarantine')).includes(name)),
    'four hours are not five',
  );
  const [first = ''] = quarantined;
  renameSync(join(table, '_quarantine', first), join(table, first.slice(14)));
  timed.aheadMs = 8 * hourMs;
  await compactAll(engine);
  assert.ok(!readdirSync(join(table, '_quarantine')).includes(quarantined[1]!));
  assert.equal((await engine.stats('numbers')).rows, 6);
  await engine.close();
});

for (const pattern of [/^0+1\.json$/, /\.checkpoint\.parquet$/, /^_last_checkpoint$/])
  test(`a vacuum does nothing, and says so, while ${pattern} of the log is damaged`, async () => {
    const { engine, table, said } = await openWithReplacedFiles(`damaged-${pattern.source.length}`);
    const log = join(table, '_delta_log');
    const name = readdirSync(log).find((found) => pattern.test(found)) ?? assert.fail('no such file');
    const whole = readFileSync(join(log, name));
    const damaged = Buffer.from(whole);
    damaged[Math.floor(whole.length / 2)]! ^= 4;
    writeFileSync(join(log, name), damaged);
    mkdirSync(join(table, '_quarantine'));
    writeFileSync(join(table, '_quarantine', `${'0'.repeat(13)}-hs-old.parquet`), 'old');
    await compactAll(engine);
    assert.deepEqual([segmentsIn(table).length, readdirSync(join(table, '_quarantine')).length], [4, 1]);
    assert.deepEqual(
      said.filter(({ event }) => event === 'vacuum_skipped').map(({ fields }) => JSON.stringify(fields).includes(name)),
      [true],
    );
    writeFileSync(join(log, name), whole);
    await compactAll(engine);
    assert.ok(segmentsIn(table).length < 5);
    assert.equal(readdirSync(join(table, '_quarantine')).length, 2);
    await engine.close();
  });

test('an intent that a killed flush has left keeps its file until the next start of its log', async () => {
  const folder = join(root.path, 'killed');
  const timed = createTimedDisk();
  const limits = { orphanGraceMs: 1_000, replacedFileGraceMs: 0 };
  let isDead = false;
  const dying: SegmentWriter = { ...bound(segmentWriter) };
  const disk = {
    ...timed.disk,
    link: async (from: string, to: string) => {
      if (isDead && /_delta_log\//.test(to)) throw new Error('killed');
      return systemDisk.link(from, to);
    },
    remove: async (path: string) => {
      if (isDead && path.includes('_writing')) throw new Error('killed');
      return systemDisk.remove(path);
    },
  };
  const engine = await openEngine(folder, { segmentWriter: dying, disk, limits });
  await engine.putSource(numbers);
  await writeBatch(engine, 0);
  isDead = true;
  await engine.append({ sourceId: 'numbers', records: records(3, 3) });
  await assert.rejects(engine.flush('numbers'), /killed/);
  await engine.close();
  const table = tableFolder(folder, 'numbers');
  assert.deepEqual([segmentsIn(table).length, readdirSync(join(table, '_writing')).length], [2, 1]);
  timed.aheadMs = 2 * hourMs;
  const again = await openEngine(folder, { segmentWriter, disk: timed.disk, limits });
  await again.flush('numbers');
  await compactAll(again);
  assert.equal((await again.stats('numbers')).rows, 6);
  assert.equal(readdirSync(table).includes('_writing'), false);
  assert.equal(readdirSync(join(table, '_quarantine')).length, 1);
  await again.close();
});

function bound(writer: SegmentWriter): SegmentWriter {
  return {
    write: (request, frames) => writer.write(request, frames),
    merge: (request) => writer.merge(request),
    checkpoint: (request, ndjson) => writer.checkpoint(request, ndjson),
    close: () => writer.close(),
  };
}
