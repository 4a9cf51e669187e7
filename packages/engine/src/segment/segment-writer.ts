import { type ChildProcess, spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { FileStatistics } from '@hybridstore/contracts';
import type { Disk } from '@hybridstore/runtime';
import { type Clock, HybridStoreError, type Logger, retryLater } from '@hybridstore/runtime';
import {
  type CheckpointRequest,
  encodeRequestHead,
  type MergeRequest,
  type WriteRequest,
  type WriterAnswer,
  type WriterRequest,
} from './writer-protocol.ts';

/** A request without the id that the transport gives it. */
type Unnumbered<T> = Omit<T, 'id' | 'kind'>;

export interface SegmentWriter {
  /** Starts the child ahead of the first request. */
  start(): void;
  /** Log frames into files; the files are durable, and part of no table yet. */
  write(request: Unnumbered<WriteRequest>, frames: readonly Uint8Array[]): Promise<readonly FileStatistics[]>;
  merge(request: Unnumbered<MergeRequest>): Promise<readonly FileStatistics[]>;
  checkpoint(request: Unnumbered<CheckpointRequest>, ndjson: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

export type SegmentWriterOptions = {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For temporary files; on a local disk. */
  readonly spoolFolder: string;
  /** DuckDB's own limit; the process may have `processBytesOver` more before the kernel refuses it memory. */
  readonly memoryBytesMax: number;
  readonly threads: number;
  readonly requestMsMax: number;
};

const processBytesOver = 1024 * 1024 * 1024;
const niceness = 10;
const waitingMax = 1_000;
const stderrLinesMax = 200;

type Pending = {
  readonly request: WriterRequest;
  readonly body: readonly Uint8Array[];
  readonly resolve: (answer: WriterAnswer) => void;
  readonly reject: (error: Error) => void;
};

/**
 * The writer child as the main process sees it: one request at a time, the others wait. A child that dies, or is killed
 * because it took too long, fails its request and is replaced at the next one; the caller keeps the rows and tries again.
 */
export function createSegmentWriter(options: SegmentWriterOptions): SegmentWriter {
  return new WriterProcess(options);
}

class WriterProcess implements SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #waiting: Pending[] = [];
  #child: ChildProcess | undefined;
  #current: Pending | undefined;
  #cancelTimer: (() => void) | undefined;
  #nextId = 1;
  #isClosed = false;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#child ??= this.#spawn();
  }

  async write(request: Unnumbered<WriteRequest>, frames: readonly Uint8Array[]): Promise<readonly FileStatistics[]> {
    return filesOf(await this.#send({ ...request, kind: 'write', id: this.#nextId++ }, frames));
  }

  async merge(request: Unnumbered<MergeRequest>): Promise<readonly FileStatistics[]> {
    return filesOf(await this.#send({ ...request, kind: 'merge', id: this.#nextId++ }, []));
  }

  async checkpoint(request: Unnumbered<CheckpointRequest>, ndjson: Buffer): Promise<Buffer> {
    const answer = await this.#send({ ...request, kind: 'checkpoint', id: this.#nextId++ }, [ndjson]);
    if (!answer.ok || !('path' in answer)) throw writerFailed(answer);
    const bytes = await this.#options.disk.readFile(answer.path);
    await this.#options.disk.remove(answer.path);
    return bytes;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const pending of this.#waiting.splice(0)) pending.reject(writerGone('the engine closes'));
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill('SIGKILL');
    await gone;
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
    const next = this.#waiting.shift();
    if (!next) return;
    this.#current = next;
    this.start();
    const child = this.#child!;
    this.#cancelTimer = this.#options.clock.schedule(this.#options.requestMsMax, () => {
      this.#options.logger.warn('segment_writer_killed', {
        kind: next.request.kind,
        afterMs: this.#options.requestMsMax,
      });
      child.kill('SIGKILL');
    });
    sendRequest(child.stdin!, next).catch((error: unknown) => {
      // The exit of the child settles the request; a broken pipe only precedes it.
      this.#options.logger.debug('segment_writer_pipe', { error });
    });
  }

  #spawn(): ChildProcess {
    const { memoryBytesMax, threads, spoolFolder } = this.#options;
    const here = fileURLToPath(import.meta.url);
    const main = join(here, '..', `writer-main${extname(here)}`);
    const limitKilobytes = Math.ceil((memoryBytesMax + processBytesOver) / 1024);
    // DuckDB's own limit misses some allocations; the kernel's turns them into an error instead of a dead neighbour.
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        `ulimit -d ${limitKilobytes}; exec "$@"`,
        'sh',
        process.execPath,
        main,
        String(memoryBytesMax),
        String(threads),
        spoolFolder,
      ],
      { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] },
    );
    this.#watch(child);
    return child;
  }

  #watch(child: ChildProcess): void {
    child.once('spawn', () => this.#lowerPriority(child));
    child.stdin?.on('error', (error) => this.#options.logger.debug('segment_writer_pipe', { error }));
    // Descriptor 3 was asked for as a pipe.
    const answers = createInterface({ input: child.stdio[3] as Readable });
    answers.on('line', (line) => this.#settle(child, JSON.parse(line)));
    let stderrLines = 0;
    createInterface({ input: child.stderr! }).on('line', (line) => {
      stderrLines += 1;
      if (stderrLines <= stderrLinesMax) this.#options.logger.warn('segment_writer_stderr', { line });
    });
    child.once('error', (error) => this.#lose(child, error.message));
    child.once('close', (code, signal) => this.#lose(child, `exit ${code ?? signal}`));
  }

  /** Queries and writes come first. A child that was killed meanwhile has no priority left to lower. */
  #lowerPriority(child: ChildProcess): void {
    try {
      if (child.pid !== undefined) setPriority(child.pid, niceness);
    } catch (error) {
      this.#options.logger.debug('segment_writer_priority', { error });
    }
  }

  #settle(child: ChildProcess, answer: WriterAnswer): void {
    const current = this.#current;
    if (child !== this.#child || !current || answer.id !== current.request.id) return;
    this.#finishCurrent();
    current.resolve(answer);
    this.#serveNext();
  }

  #lose(child: ChildProcess, reason: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    const current = this.#current;
    this.#finishCurrent();
    if (current) {
      this.#options.logger.warn('segment_writer_lost', { reason, kind: current.request.kind });
      current.reject(writerGone(reason));
    }
    this.#serveNext();
  }

  #finishCurrent(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#current = undefined;
  }
}

async function sendRequest(stdin: Writable, { request, body }: Pending): Promise<void> {
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
  await writePart(stdin, encodeRequestHead(request, bodyBytes));
  for (const part of gather(body)) await writePart(stdin, part);
}

const gatheredBytes = 256 * 1024;

/** Small frames go out together: a system call for each would cost more than copying them. */
function* gather(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for (const part of parts) {
    waiting.push(part);
    bytes += part.length;
    if (bytes < gatheredBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
  }
  if (waiting.length > 0) yield Buffer.concat(waiting);
}

function writePart(stream: Writable, part: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(part, (error) => (error ? reject(error) : resolve()));
  });
}

function filesOf(answer: WriterAnswer): readonly FileStatistics[] {
  if (answer.ok && 'files' in answer) return answer.files;
  throw writerFailed(answer);
}

function writerFailed(answer: WriterAnswer): HybridStoreError {
  return new HybridStoreError('internal', `segment writer: ${answer.ok ? 'unexpected answer' : answer.message}`);
}

function writerGone(reason: string): HybridStoreError {
  return new HybridStoreError('unavailable', `segment writer ended (${reason})`, { retry_after_ms: 1_000 });
}
