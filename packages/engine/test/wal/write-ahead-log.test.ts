import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@hybridstore/runtime';
import { FakeClock, MemoryDisk, osError } from '@hybridstore/test-kit';
import fc from 'fast-check';
import type { BatchIds } from '../../src/wal/batch-ids.ts';
import { frameKinds, framePrefixBytes, readFrameHeader, writeFrameHeader } from '../../src/wal/frame.ts';
import { segmentHeaderBytes } from '../../src/wal/log-segment.ts';
import type { LogWriter } from '../../src/wal/log-writer.ts';
import { batchKey, tableKey } from '../../src/wal/segment-summary.ts';
import { type LogOptions, WriteAheadLog } from '../../src/wal/write-ahead-log.ts';

const folder = '/log';
const tableTag = 7n;
const table = tableKey('flights', tableTag);

function options(disk: MemoryDisk, over: Partial<LogOptions> = {}): LogOptions {
  return {
    folder,
    disk,
    clock: new FakeClock(),
    logger: silentLogger,
    segmentBytesMax: 1_000_000,
    queueBytesMax: 1_000_000,
    batchIdsMax: 1_000,
    batchIdRetentionHours: 24,
    retentionHours: 24,
    logBytesMax: 1_000_000_000,
    onFailure: () => {},
    ...over,
  };
}

type AppendOptions = {
  readonly ids?: BatchIds;
  readonly batchId?: string;
  readonly isLogged?: boolean;
  readonly bytes?: number;
};

function append(writer: LogWriter, text: string, { ids, batchId, isLogged = true, bytes = 64 }: AppendOptions = {}) {
  const prefix = framePrefixBytes('flights', batchId);
  const frame = Buffer.alloc(prefix + bytes);
  writeFrameHeader(frame, {
    kind: frameKinds.batch,
    sourceId: 'flights',
    batchId,
    tableTag,
    schemaVersion: 1,
    rows: 1,
  });
  frame.write(text, prefix);
  return new Promise<number>((acknowledge, refuse) =>
    writer.enqueue({
      frame,
      isLogged,
      table,
      batchKey: batchId === undefined ? undefined : batchKey(table, batchId),
      rows: 1,
      acknowledge: (lsn) => {
        if (batchId !== undefined) ids?.remember(batchKey(table, batchId), { lsn, accepted: 1, durable: true });
        acknowledge(lsn);
      },
      refuse,
    }),
  );
}

/** Lets what was enqueued reach the disk. */
async function turn(): Promise<void> {
  for (let index = 0; index < 3; index += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function replayed(log: WriteAheadLog): Promise<string[]> {
  const texts: string[] = [];
  await log.replay({
    table: () => true,
    frame: () => true,
    apply: (header, bytes) =>
      texts.push(`${header.lsn} ${bytes.toString('utf8', header.payloadAt).replaceAll('\0', '')}`),
  });
  return texts;
}

async function reopened(disk: MemoryDisk): Promise<string[]> {
  const log = await WriteAheadLog.open(options(disk));
  const texts = await replayed(log);
  await log.close();
  return texts;
}

async function started(disk: MemoryDisk, over: Partial<LogOptions> = {}) {
  const log = await WriteAheadLog.open(options(disk, over));
  return { log, writer: log.start(0) };
}

test('an acknowledged frame survives a crash, one that was never written does not', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  assert.equal(await append(writer, 'first'), 1);
  disk.hang = (operation) => operation === 'write';
  void append(writer, 'second');
  await turn();
  disk.crash();
  assert.deepEqual(await reopened(disk), ['1 first']);
});

test('frames that wait together are written and synced once, in order', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  await append(writer, 'opens the segment');
  disk.operations.length = 0;
  const lsns = await Promise.all(['a', 'b', 'c'].map((text) => append(writer, text)));
  assert.deepEqual(lsns, [2, 3, 4]);
  assert.deepEqual(disk.operations, ['write /log/00000000000000000001.log', 'datasync /log/00000000000000000001.log']);
});

test('a new segment and its name are durable before its first frame', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk, { segmentBytesMax: 100 });
  await append(writer, 'one');
  disk.operations.length = 0;
  await append(writer, 'two');
  const path = '/log/00000000000000000002.log';
  const operations = disk.operations.filter((line) => line.endsWith('.log') || line.endsWith('/log'));
  assert.deepEqual(operations.slice(0, 7), [
    `open ${path}`,
    `truncate ${path}`,
    `write ${path}`,
    `datasync ${path}`,
    'syncFolder /log',
    `write ${path}`,
    `datasync ${path}`,
  ]);
});

test('a log cut at any byte gives a prefix of what was written', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  const texts: string[] = [];
  for (const text of ['alpha', 'beta', 'gamma', 'delta']) texts.push(`${await append(writer, text)} ${text}`);
  disk.kill();
  const path = '/log/00000000000000000001.log';
  const whole = Buffer.from(disk.bytesOf(path));
  const frameBytes = framePrefixBytes('flights', undefined) + 64;
  for (let length = 0; length <= whole.length; length += 1) {
    disk.setBytes(path, Buffer.from(whole.subarray(0, length)));
    await disk.remove('/log/head');
    const expected = Math.max(0, Math.min(4, Math.floor((length - segmentHeaderBytes) / frameBytes)));
    assert.deepEqual(await reopened(disk), texts.slice(0, expected), `cut at ${length}`);
  }
});

test('what was dropped once stays dropped: new frames follow a cut tail', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  await append(writer, 'kept');
  disk.hang = (operation) => operation === 'datasync';
  void append(writer, 'torn', { bytes: 800 });
  await turn();
  disk.crash(() => 0.5);
  const { log, writer: second } = await started(disk);
  assert.deepEqual(await replayed(log), ['1 kept']);
  assert.equal(await append(second, 'after'), 2);
  disk.crash();
  assert.deepEqual(await reopened(disk), ['1 kept', '2 after']);
});

test('a flipped bit below a durable frame is rot, named by segment and LSN', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  for (const text of ['one', 'two', 'three']) await append(writer, text);
  const path = '/log/00000000000000000001.log';
  const frameBytes = framePrefixBytes('flights', undefined) + 64;
  const bytes = disk.bytesOf(path);
  bytes[segmentHeaderBytes + frameBytes + 70]! ^= 4;
  disk.crash();
  disk.setBytes(path, bytes);
  await assert.rejects(WriteAheadLog.open(options(disk)), {
    code: 'corrupt',
    details: { segment: path, after_lsn: 1 },
  });
});

test('after a clean close even the last frame is vouched for', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk);
  await append(writer, 'one');
  await append(writer, 'two');
  await log.close();
  const path = '/log/00000000000000000001.log';
  const frameBytes = framePrefixBytes('flights', undefined) + 64;
  const bytes = disk.bytesOf(path);
  bytes[segmentHeaderBytes + frameBytes + 80]! ^= 1;
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'corrupt' });
});

test('a bad or missing segment before the last is rot', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk, { segmentBytesMax: 100 });
  for (const text of ['one', 'two', 'three']) await append(writer, text);
  await log.close();
  const second = disk.bytesOf('/log/00000000000000000002.log');
  await disk.remove('/log/00000000000000000002.log');
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'corrupt' });
  disk.setBytes('/log/00000000000000000002.log', Buffer.from(second.subarray(0, second.length - 8)));
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'corrupt' });
});

test('after a failed fdatasync nothing is acknowledged any more, and the owner hears of it once', async () => {
  const disk = new MemoryDisk();
  const failures: Error[] = [];
  const { writer } = await started(disk, { onFailure: (error) => failures.push(error) });
  await append(writer, 'good');
  disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined);
  const waiting = [append(writer, 'lost'), append(writer, 'lost too')];
  for (const one of waiting) await assert.rejects(one, { code: 'unavailable' });
  disk.fault = () => undefined;
  await assert.rejects(append(writer, 'later'), { code: 'unavailable' });
  assert.equal(failures.length, 1);
  disk.crash();
  assert.deepEqual(await reopened(disk), ['1 good']);
});

for (const [what, prepare] of [
  [
    'the process was killed before the sync',
    (disk: MemoryDisk) => (disk.hang = (operation) => operation === 'datasync'),
  ],
  [
    'the sync failed',
    (disk: MemoryDisk) => (disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined)),
  ],
] as const)
  test(`frames that are read again are durable from then on, also when ${what}`, async () => {
    const disk = new MemoryDisk();
    const { writer } = await started(disk);
    await append(writer, 'synced');
    prepare(disk);
    const outcome = append(writer, 'not synced', { batchId: 'b' }).catch(() => {});
    await turn();
    disk.kill();
    disk.fault = () => undefined;
    void outcome;
    const again = await WriteAheadLog.open(options(disk));
    assert.deepEqual(await replayed(again), ['1 synced', '2 not synced']);
    // The batch is acknowledged again to whoever repeats it, so it must not vanish any more.
    assert.equal(again.batchIds.get(batchKey(table, 'b'))?.lsn, 2);
    disk.crash();
    assert.deepEqual(await reopened(disk), ['1 synced', '2 not synced']);
  });

test('a log whose last group cannot be made durable does not open', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  await append(writer, 'one');
  disk.kill();
  disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined);
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'EIO' });
  disk.fault = () => undefined;
  assert.deepEqual(await reopened(disk), ['1 one']);
});

test('old segments go durably one after the other, so that no gap comes back', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk, { segmentBytesMax: 100, logBytesMax: 0 });
  for (const text of ['a', 'b', 'c', 'd']) await append(writer, text);
  disk.fault = (operation, path) => (operation === 'remove' && path.endsWith('3.log') ? osError('EIO') : undefined);
  await assert.rejects(log.removeOld(() => true));
  disk.crash();
  assert.deepEqual(await reopened(disk), ['3 c', '4 d']);
});

test('a full disk refuses the group, leaves no trace of it, and takes the next one when there is room', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  await append(writer, 'first');
  disk.capacityBytes = disk.usedBytes + 150;
  const [small, large] = [append(writer, 'fits alone', { bytes: 8 }), append(writer, 'does not', { bytes: 400 })];
  await assert.rejects(small, { code: 'storage_full' });
  await assert.rejects(large, { code: 'storage_full' });
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  assert.equal(await append(writer, 'second'), 2);
  disk.crash();
  assert.deepEqual(await reopened(disk), ['1 first', '2 second']);
});

test('a full disk at rotation refuses, and the log goes on in a new segment later', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk, { segmentBytesMax: 100 });
  await append(writer, 'first');
  disk.capacityBytes = disk.usedBytes + 10;
  await assert.rejects(append(writer, 'refused'), { code: 'storage_full' });
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  assert.equal(await append(writer, 'second'), 2);
  disk.crash();
  assert.deepEqual(await reopened(disk), ['1 first', '2 second']);
});

test('the queue is bounded', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk, { queueBytesMax: 300 });
  const first = append(writer, 'a', { bytes: 200 });
  await assert.rejects(append(writer, 'b', { bytes: 200 }), { code: 'overloaded' });
  assert.equal(await first, 1);
});

test('two openings of one folder: the second is refused', async () => {
  const disk = new MemoryDisk();
  const { log } = await started(disk);
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'conflict' });
  await log.close();
  await (await WriteAheadLog.open(options(disk))).close();
});

const id = (name: string) => batchKey(table, name);

test('batch ids live for a day after their segment is full, whatever becomes of the segment', async () => {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const over = { segmentBytesMax: 100, clock, logBytesMax: 0 };
  const { log, writer } = await started(disk, over);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two', { ids: log.batchIds, batchId: 'id-2' });
  await append(writer, 'three');
  assert.equal(await log.removeOld((_, lastLsn) => lastLsn <= 1), 1);
  await log.close();
  const again = await WriteAheadLog.open(options(disk, over));
  again.start(0);
  assert.deepEqual(again.batchIds.get(id('id-1')), { lsn: 1, accepted: 1, durable: true });
  await clock.advance(23 * 3_600_000);
  await again.removeOld(() => true);
  assert.deepEqual([again.batchIds.size, again.batchIds.get(id('id-2'))?.lsn], [2, 2]);
  await again.close();
  const third = await WriteAheadLog.open(options(disk, over));
  third.start(0);
  assert.equal(third.batchIds.size, 2);
  await clock.advance(2 * 3_600_000);
  await third.removeOld(() => true);
  assert.equal(third.batchIds.get(id('id-1')), undefined);
});

test('ids of a segment that is kept for longer are over all the same, also after a restart', async () => {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const over = { segmentBytesMax: 100, clock, retentionHours: 1_000 };
  const { log, writer } = await started(disk, over);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two');
  await log.removeOld(() => true);
  await clock.advance(25 * 3_600_000);
  await log.removeOld(() => true);
  assert.equal(log.batchIds.size, 0);
  await log.close();
  const { log: again } = await started(disk, over);
  await again.removeOld(() => true);
  assert.equal(again.batchIds.size, 0);
  await again.makeRoom(() => true);
  await again.close();
  assert.deepEqual(
    (await disk.list(folder)).filter((name) => name.endsWith('.ids')),
    ['00000000000000000002.ids'],
  );
});

test('a clock that jumps forgets no batch id: only the time that the log was open counts', async () => {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const over = { segmentBytesMax: 100, clock, logBytesMax: 0 };
  const { log, writer } = await started(disk, over);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two');
  await log.removeOld(() => true);
  await log.close();
  const ahead = { ...clock, now: () => clock.now() + 1_000 * 3_600_000, monotonicMs: () => clock.monotonicMs() };
  const again = await WriteAheadLog.open(options(disk, { ...over, clock: ahead as FakeClock }));
  again.start(0);
  await again.removeOld(() => true);
  assert.equal(again.batchIds.get(id('id-1'))?.lsn, 1);
});

test('a segment whose ids cannot be kept stays', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk, { segmentBytesMax: 100, logBytesMax: 0 });
  disk.fault = (operation, path) => (operation === 'rename' && path.endsWith('.ids') ? osError('EIO') : undefined);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two');
  await assert.rejects(
    log.removeOld(() => true),
    { code: 'EIO' },
  );
  assert.ok((await disk.list(folder)).includes('00000000000000000001.log'));
  disk.fault = () => undefined;
  assert.equal(await log.removeOld(() => true), 1);
});

test('ids of a damaged file come from its segment, those of a damaged segment from its file', async () => {
  for (const damaged of ['00000000000000000001.log', '00000000000000000001.ids']) {
    const disk = new MemoryDisk();
    const log = await WriteAheadLog.open(options(disk, { segmentBytesMax: 100 }));
    const writer = log.start(0, { committedLsn: () => 2 });
    await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
    await append(writer, 'two');
    await log.close();
    disk.bytesOf(`/log/${damaged}`)[60]! ^= 1;
    const again = await WriteAheadLog.open(options(disk));
    assert.deepEqual([again.batchIds.get(id('id-1'))?.lsn, again.batchIds.unreadable], [1, []], damaged);
  }
});

test('where ids are lost, no batch with an id is taken until they are over, and the file is kept aside', async () => {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const over = { segmentBytesMax: 100, clock, logBytesMax: 0 };
  const { log, writer } = await started(disk, over);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two');
  await log.removeOld(() => true);
  await log.close();
  disk.bytesOf('/log/00000000000000000001.ids')[70]! ^= 16;
  const again = await WriteAheadLog.open(options(disk, over));
  again.start(0);
  const file = '00000000000000000001.ids';
  assert.throws(() => again.batchIds.requireRoom(0), { code: 'corrupt', details: { file } });
  await clock.advance(25 * 3_600_000);
  await again.removeOld(() => true);
  again.batchIds.requireRoom(0);
  assert.deepEqual(await disk.list('/log/damaged'), [file]);
});

test('beyond the bound an id is refused, not another one forgotten, until the oldest are over', async () => {
  const disk = new MemoryDisk();
  const clock = new FakeClock();
  const { log, writer } = await started(disk, { segmentBytesMax: 100, clock, batchIdsMax: 2, logBytesMax: 0 });
  for (const name of ['id-1', 'id-2']) {
    log.batchIds.requireRoom(0);
    await append(writer, name, { ids: log.batchIds, batchId: name });
  }
  await append(writer, 'closes the segment');
  await log.removeOld(() => true);
  assert.throws(() => log.batchIds.requireRoom(0), {
    code: 'overloaded',
    details: { batch_ids_max: 2, retry_after_ms: 3_600_000 },
  });
  assert.deepEqual(
    ['id-1', 'id-2'].map((name) => log.batchIds.get(id(name))?.lsn),
    [1, 2],
  );
  await clock.advance(24 * 3_600_000);
  await log.removeOld(() => true);
  log.batchIds.requireRoom(1);
});

test('committed segments stay for the retention, and go early beyond the bytes', async () => {
  const clock = new FakeClock();
  const disk = new MemoryDisk(() => clock.now());
  const { log, writer } = await started(disk, { segmentBytesMax: 100, clock });
  for (const text of ['one', 'two', 'three', 'four']) await append(writer, text);
  assert.equal(await log.removeOld(() => true), 0);
  await log.close();
  const { log: smaller } = await started(disk, { segmentBytesMax: 100, logBytesMax: 480, clock });
  assert.equal(await smaller.removeOld(() => true), 2);
  assert.deepEqual(await reopenedAfter(smaller, disk), ['3 three', '4 four']);
});

test('a full volume gets room from everything that is committed, the segment being written too', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk);
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1', bytes: 800 });
  disk.capacityBytes = disk.usedBytes;
  await assert.rejects(append(writer, 'refused'), { code: 'storage_full' });
  assert.equal(await log.makeRoom(() => false), 0, 'rows in no table stay');
  assert.equal(await log.makeRoom(() => true), 1);
  assert.equal(await append(writer, 'two'), 2);
  assert.equal(log.batchIds.get(id('id-1'))?.lsn, 1);
  await log.close();
  assert.deepEqual(await reopened(disk), ['2 two']);
});

test('segments are an eighth of their volume at the most', async () => {
  const disk = new MemoryDisk();
  disk.capacityBytes = 1024 * 1024;
  const { log, writer } = await started(disk);
  for (let index = 0; index < 5; index += 1) await append(writer, String(index), { bytes: 40_000 });
  assert.equal((await disk.list(folder)).filter((name) => name.endsWith('.log')).length, 2);
  await log.close();
});

test('a log cut between two frames is refused, naming the LSN that was acknowledged', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk);
  for (const text of ['one', 'two', 'three']) await append(writer, text);
  await log.close();
  const path = '/log/00000000000000000001.log';
  const frameBytes = framePrefixBytes('flights', undefined) + 64;
  const whole = Buffer.from(disk.bytesOf(path));
  for (let frames = 0; frames < 3; frames += 1) {
    disk.setBytes(path, Buffer.from(whole.subarray(0, segmentHeaderBytes + frames * frameBytes)));
    await assert.rejects(WriteAheadLog.open(options(disk)), {
      code: 'corrupt',
      message: new RegExp(`after LSN ${frames}: the log ends here, and LSN 3 was durable`),
    });
  }
  await disk.remove(path);
  await assert.rejects(WriteAheadLog.open(options(disk)), { code: 'corrupt', message: /LSN 3 was durable/ });
});

test('a segment under another name, twice, or missing in the middle or at the front is refused', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk, { segmentBytesMax: 100 });
  for (const text of ['one', 'two', 'three']) await append(writer, text);
  await log.close();
  const path = (lsn: number) => `/log/0000000000000000000${lsn}.log`;
  const [one, two] = [Buffer.from(disk.bytesOf(path(1))), Buffer.from(disk.bytesOf(path(2)))];
  const refused = async (what: string) => assert.rejects(WriteAheadLog.open(options(disk)), { code: 'corrupt' }, what);
  disk.setBytes(path(1), two);
  disk.setBytes(path(2), one);
  await refused('swapped');
  disk.setBytes(path(1), one);
  await refused('twice');
  await disk.remove(path(2));
  await refused('missing in the middle');
  disk.setBytes(path(2), two);
  await disk.remove(path(1));
  await refused('missing at the front');
  disk.setBytes(path(1), one);
  assert.deepEqual(await reopened(disk), ['1 one', '2 two', '3 three']);
});

test('damage to frames that are all committed is passed over by name, and the others are read', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open(options(disk));
  const writer = log.start(0, { committedLsn: () => 2 });
  for (const text of ['one', 'two', 'three', 'four']) await append(writer, text);
  await log.close();
  const path = '/log/00000000000000000001.log';
  const frameBytes = framePrefixBytes('flights', undefined) + 64;
  const whole = Buffer.from(disk.bytesOf(path));
  for (const at of [4, 12, 20, 60, 100]) {
    const bytes = Buffer.from(whole);
    bytes[segmentHeaderBytes + frameBytes + at]! ^= 4;
    disk.setBytes(path, bytes);
    const again = await WriteAheadLog.open(options(disk));
    assert.deepEqual(await replayed(again), ['1 one', '3 three', '4 four']);
    assert.deepEqual(
      again.damages.map(({ segment, afterLsn, untilLsn }) => [segment, afterLsn, untilLsn]),
      [['00000000000000000001.log', 1, 2]],
    );
    assert.equal(await append(again.start(0), 'goes on'), 6);
    disk.kill();
    await disk.remove('/log/00000000000000000006.log');
  }
});

test('a whole segment of committed rows may be unreadable', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open(options(disk, { segmentBytesMax: 100 }));
  const writer = log.start(0, { committedLsn: () => 2 });
  for (const text of ['one', 'two', 'three']) await append(writer, text);
  await log.close();
  disk.setBytes('/log/00000000000000000002.log', Buffer.alloc(100));
  const again = await WriteAheadLog.open(options(disk));
  assert.deepEqual(await replayed(again), ['1 one', '3 three']);
  assert.deepEqual(
    again.damages.map(({ segment }) => segment),
    ['00000000000000000002.log'],
  );
});

test('a log of before the head and the files of ids opens, and has both from then on', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk, { segmentBytesMax: 100 });
  await append(writer, 'one', { ids: log.batchIds, batchId: 'id-1' });
  await append(writer, 'two');
  await turn();
  disk.kill();
  for (const name of await disk.list(folder)) if (!/\.log$|log-id/.test(name)) await disk.remove(`/log/${name}`);
  const again = await WriteAheadLog.open(options(disk));
  assert.deepEqual(await replayed(again), ['1 one', '2 two']);
  again.start(0);
  await again.close();
  const names = await disk.list(folder);
  assert.deepEqual(
    ['head', '00000000000000000001.ids', '00000000000000000002.ids'].filter((name) => !names.includes(name)),
    [],
  );
});

test('a bit that turns over in the head leaves the slot of before; none is left when both are hit', async () => {
  const disk = new MemoryDisk();
  const { log, writer } = await started(disk);
  await append(writer, 'one');
  await log.close();
  const whole = Buffer.from(disk.bytesOf('/log/head'));
  const used = [...whole.keys()].filter((at) => at < 68 || (at >= 4_096 && at < 4_164));
  for (const at of used) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    disk.setBytes('/log/head', bytes);
    assert.deepEqual(await reopened(disk), ['1 one'], `byte ${at}`);
  }
});

async function reopenedAfter(log: WriteAheadLog, disk: MemoryDisk): Promise<string[]> {
  await log.close();
  return reopened(disk);
}

test('LSNs of frames without a log are not given out again after a crash', async () => {
  const disk = new MemoryDisk();
  const { writer } = await started(disk);
  const first = await append(writer, 'volatile', { isLogged: false });
  const second = await append(writer, 'volatile', { isLogged: false });
  assert.equal(second, first + 1);
  disk.crash();
  const { writer: next } = await started(disk);
  assert.ok((await append(next, 'logged')) > second);
});

test('LSNs go on after every older segment is gone and the newest is empty', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open(options(disk, { segmentBytesMax: 100 }));
  const writer = log.start(0, { committedLsn: () => 2 });
  for (const text of ['one', 'two']) await append(writer, text);
  await log.close();
  await disk.remove('/log/00000000000000000001.log');
  const bytes = disk.bytesOf('/log/00000000000000000002.log');
  disk.setBytes('/log/00000000000000000002.log', Buffer.from(bytes.subarray(0, segmentHeaderBytes)));
  const { writer: next } = await started(disk);
  assert.equal(await append(next, 'goes on'), 3);
});

test('LSNs known from tables are not given out again', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open(options(disk));
  assert.equal(await append(log.start(41), 'x'), 42);
});

test('crashes at random, with torn writes in between, lose nothing acknowledged and invent nothing', async () => {
  const runs = fc.array(
    fc.record({
      frames: fc.array(fc.integer({ min: 8, max: 300 }), { minLength: 1, maxLength: 6 }),
      unacknowledged: fc.integer({ min: 0, max: 3 }),
      torn: fc.double({ min: 0, max: 2, noNaN: true }),
    }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(runs, async (script) => {
      const disk = new MemoryDisk();
      const acknowledged: string[] = [];
      const maybe = new Set<string>();
      for (const [run, step] of script.entries()) {
        const { writer } = await started(disk, { segmentBytesMax: 500 });
        for (const [index, bytes] of step.frames.entries()) {
          const text = `${run}.${index}`;
          acknowledged.push(`${await append(writer, text, { bytes: Math.ceil(bytes / 8) * 8 })} ${text}`);
        }
        disk.hang = (operation) => operation === 'datasync';
        for (let index = 0; index < step.unacknowledged; index += 1) {
          maybe.add(`${run}+${index}`);
          void append(writer, `${run}+${index}`);
        }
        await turn();
        disk.crash(() => step.torn);
      }
      const found = await reopened(disk);
      const known = found.filter((text) => !maybe.has(text.split(' ')[1]!));
      assert.deepEqual(known, acknowledged);
    }),
    { numRuns: 150 },
  );
});

test('a frame header that lies about its length is not followed', () => {
  const frame = Buffer.alloc(framePrefixBytes('s', undefined) + 8);
  writeFrameHeader(frame, { kind: 1, sourceId: 's', tableTag: 1n, schemaVersion: 1, rows: 1 });
  for (const length of [0, 8, 12, 0xffffffff]) {
    frame.writeUInt32LE(length, 4);
    assert.ok('broken' in readFrameHeader(frame, 0));
  }
});

test('a log that was emptied for room is whole at the next start, though rows without a log had its last LSNs', async () => {
  const disk = new MemoryDisk();
  const log = await WriteAheadLog.open(options(disk));
  const writer = log.start(0);
  await append(writer, 'never in the log', { isLogged: false });
  await log.makeRoom(() => true);
  disk.kill();
  const again = await WriteAheadLog.open(options(disk));
  assert.deepEqual(again.damages, []);
});
