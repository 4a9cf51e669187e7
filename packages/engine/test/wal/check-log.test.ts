import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Disk, isHybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder, MemoryDisk, osError } from '@hybridstore/test-kit';
import fc from 'fast-check';
import type { LogCheck } from '../../src/ports.ts';
import { frameKinds, framePrefixBytes, writeFrameHeader } from '../../src/wal/frame.ts';
import { segmentHeaderBytes, segmentName } from '../../src/wal/log-segment.ts';
import type { LogWriter } from '../../src/wal/log-writer.ts';
import { batchKey, tableKey } from '../../src/wal/segment-summary.ts';
import type { WriteAheadLog } from '../../src/wal/write-ahead-log.ts';
import { createSharedWriter, openEngine } from '../engine-fixture.ts';
import { openLog } from './damage-corpus.ts';

const folder = '/log';
const table = tableKey('t', 1n);
const look = { pace: async () => {}, onTotal: () => {} };

type Row = { readonly batchId?: string; readonly isLogged?: boolean; readonly bytes?: number };

function append(log: WriteAheadLog, writer: LogWriter, { batchId, isLogged = true, bytes = 64 }: Row = {}) {
  const frame = Buffer.alloc(framePrefixBytes('t', batchId) + bytes);
  writeFrameHeader(frame, { kind: frameKinds.batch, sourceId: 't', batchId, tableTag: 1n, schemaVersion: 1, rows: 1 });
  const key = batchId === undefined ? undefined : batchKey(table, batchId);
  return new Promise<number>((resolve, refuse) =>
    writer.enqueue({
      frame,
      isLogged,
      table,
      batchKey: key,
      rows: 1,
      acknowledge: (lsn) => {
        if (key !== undefined) log.batchIds.remember(key, { lsn, accepted: 1, durable: true });
        resolve(lsn);
      },
      refuse,
    }),
  );
}

type Live = { readonly disk: MemoryDisk; readonly log: WriteAheadLog; readonly writer: LogWriter };
const committedLsn = 8;
/** Of a row with an id. */
const frameBytes = 128;

/** Four full segments with their ids, one that is being written, and a head that was written twice. */
async function createLiveLog(): Promise<Live> {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  const writer = log.start(0, { committedLsn: () => committedLsn });
  for (let index = 1; index <= 22; index += 1) await append(log, writer, { batchId: `id-${index}` });
  await log.removeOld(() => false);
  await log.noteCommitted();
  return { disk, log, writer };
}

const namesIn = ({ problems }: LogCheck) => problems.map(({ name }) => name);
const wanted = /\.(log|ids)$|^head$|^log-id$/;

/** What no checksum covers and no reader looks at: the last word of a header or a slot, and what lies between the slots. */
function isUnread(name: string, at: number): boolean {
  if (name.endsWith('.log')) return at >= 36 && at < 40;
  return name === 'head' && ((at >= 68 && at < 4_096) || at >= 4_096 + 68);
}

describe('a check of a log that is being written', () => {
  it('finds nothing in one that is whole, and says how much it read', async () => {
    const { disk, log } = await createLiveLog();
    const totals: number[] = [];
    const read: number[] = [];
    const { files, bytes, problems } = await log.check({
      pace: async (count) => void read.push(count),
      onTotal: (total) => void totals.push(total),
    });
    const names = (await disk.list(folder)).filter((name) => wanted.test(name));
    assert.deepEqual([files, problems], [names.length, []]);
    assert.equal(
      bytes,
      names.reduce((sum, name) => sum + disk.bytesOf(join(folder, name)).length, 0),
    );
    assert.deepEqual(totals, [log.bytes]);
    assert.ok(read.length >= 5);
  });

  it('finds every bit that turned over in any of its files, by name, and nothing once it is what it was', async () => {
    const { disk, log } = await createLiveLog();
    const names = (await disk.list(folder)).filter((name) => wanted.test(name));
    assert.deepEqual(
      ['.log', '.ids', 'head', 'log-id'].map((kind) => names.filter((name) => name.endsWith(kind)).length),
      [4, 3, 1, 1],
    );
    const missed: string[] = [];
    for (const name of names) {
      const bytes = disk.bytesOf(join(folder, name));
      for (let at = 0; at < bytes.length; at += name === 'head' ? 1 : 3) {
        if (isUnread(name, at)) continue;
        bytes[at]! ^= 1 << (at % 8);
        const found = namesIn(await log.check(look));
        if (found.length !== 1 || found[0] !== name) missed.push(`${name} byte ${at}: ${found.join(', ')}`);
        bytes[at]! ^= 1 << (at % 8);
      }
    }
    assert.deepEqual(missed, []);
    assert.deepEqual((await log.check(look)).problems, []);
  });

  it('finds every file that is gone, cut short, empty or cannot be read', async () => {
    const { disk, log } = await createLiveLog();
    for (const name of (await disk.list(folder)).filter((one) => wanted.test(one))) {
      const path = join(folder, name);
      const whole = Buffer.from(disk.bytesOf(path));
      for (const length of [0, Math.floor(whole.length / 2), whole.length - 8]) {
        disk.setBytes(path, whole.subarray(0, length));
        assert.deepEqual(namesIn(await log.check(look)), [name], `${name} cut at ${length}`);
      }
      await disk.remove(path);
      const [problem] = (await log.check(look)).problems;
      assert.deepEqual([problem?.name, problem?.reason], [name, 'it is missing']);
      disk.setBytes(path, whole);
    }
    assert.deepEqual((await log.check(look)).problems, []);
  });

  it('takes a read error for damage, and any other failure for what it is', async () => {
    const memory = new MemoryDisk();
    let failing: string | undefined;
    const failure = (path: string) => (failing !== undefined && path.includes(failing) ? osError(code) : undefined);
    let code: Parameters<typeof osError>[0] = 'EIO';
    const disk: Disk = wrap(memory, {
      readFile: async (path) => {
        const error = failure(path);
        if (error) throw error;
        return memory.readFile(path);
      },
      readRange: async (path, offset, length) => {
        const error = failure(path);
        if (error) throw error;
        return memory.readRange(path, offset, length);
      },
    });
    const log = await openLog(disk);
    const writer = log.start(0);
    for (let index = 1; index <= 9; index += 1) await append(log, writer, { batchId: `id-${index}` });
    await log.removeOld(() => false);
    for (failing of ['00001.log', '00001.ids', 'head', 'log-id']) {
      const [problem, ...others] = (await log.check(look)).problems;
      assert.deepEqual(
        [problem?.name.endsWith(failing), problem?.reason, others],
        [true, 'it cannot be read (EIO)', []],
      );
    }
    code = 'EMFILE';
    await assert.rejects(log.check(look), { code: 'EMFILE' });
  });

  it('says which frames a start would lack, and whether their rows are in the tables', async () => {
    const { disk, log } = await createLiveLog();
    const lost: unknown[] = [];
    for (const firstLsn of [7, 13]) {
      const bytes = disk.bytesOf(join(folder, segmentName(firstLsn)));
      // In the payload of the second frame.
      bytes[segmentHeaderBytes + frameBytes + 100]! ^= 1;
      lost.push((await log.check(look)).problems.map(({ isSpare, lost: frames }) => ({ isSpare, ...frames })));
      bytes[segmentHeaderBytes + frameBytes + 100]! ^= 1;
    }
    assert.deepEqual(lost, [
      [{ isSpare: true, afterLsn: 7, untilLsn: 8 }],
      [{ isSpare: false, afterLsn: 13, untilLsn: 14 }],
    ]);
  });

  it('finds a segment under another name, a copy of one, and a head that is older', async () => {
    const { disk, log } = await createLiveLog();
    const [first, second] = (await disk.list(folder)).filter((name) => name.endsWith('.log'));
    const copy = '00000000000000000003.log';
    disk.setBytes(join(folder, copy), disk.bytesOf(join(folder, first!)));
    assert.deepEqual(namesIn(await log.check(look)), [copy]);
    await disk.remove(join(folder, copy));

    const whole = Buffer.from(disk.bytesOf(join(folder, second!)));
    disk.setBytes(join(folder, second!), disk.bytesOf(join(folder, first!)));
    assert.deepEqual(namesIn(await log.check(look)), [second]);
    disk.setBytes(join(folder, second!), whole);

    const head = Buffer.from(disk.bytesOf(join(folder, 'head')));
    await log.noteCommitted();
    await log.noteCommitted();
    disk.setBytes(join(folder, 'head'), head);
    const [problem] = (await log.check(look)).problems;
    assert.deepEqual([problem?.name, problem?.reason], ['head', 'is older than what was written last']);
  });

  it('names the frames that the start passed over for as long as their segment is there', async () => {
    const { disk, log } = await createLiveLog();
    await log.close();
    const [first] = (await disk.list(folder)).filter((name) => name.endsWith('.log'));
    disk.bytesOf(join(folder, first!))[segmentHeaderBytes + frameBytes + 100]! ^= 1;
    const again = await openLog(disk);
    again.start(0, { committedLsn: () => 22 });
    assert.equal(again.damages.length, 1);
    const [problem, ...others] = (await again.check(look)).problems;
    assert.deepEqual([problem?.name, problem?.isSpare, problem?.lost], [first, true, { afterLsn: 1, untilLsn: 2 }]);
    assert.deepEqual(others, []);
    // A second one beside the known one is not hidden by it.
    disk.bytesOf(join(folder, first!))[segmentHeaderBytes + 3 * frameBytes + 100]! ^= 1;
    assert.deepEqual((await again.check(look)).problems[0]?.lost, { afterLsn: 1, untilLsn: 4 });
  });

  it('ends where its pace is broken off, having read one piece', async () => {
    const { log } = await createLiveLog();
    let reads = 0;
    const pace = async () => {
      reads += 1;
      throw new Error('enough');
    };
    await assert.rejects(log.check({ ...look, pace }), /^Error: enough$/);
    assert.equal(reads, 1);
  });
});

/** The same disk with some of its operations replaced. */
function wrap(disk: Disk, over: Partial<Disk>): Disk {
  return new Proxy(disk, {
    get: (target, name: keyof Disk) => {
      const own = over[name] ?? target[name];
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

/** Every operation takes some turns before it and after it, so that others come between any two of them. */
function slowed(disk: Disk, turns: () => number): Disk {
  const wait = async () => {
    for (let left = turns(); left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const slow = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (of, name) => {
        const own = Reflect.get(of, name) as unknown;
        if (typeof own !== 'function' || name === 'lock') return typeof own === 'function' ? own.bind(of) : own;
        return async (...input: unknown[]) => {
          await wait();
          if (name === 'write') await own.apply(of, firstHalf(input));
          if (name === 'write') await wait();
          const value: unknown = await own.apply(of, input);
          await wait();
          return name === 'open' ? slow(value as object) : value;
        };
      },
    });
  return slow(disk);
}

/** Of what is written: a reader may see it, and not yet the rest. */
function firstHalf([bytes, position]: readonly unknown[]): unknown[] {
  assert.ok(bytes instanceof Uint8Array);
  return [bytes.subarray(0, bytes.length >> 1), position];
}

type Step = 'append' | 'appendUnlogged' | 'appendLarge' | 'commit' | 'removeOld' | 'makeRoom' | 'full' | 'restart';
const steps: readonly Step[] = [
  'append',
  'append',
  'append',
  'appendUnlogged',
  'appendLarge',
  'commit',
  'removeOld',
  'makeRoom',
  'full',
  'restart',
];

it('nothing is said of a whole log, whatever is appended, removed, sealed and refused while it is read', async () => {
  let checks = 0;
  const run = async (plan: readonly Step[], seed: readonly number[]): Promise<void> => {
    let drawn = 0;
    const memory = new MemoryDisk();
    const disk = slowed(memory, () => (seed[drawn++ % seed.length] ?? 0) % 4);
    let [committed, ids] = [0, 0];
    let log = await openLog(disk, { logBytesMax: 2_000 });
    let writer = log.start(0, { committedLsn: () => committed });
    let isOver = false;
    const found: unknown[] = [];
    const isCommitted = (_: string, lastLsn: number) => lastLsn <= committed;
    const check = async () => {
      checks += 1;
      found.push(...(await log.check(look)).problems);
    };
    const watch = () =>
      Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!isOver) await check();
        }),
      );
    let checking = watch();
    // A full disk refuses; nothing else may.
    const tolerate = (error: unknown) => {
      if (!isHybridStoreError(error, 'storage_full') && !(error instanceof Error && 'code' in error)) throw error;
    };
    const work: Promise<unknown>[] = [];
    const begin = (one: Promise<unknown>) => void work.push(one.catch(tolerate));
    for (const step of plan) {
      if (step === 'append') begin(append(log, writer, { batchId: `id-${ids++}` }));
      if (step === 'appendUnlogged') begin(append(log, writer, { isLogged: false }));
      if (step === 'appendLarge') begin(append(log, writer, { bytes: 1_600 }));
      if (step === 'commit') {
        committed = writer.acknowledgedLsn;
        begin(log.noteCommitted());
      }
      if (step === 'removeOld') begin(log.removeOld(isCommitted));
      if (step === 'makeRoom') begin(log.makeRoom(isCommitted));
      if (step === 'full') {
        memory.capacityBytes = memory.usedBytes + 100;
        begin(append(log, writer).finally(() => (memory.capacityBytes = Number.POSITIVE_INFINITY)));
      }
      if (step === 'restart') {
        await Promise.all(work.splice(0));
        isOver = true;
        await checking;
        await log.close();
        log = await openLog(disk, { logBytesMax: 2_000 });
        writer = log.start(committed, { committedLsn: () => committed });
        isOver = false;
        checking = watch();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(work);
    isOver = true;
    await checking;
    await check();
    await log.close();
    assert.deepEqual(found, []);
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...steps), { minLength: 10, maxLength: 60 }),
      fc.array(fc.nat(1_000), { minLength: 7, maxLength: 61 }),
      run,
    ),
    { numRuns: process.env['HYBRIDSTORE_CRASH_BUDGET'] ? 1_000 : 60 },
  );
  assert.ok(checks > 100, `${checks} checks`);
});

describe('a node that is checked while it serves', () => {
  const root = createTemporaryFolder('check-log');
  const segmentWriter = createSharedWriter(join(root.path, 'spool'));
  after(async () => {
    await segmentWriter.close();
    root[Symbol.dispose]();
  });

  it('takes rows, flushes them and removes its log meanwhile, and no file of it is called damaged', async () => {
    const engine = await openEngine(root.path, {
      segmentWriter,
      limits: {
        logSegmentBytesMax: 3_000,
        logBytesMax: 9_000,
        maintenanceIntervalMs: 1,
        flushIntervalMs: 5,
        scrubBytesPerSecond: 1024 ** 3,
      },
    });
    await engine.putSource({ source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] });
    let isOver = false;
    const found: unknown[] = [];
    let [checks, files] = [0, 0];
    const onlooker = { signal: new AbortController().signal, onRead: () => {}, onTotal: () => {} };
    const checking = (async () => {
      while (!isOver) {
        const check = await engine.checkLog(onlooker);
        found.push(...check.problems);
        checks += 1;
        files += check.files;
      }
    })();
    const appending = Array.from({ length: 8 }, async (_, worker) => {
      for (let index = 0; index < 60; index += 1)
        await engine.append({
          sourceId: 'numbers',
          records: [{ fields: { n: index } }],
          batchId: `${worker}-${index}`,
        });
    });
    await Promise.all(appending);
    await engine.flush('numbers');
    isOver = true;
    await checking;
    assert.deepEqual(found, []);
    assert.ok(checks > 3 && files > checks * 3, `${checks} checks of ${files} files`);
    await engine.close();
  });
});
