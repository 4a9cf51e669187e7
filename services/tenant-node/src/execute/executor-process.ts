import {
  type ChildChannel,
  type ChildEnd,
  type Clock,
  type Disk,
  type Logger,
  notePassing,
  programBeside,
  startChild,
} from '@hybridstore/runtime';
import {
  type Execution,
  ExecutionLost,
  type ExecutorChild,
  type FreshRange,
  type StatementRequest,
} from '../domain/ports.ts';
import { ExecutionFeed } from './execution-feed.ts';
import { childThreads, executorProtocol, type FromChild, type SessionOptions, type ToChild } from './messages.ts';
import { clearSpillFolder } from './spill-folder.ts';

export type ExecutorProcessOptions = {
  readonly session: Omit<SessionOptions, 'filesFolder' | 'secret' | 'spill'>;
  readonly disk: Disk;
  /** Each child has a folder in here, on the file system of the tables, that goes with it. */
  readonly filesFolder: string;
  /** What a child may spill, into a folder of its own below `path`; absent: nothing. */
  readonly spill?: SpillRoot | undefined;
  /** 128 bits that nobody can guess, as hexadecimal digits; others at each call. */
  readonly newSecret: () => string;
  /** `ulimit -d` of the child in KiB; turns an allocation beyond it into an error where DuckDB's own bound misses it. */
  readonly dataKibMax: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
};

export type SpillRoot = { readonly path: string; readonly bytesMax: number };

/** Four long statements block everything behind libuv's default of four threads. */
const environment = { UV_THREADPOOL_SIZE: String(childThreads) };
/** The node answers and acknowledges first. */
const niceness = 10;
const loadBytesAim = 8 * 1024 * 1024;
/** An idle child ends at once; one that does not is of no use to anybody. */
const closeGraceMs = 1_000;

type Running = {
  readonly feed: ExecutionFeed;
  /** The child was killed for the sake of this statement. */
  isGuilty: boolean;
  cancelKill?: () => void;
};

/**
 * One executor child and what is known of it. A child that breaks the protocol, or does not stop a cancelled statement in
 * time, is killed; its statements end with `ExecutionLost`.
 */
export class ExecutorProcess implements ExecutorChild {
  readonly ready: Promise<void>;
  /** Resolves when the process is gone and its statements have ended. */
  readonly exited: Promise<ChildEnd>;
  /** Resolves when, besides, nothing of it is left on the disk, or cannot be taken away. */
  readonly cleared: Promise<void>;
  readonly #channel: ChildChannel<ToChild>;
  readonly #logger: Logger;
  readonly #running = new Map<number, Running>();
  readonly #held = new Map<string, Map<string, number>>();
  #nextQuery = 1;
  #isBroken = false;

  constructor(options: ExecutorProcessOptions) {
    const { session, disk, filesFolder, newSecret, dataKibMax, clock, logger } = options;
    const folder = `${filesFolder}/${newSecret()}`;
    const spill = options.spill && { ...options.spill, folder: `${options.spill.path}/${newSecret()}` };
    this.#logger = logger;
    this.#channel = startChild<ToChild, FromChild>({
      protocol: executorProtocol,
      program: programBeside(import.meta.url, 'child/main'),
      options: {
        ...session,
        filesFolder: folder,
        secret: newSecret(),
        ...(spill ? { spill: { folder: spill.folder, bytesMax: spill.bytesMax } } : {}),
      } satisfies SessionOptions,
      limits: { environment, dataKibMax, niceness },
      clock,
      logger: logger.with({ child: executorProtocol.name }),
      receive: (message, payload) => this.#receive(message, payload),
    });
    this.ready = this.#channel.ready;
    this.exited = this.#channel.ended.then((end) => this.#leave(end));
    const clear = async () => {
      await disk.removeFolder(folder);
      if (spill) await clearSpillFolder(disk, spill.folder, logger);
    };
    this.cleared = this.exited.then(clear).catch((error: unknown) => {
      // The next start of the node removes it.
      logger.warn('executor_folder_stays', { error });
    });
  }

  get pid(): number | undefined {
    return this.#channel.pid;
  }

  get running(): number {
    return this.#running.size;
  }

  get isGone(): boolean {
    return this.#channel.isGone;
  }

  heldLsn(source: string, log: string): number {
    return this.#held.get(source)?.get(log) ?? 0;
  }

  load(source: string, range: FreshRange, frames: readonly Uint8Array[]): void {
    if (range.untilLsn <= this.heldLsn(source, range.log)) return;
    const parts = cutFrames(frames);
    parts.forEach((part, index) => {
      // Only the last part says that the range is complete.
      const untilLsn = index === parts.length - 1 ? range.untilLsn : range.afterLsn;
      this.#channel.send({ kind: 'load', source, ...range, untilLsn }, part);
    });
    const held = this.#held.get(source) ?? new Map<string, number>();
    this.#held.set(source, held.set(range.log, range.untilLsn));
  }

  forget(source: string): void {
    if (!this.#held.delete(source)) return;
    this.#channel.send({ kind: 'forget', source });
  }

  run(request: StatementRequest): Execution {
    const query = this.#nextQuery++;
    const feed = new ExecutionFeed({
      takeMore: (bytes) => this.#channel.send({ kind: 'credit', query, bytes }),
      stop: (graceMs) => this.#stop(query, graceMs),
    });
    if (this.isGone) {
      feed.fail(new ExecutionLost(true));
      return feed;
    }
    this.#channel.send({ kind: 'run', query, ...request });
    this.#running.set(query, { feed, isGuilty: false });
    return feed;
  }

  /** Ends the child, and with it every statement that is still at work. */
  async close(): Promise<void> {
    if (this.#running.size > 0) this.#channel.kill('the node closes');
    else void this.#channel.close(closeGraceMs);
    await this.cleared;
  }

  #stop(query: number, graceMs: number): void {
    const running = this.#running.get(query);
    if (!running) return;
    this.#channel.send({ kind: 'cancel', query });
    running.cancelKill = this.#channel.killAfter(graceMs, 'a statement did not stop', () => {
      running.isGuilty = true;
      this.#logger.warn('executor_killed', { pid: this.pid, grace_ms: graceMs, running: this.running });
    });
  }

  #receive(message: FromChild, payload: readonly Buffer[]): void {
    switch (message.kind) {
      case 'started':
        this.#running.get(message.query)?.feed.start(message.columns);
        return;
      case 'rows': {
        const bytes = bytesOf(payload);
        notePassing(bytes);
        this.#running.get(message.query)?.feed.push({ texts: payload, rows: message.rows, bytes });
        return;
      }
      case 'ended':
        this.#take(message.query)?.end({ rows: message.rows, freshRows: message.freshRows });
        return;
      case 'failed': {
        this.#take(message.query)?.failWith(message.failure);
        if (message.failure.breaksEngine) this.#giveUp();
      }
    }
  }

  /** An instance that a statement broke refuses all others for good; those at work are run again by the next child. */
  #giveUp(): void {
    if (this.isGone) return;
    this.#isBroken = true;
    this.#channel.kill('its engine is broken');
  }

  #take(query: number): ExecutionFeed | undefined {
    const running = this.#running.get(query);
    running?.cancelKill?.();
    this.#running.delete(query);
    return running?.feed;
  }

  #leave(end: ChildEnd): ChildEnd {
    const statements = [...this.#running.values()];
    const wasKilledByUs = this.#isBroken || statements.some((running) => running.isGuilty);
    for (const { feed, isGuilty } of statements) feed.fail(new ExecutionLost(wasKilledByUs && !isGuilty));
    this.#running.clear();
    return end;
  }
}

function bytesOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** Parts of a size that no message outgrows; one empty part when there are no frames. */
function cutFrames(frames: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [[]];
  let bytes = 0;
  for (const frame of frames) {
    if (bytes > 0 && bytes + frame.length > loadBytesAim) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(frame);
    bytes += frame.length;
  }
  return parts;
}
