import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@hybridstore/runtime';
import { FakeClock, MemoryDisk, reportDamage } from '@hybridstore/test-kit';
import { inspectLog } from '../../src/wal/inspect-log.ts';
import { WriteAheadLog } from '../../src/wal/write-ahead-log.ts';
import { openLog, runDamageCorpus, writeRemovedLog } from './damage-corpus.ts';

test('damage to any file of a log is refused, or costs neither a row nor an id', async (context) => {
  const every = process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 1 : 11;
  const { byFile, wrong, counts: byKind } = await runDamageCorpus({ every });
  reportDamage(context, byKind.values());
  assert.deepEqual(wrong, []);
  const counts = Object.values(byFile).flatMap((count) => Object.values(count));
  assert.ok(counts.reduce((sum, count) => sum + count, 0) > 800);
  for (const kind of ['.log', '.ids'])
    assert.ok((byFile[kind]?.refused ?? 0) + (byFile[kind]?.idsRefused ?? 0) > 0, kind);
  assert.ok((byFile['.log']?.passedOver ?? 0) > 0);
});

test('a log whose rows were all committed and removed for room is whole after a kill, with every id', async () => {
  const disk = new MemoryDisk();
  const files = await writeRemovedLog(disk);
  assert.deepEqual(
    files.filter((name) => name.endsWith('.log')),
    ['00000000000000000025.log'],
  );
  disk.kill();
  const log = await openLog(disk);
  assert.deepEqual([log.damages, log.batchIds.unreadable, log.batchIds.size], [[], [], 24]);
  log.batchIds.requireRoom(1);
});

test('an inspection names every damaged file and whether a node starts, and changes nothing', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open({
    folder: '/log',
    disk,
    clock: new FakeClock(),
    logger: silentLogger,
    segmentBytesMax: 700,
    queueBytesMax: 100_000,
    batchIdsMax: 10,
    batchIdRetentionHours: 24,
    retentionHours: 24,
    logBytesMax: 100_000,
    onFailure: () => {},
  });
  const writer = log.start(0);
  await writer.close();
  await log.close();
  const before = await inspectLog(disk, '/log');
  assert.deepEqual([before.refusal, before.files.flatMap(({ faults }) => faults)], [undefined, []]);
  assert.equal(before.logId, log.logId);
  disk.setBytes('/log/00000000000000000001.ids', Buffer.from('HSIDS001'));
  disk.setBytes('/log/00000000000000000001.log', Buffer.from('HSLOG001'));
  disk.setBytes('/log/head', Buffer.alloc(100));
  disk.operations.length = 0;
  const after = await inspectLog(disk, '/log');
  assert.deepEqual(
    after.files.map(({ name, kind, faults }) => [name, kind, faults.length]),
    [
      ['00000000000000000001.ids', 'ids', 1],
      ['00000000000000000001.log', 'segment', 1],
      ['head', 'head', 1],
      ['log-id', 'log-id', 0],
    ],
  );
  assert.deepEqual(disk.operations, []);
});
