import {
  type ChildChannel,
  type ChildEnd,
  type Clock,
  type Disk,
  HybridStoreError,
  type Logger,
  programBeside,
  retryLater,
  startChild,
} from '@hybridstore/runtime';
import {
  type CheckpointRequest,
  type MergeRequest,
  type SegmentFile,
  type WriteRequest,
  type WriterAnswer,
  type WriterOptions,
  type WriterRequest,
  writerProtocol,
} from './writer-protocol.ts';

export interface SegmentWriter {
  /** Log frames into files; the files are durable, and part of no table yet. */
  write(request: WriteRequest, frames: readonly Uint8Array[]): Promise<readonly SegmentFile[]>;
  merge(request: MergeRequest): Promise<readonly SegmentFile[]>;
  checkpoint(request: CheckpointRequest, ndjson: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/** The child may take `processBytesOver` more than DuckDB's own limit before the kernel refuses it memory. */
export type SegmentWriterOptions = WriterOptions & {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly requestMsMax: number;
  /** Of the child; queries and writes come first. */
  readonly niceness: number;
};

/**
 * DuckDB's own limit misses some allocations; the kernel's turns them into an error instead of a dead neighbour. It counts
 * addresses that were asked for, of which Node takes 600 MiB before any row, and DuckDB 1 MiB for each column.
 */
const processBytesOver = 3 * 1024 * 1024 * 1024;
const waitingMax = 1_000;
/** A child without a request has nothing to finish. */
const closeGraceMs = 1_000;
/** A child that had nothing to do for so long ends: an idle node keeps no engine in memory for segments. */
export const writerRestMs = 300_000;

type Pending = {
  readonly request: WriterRequest;
  readonly body: readonly Uint8Array[];
  readonly resolve: (answer: WriterAnswer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * The writer child as the main process sees it: one request at a time, the others wait. It starts with the first request and
 * ends when there was none for long. A child that dies, or is killed because it took too long, fails its request and is
 * replaced at the next one; the caller keeps the rows and tries again.
 */
export function createSegmentWriter(options: SegmentWriterOptions): SegmentWriter {
  return new WriterProcess(options);
}

class WriterProcess implements SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #waiting: Pending[] = [];
  #child: ChildChannel<WriterRequest> | undefined;
  #current: Pending | undefined;
  #cancelKill: (() => void) | undefined;
  #cancelRest: (() => void) | undefined;
  /** The end of the last child that was let go for want of work. */
  #rested: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  async write(request: WriteRequest, frames: readonly Uint8Array[]): Promise<readonly SegmentFile[]> {
    return filesOf(await this.#send({ ...request, kind: 'write' }, frames));
  }

  async merge(request: MergeRequest): Promise<readonly SegmentFile[]> {
    return filesOf(await this.#send({ ...request, kind: 'merge' }, []));
  }

  async checkpoint(request: CheckpointRequest, ndjson: Buffer): Promise<Buffer> {
    const answer = await this.#send({ ...request, kind: 'checkpoint' }, [ndjson]);
    if (answer.kind !== 'path') throw writerFailed(answer);
    const bytes = await this.#options.disk.readFile(answer.path);
    await this.#options.disk.remove(answer.path);
    return bytes;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRest?.();
    for (const pending of this.#waiting.splice(0)) pending.reject(writerGone('the engine closes'));
    if (this.#current) this.#child?.kill('the engine closes');
    else void this.#child?.close(closeGraceMs);
    await Promise.all([this.#child?.ended, this.#rested]);
  }

  #send(request: WriterRequest, body: readonly Uint8Array[]): Promise<WriterAnswer> {
    if (this.#isClosed) return Promise.reject(writerGone('the engine closes'));
    if (this.#waiting.length >= waitingMax)
      return Promise.reject(retryLater('overloaded', `${waitingMax} requests wait for the segment writer`, 1_000));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, body, resolve, reject });
      this.#serveNext();
    });
  }

  #serveNext(): void {
    if (this.#current || this.#isClosed) return;
    this.#cancelRest?.();
    const next = this.#waiting.shift();
    if (!next) {
      this.#cancelRest = this.#options.clock.schedule(writerRestMs, () => this.#rest());
      return;
    }
    const child = this.#running();
    const { request, body } = next;
    this.#current = next;
    this.#limitTime(child, request);
    try {
      child.send(request, body);
    } catch (error) {
      // Too large for the pipe: the child has had nothing, and others wait for it.
      this.#finishCurrent();
      next.reject(error);
      this.#serveNext();
    }
  }

  #limitTime(child: ChildChannel<WriterRequest>, { kind }: WriterRequest): void {
    const { requestMsMax, logger } = this.#options;
    this.#cancelKill = child.killAfter(requestMsMax, `${kind} took longer than ${requestMsMax} ms`, () =>
      logger.warn('segment_writer_killed', { kind, afterMs: requestMsMax }),
    );
  }

  #running(): ChildChannel<WriterRequest> {
    this.#child ??= this.#startChild();
    return this.#child;
  }

  #startChild(): ChildChannel<WriterRequest> {
    const { memoryBytesMax, threads, spoolFolder, clock, logger, niceness } = this.#options;
    const options: WriterOptions = { memoryBytesMax, threads, spoolFolder };
    const child: ChildChannel<WriterRequest> = startChild<WriterRequest, WriterAnswer>({
      protocol: writerProtocol,
      program: programBeside(import.meta.url, 'writer-main'),
      options,
      limits: { dataKibMax: Math.ceil((memoryBytesMax + processBytesOver) / 1024), niceness },
      clock,
      logger: logger.with({ child: writerProtocol.name }),
      receive: (answer) => this.#settle(answer),
    });
    void child.ended.then((end) => {
      if (this.#child === child) this.#lose(end);
    });
    return child;
  }

  #rest(): void {
    const child = this.#child;
    this.#child = undefined;
    if (child) this.#rested = child.close(closeGraceMs);
  }

  /** After a refusal its memory may be in pieces, or kept: the next try would fail for it. */
  #retireChild(): void {
    this.#child?.kill('it refused rows, and starts anew');
    this.#child = undefined;
  }

  #settle(answer: WriterAnswer): void {
    const current = this.#finishCurrent();
    if (answer.kind === 'refused' && current?.request.kind !== 'checkpoint') this.#retireChild();
    current?.resolve(answer);
    this.#serveNext();
  }

  #lose({ error }: ChildEnd): void {
    this.#child = undefined;
    const current = this.#finishCurrent();
    if (current) {
      this.#options.logger.warn('segment_writer_lost', { reason: error.message, kind: current.request.kind });
      current.reject(writerGone(error.message));
    }
    this.#serveNext();
  }

  #finishCurrent(): Pending | undefined {
    const current = this.#current;
    this.#cancelKill?.();
    this.#cancelKill = undefined;
    this.#current = undefined;
    return current;
  }
}

function filesOf(answer: WriterAnswer): readonly SegmentFile[] {
  if (answer.kind === 'files') return answer.files;
  throw writerFailed(answer);
}

function writerFailed(answer: WriterAnswer): HybridStoreError {
  if (answer.kind !== 'refused')
    return new HybridStoreError('internal', `segment writer: unexpected answer ${answer.kind}`);
  const details = { by: 'segment_writer', why: answer.why };
  return new HybridStoreError('internal', `segment writer: ${answer.message}`, details);
}

function writerGone(reason: string): HybridStoreError {
  return retryLater('unavailable', `segment writer ended (${reason})`, 1_000, { by: 'segment_writer' });
}
