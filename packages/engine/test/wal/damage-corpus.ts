import { type Disk, isHybridStoreError, silentLogger } from '@hybridstore/runtime';
import { countDamage, FakeClock, type DamageCount as KindCount, MemoryDisk } from '@hybridstore/test-kit';
import { frameKinds, framePrefixBytes, writeFrameHeader } from '../../src/wal/frame.ts';
import type { LogWriter } from '../../src/wal/log-writer.ts';
import { batchKey, tableKey } from '../../src/wal/segment-summary.ts';
import { type LogOptions, WriteAheadLog } from '../../src/wal/write-ahead-log.ts';

/**
 * Damage to every kind of file of a log, and what became of it. Right is: the log is refused by name, or every frame that no
 * table has is there as it was written and no other, and each batch id is known, or no batch with an id is taken. Whatever
 * else happens is a wrong answer.
 */
export type DamageCount = Readonly<Record<'refused' | 'passedOver' | 'unharmed' | 'idsRefused' | 'wrong', number>>;
export type DamageReport = {
  readonly byFile: Readonly<Record<string, DamageCount>>;
  readonly wrong: readonly string[];
  readonly counts: ReadonlyMap<string, KindCount>;
};

export type DamageBudget = {
  /** One bit of each `every`-th byte turns over, and the file is cut at each `every`-th byte. */
  readonly every: number;
};

const folder = '/log';
const frames = 24;
const committedLsn = 14;
const table = tableKey('t', 1n);

export function openLog(disk: Disk, over: Partial<LogOptions> = {}): Promise<WriteAheadLog> {
  return WriteAheadLog.open({
    folder,
    disk,
    clock: new FakeClock(),
    logger: silentLogger,
    segmentBytesMax: 700,
    queueBytesMax: 100_000,
    batchIdsMax: 1_000,
    batchIdRetentionHours: 24,
    retentionHours: 24,
    logBytesMax: 100_000,
    onFailure: () => {},
    ...over,
  });
}

function append(log: WriteAheadLog, writer: LogWriter, index: number): Promise<number> {
  const batchId = `id-${index}`;
  const prefix = framePrefixBytes('t', batchId);
  const frame = Buffer.alloc(prefix + 64);
  writeFrameHeader(frame, { kind: frameKinds.batch, sourceId: 't', batchId, tableTag: 1n, schemaVersion: 1, rows: 1 });
  frame.write(`row ${index}`, prefix);
  const key = batchKey(table, batchId);
  return new Promise((resolve, refuse) =>
    writer.enqueue({
      frame,
      isLogged: true,
      table,
      batchKey: key,
      rows: 1,
      acknowledge: (lsn) => {
        log.batchIds.remember(key, { lsn, accepted: 1, durable: true });
        resolve(lsn);
      },
      refuse,
    }),
  );
}

/** The files of a log that ended cleanly, its first segment gone and its ids kept. */
async function writeLog(): Promise<ReadonlyMap<string, Buffer>> {
  const disk = new MemoryDisk();
  const log = await openLog(disk);
  const writer = log.start(0, { committedLsn: () => committedLsn });
  for (let index = 1; index <= frames; index += 1) await append(log, writer, index);
  await log.makeRoom((_, lastLsn) => lastLsn <= 6);
  await log.close();
  const names = (await disk.list(folder)).filter((name) => /\.(log|ids)$|^head$|^log-id$/.test(name));
  return new Map(names.map((name) => [name, Buffer.from(disk.bytesOf(`${folder}/${name}`))]));
}

/** Ends in the middle of its work, with all of its frames committed and a full volume; the names that are left. */
export async function writeRemovedLog(disk: MemoryDisk): Promise<readonly string[]> {
  const log = await openLog(disk);
  const writer = log.start(0, { committedLsn: () => frames });
  for (let index = 1; index <= frames; index += 1) await append(log, writer, index);
  await log.noteCommitted();
  await log.makeRoom(() => true);
  return disk.list(folder);
}

type Outcome = keyof DamageCount;

async function judge(
  files: ReadonlyMap<string, Buffer>,
): Promise<{ readonly outcome: Outcome; readonly what: string }> {
  const disk = new MemoryDisk();
  for (const [name, bytes] of files) disk.setBytes(`${folder}/${name}`, Buffer.from(bytes));
  let log: WriteAheadLog;
  try {
    log = await openLog(disk);
  } catch (error) {
    return isHybridStoreError(error, 'corrupt')
      ? { outcome: 'refused', what: error.message }
      : { outcome: 'wrong', what: String(error) };
  }
  const found = new Map<number, string>();
  await log.replay({
    table: () => true,
    frame: (header) => header.lsn > committedLsn,
    apply: (header, bytes) => found.set(header.lsn, bytes.toString('utf8', header.payloadAt).replaceAll('\0', '')),
  });
  for (let lsn = committedLsn + 1; lsn <= frames; lsn += 1)
    if (found.get(lsn) !== `row ${lsn}`) return { outcome: 'wrong', what: `LSN ${lsn}: ${found.get(lsn)}` };
  if (found.size !== frames - committedLsn) return { outcome: 'wrong', what: `${found.size} frames` };
  return judgeIds(log);
}

function judgeIds(log: WriteAheadLog): { readonly outcome: Outcome; readonly what: string } {
  for (let lsn = 1; lsn <= frames; lsn += 1) {
    if (log.batchIds.get(batchKey(table, `id-${lsn}`))?.lsn === lsn) continue;
    try {
      log.batchIds.requireRoom(0);
    } catch (error) {
      return { outcome: isHybridStoreError(error, 'corrupt') ? 'idsRefused' : 'wrong', what: String(error) };
    }
    return { outcome: 'wrong', what: `id of LSN ${lsn} is not known` };
  }
  return { outcome: log.damages.length > 0 ? 'passedOver' : 'unharmed', what: '' };
}

function* damagesOf(
  bytes: Buffer,
  { every }: DamageBudget,
): Generator<readonly [KindCount['damage'], string, Buffer | undefined]> {
  for (let at = 0; at < bytes.length; at += every) {
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1 << (at % 8);
    yield ['flip', `bit of byte ${at}`, flipped];
    yield ['truncation', `cut at ${at}`, Buffer.from(bytes.subarray(0, at))];
  }
  yield ['missing', 'gone', undefined];
}

const kindNames: Readonly<Record<string, string>> = { '.log': 'log segment', '.ids': 'batch ids', head: 'log head' };
const outcomes = {
  refused: 'refused',
  idsRefused: 'refused',
  passedOver: 'right',
  unharmed: 'right',
  wrong: 'wrong',
} as const;

export async function runDamageCorpus(budget: DamageBudget): Promise<DamageReport> {
  const files = await writeLog();
  const byFile: Record<string, Record<Outcome, number>> = {};
  const wrong: string[] = [];
  const counts = new Map<string, KindCount>();
  for (const [name, bytes] of files) {
    const kind = name.replace(/^\d+/, '');
    byFile[kind] ??= { refused: 0, passedOver: 0, unharmed: 0, idsRefused: 0, wrong: 0 };
    for (const [damage, what, damaged] of damagesOf(bytes, budget)) {
      const changed = new Map(files);
      if (damaged) changed.set(name, damaged);
      else changed.delete(name);
      const judged = await judge(changed);
      byFile[kind][judged.outcome] += 1;
      countDamage(counts, { file: kindNames[kind] ?? kind, damage }, outcomes[judged.outcome]);
      if (judged.outcome === 'wrong') wrong.push(`${name}, ${what}: ${judged.what}`);
    }
  }
  return { byFile, wrong, counts };
}
