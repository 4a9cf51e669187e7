import { join } from 'node:path';
import type { SourceDefinition } from '@hybridstore/contracts';
import { groupFile, silentLogger } from '@hybridstore/runtime';
import { type FakeClock, type MemoryDisk, StruckDisk } from '@hybridstore/test-kit';
import { batchRows } from '../../src/batch/batch-rows.ts';
import { createEngine } from '../../src/engine.ts';
import type { Engine } from '../../src/ports.ts';
import { segmentName } from '../../src/segment/file-names.ts';
import { checksumSegment } from '../../src/segment/segment-checksum.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import type { SegmentFile, SegmentTarget } from '../../src/segment/writer-protocol.ts';
import { decodeFrames } from '../../src/wal/frame.ts';

/**
 * The life of one node from its first start to its last, on a disk whose every operation can be struck: a source, writes
 * with ids, flushes, checkpoints, a compaction, the clean-up of hours later, a drain, a restart, and more of the same. What
 * it answers is written down at once.
 */
export const table: SourceDefinition = { source_id: 't', columns: [{ name: 'n', type: 'bigint' }] };
export const rowsPerBatch = 3;
export const batches = 12;

/** What the node has said yes to. */
export type Answers = { isCreated: boolean; readonly acknowledged: Set<number>; readonly errors: unknown[] };

/** How many steps of half a second a call may take, with its retries, before it is said to hang. */
const stepsMax = 2_000;
const stepMs = 500;
/** Turns of the event loop without an operation of the disk after which everybody waits for time to pass. */
const quietTurns = 12;

export function idsOfBatch(batch: number): readonly number[] {
  return Array.from({ length: rowsPerBatch }, (_, row) => batch * rowsPerBatch + row);
}

export class NodeProcess {
  readonly disk: StruckDisk;
  readonly #clock: FakeClock;
  readonly #checkpointWriter: SegmentWriter;
  readonly #ended: () => boolean;
  #working = 0;
  #segments = 0;
  fatal: Error | undefined;

  constructor(options: {
    readonly disk: StruckDisk;
    readonly clock: FakeClock;
    readonly checkpointWriter: SegmentWriter;
    readonly hasEnded: () => boolean;
  }) {
    this.disk = options.disk;
    this.#clock = options.clock;
    this.#checkpointWriter = options.checkpointWriter;
    this.#ended = options.hasEnded;
  }

  open(): Promise<Engine> {
    this.fatal = undefined;
    return this.finish(
      createEngine({
        pod: 'hs-acme-0',
        logFolder: '/log',
        dataFolder: '/data',
        disk: this.disk,
        clock: this.#clock,
        logger: silentLogger,
        onFatal: (error) => {
          this.fatal = error;
        },
        random: () => 0,
        segmentWriter: this.#createWriter(),
        limits: {
          flushIntervalMs: 3_600_000 * 1_000,
          logSegmentBytesMax: 700,
          logRetentionHours: 1,
          commitsPerCheckpoint: 3,
          retainSnapshotsHours: 0,
          replacedFileGraceMs: 0,
          orphanGraceMs: 3_600_000,
          quarantineHours: 1,
          maintenanceIntervalMs: 3_600_000,
          vacuumIntervalMs: 3_600_000,
          scrubIntervalHours: 1_000,
        },
      }),
    );
  }

  /** Waits for a call, letting time pass only while nobody works; rejects when it does not end. */
  async finish<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const over = call.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    for (let steps = 0; ; steps += 1) {
      await this.#settle(() => isOver);
      if (isOver || this.#ended()) break;
      if (steps >= stepsMax) throw new Error(`the call did not end in ${(stepsMax * stepMs) / 1_000} s`);
      await this.#clock.advance(stepMs);
    }
    if (this.#ended() && !isOver) throw new Error('the process has ended');
    return over;
  }

  /** What falls due meanwhile is done, too. */
  async passTime(ms: number): Promise<void> {
    await this.#clock.advance(ms);
    await this.#settle(() => false);
  }

  /** Until nobody works, or earlier. */
  async #settle(isOver: () => boolean): Promise<void> {
    let seen = -1;
    for (let quiet = 0; quiet < quietTurns && !isOver() && !this.#ended(); ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#working > 0 || this.disk.count !== seen ? 0 : quiet + 1;
      seen = this.disk.count;
    }
  }

  /** A segment is its rows as JSON, with an end that looks like Parquet's. */
  #createWriter(): SegmentWriter {
    const writeFile = async (target: SegmentTarget, rows: readonly number[]): Promise<readonly SegmentFile[]> => {
      this.#segments += 1;
      const digits = `${this.disk.count}${'0'.repeat(16)}`.slice(0, 16);
      const name = segmentName(target.filePrefix, digits);
      const bytes = Buffer.concat([Buffer.from(JSON.stringify(rows)), Buffer.alloc(4), Buffer.from('PAR1')]);
      const path = join(target.folder, name);
      const file = await this.disk.open(path, groupFile);
      await file.write(bytes, 0);
      await file.datasync();
      const checksum = await checksumSegment((offset, length) => this.disk.readRange(path, offset, length), {
        bytes: bytes.length,
        rowGroupsAt: [0],
      });
      const statistics = { path: name, bytes: bytes.length, rows: rows.length, partition: {}, columns: {} };
      return [{ statistics: { ...statistics, modified_at: this.#clock.now() }, checksum }];
    };
    return {
      write: ({ target }, frames) => {
        const decoded = [...decodeFrames(Buffer.concat(frames))];
        const rows = decoded.flatMap(({ batch }) => batchRows(batch, target.columns).map((row) => Number(row['n'])));
        return writeFile(target, rows);
      },
      merge: async ({ target, paths }) => {
        const rows: number[] = [];
        for (const path of paths) rows.push(...(await readSegment(this.disk, path)));
        return writeFile(target, rows);
      },
      checkpoint: async (request, ndjson) => {
        this.#working += 1;
        try {
          return await this.#checkpointWriter.checkpoint(request, ndjson);
        } finally {
          this.#working -= 1;
        }
      },
      close: async () => {},
    };
  }
}

async function readSegment(disk: StruckDisk, path: string): Promise<readonly number[]> {
  const bytes = await disk.readFile(path);
  return JSON.parse(bytes.toString('utf8', 0, bytes.length - 8)) as number[]; // written above
}

export function appendBatch(engine: Engine, batch: number): ReturnType<Engine['append']> {
  const records = idsOfBatch(batch).map((n) => ({ fields: { n } }));
  return engine.append({ sourceId: 't', records, batchId: `batch-${batch}` });
}

/** Every row that the node would answer with, those in files and those that are in none. */
export async function readRows(node: NodeProcess, engine: Engine): Promise<number[]> {
  const state = await engine.snapshot('t');
  const pin = engine.pin(state);
  try {
    const paths = await engine.bringToLocal(state.files.map((file) => `${state.location}/${file.path}`));
    const rows: number[] = [];
    for (const path of paths) rows.push(...(await readSegment(node.disk, path)));
    const { frames } = engine.fresh('t', state.txn.get(engine.appId) ?? 0);
    for (const { bytes } of frames)
      for (const { batch } of decodeFrames(bytes))
        rows.push(...batchRows(batch, state.columns).map((row) => Number(row['n'])));
    return rows;
  } finally {
    pin.release();
  }
}

/** Lives; whatever fails is noted, and the node goes on with what comes next, as its clients do. */
export async function live(node: NodeProcess, answers: Answers): Promise<void> {
  let engine: Engine | undefined;
  const attempt = async (call: (engine: Engine) => Promise<unknown>): Promise<boolean> => {
    try {
      // Its owner ends a node whose log has failed, and starts it anew.
      if (engine && node.fatal) await close();
      engine ??= await node.open();
      await node.finish(call(engine));
      return true;
    } catch (error) {
      answers.errors.push(error);
      return false;
    }
  };
  const close = async () => {
    const closing = engine;
    engine = undefined;
    if (closing) await node.finish(closing.close()).catch((error: unknown) => answers.errors.push(error));
  };
  const append = async (...numbers: readonly number[]) => {
    for (const batch of numbers) if (await attempt((open) => appendBatch(open, batch))) answers.acknowledged.add(batch);
  };
  const flush = () => attempt((open) => open.flush('t'));
  const passHours = () => node.passTime(2 * 3_600_000);
  answers.isCreated = await attempt((open) => open.putSource(table));
  await append(0, 1);
  await flush();
  await append(2);
  await flush();
  await append(3, 4, 5);
  await flush();
  await attempt(async (open) => {
    const { files } = await open.snapshot('t');
    const paths = files.slice(0, 2).map((file) => file.path);
    if (paths.length < 2) return;
    await open.compact('t', { groups: [{ paths }], file_bytes_max: 1_048_576, retain_snapshots_hours: 0 });
  });
  await append(6);
  await passHours();
  await attempt((open) => open.drain());
  await close();
  await append(7, 8);
  // A client that has not heard asks again under the same id.
  await append(1, 7);
  await flush();
  await append(9);
  await passHours();
  await close();
  await append(10);
  await flush();
  await append(11);
}

export function openProcess(
  memory: MemoryDisk,
  clock: FakeClock,
  checkpointWriter: SegmentWriter,
  strike: ConstructorParameters<typeof StruckDisk>[1] = () => undefined,
): NodeProcess {
  let hasEnded = false;
  const disk = new StruckDisk(memory, strike, () => {
    hasEnded = true;
  });
  return new NodeProcess({ disk, clock, checkpointWriter, hasEnded: () => hasEnded });
}
