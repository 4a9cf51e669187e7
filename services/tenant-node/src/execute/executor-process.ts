import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@hybridstore/runtime';
import {
  type Execution,
  ExecutionLost,
  type ExecutorChild,
  type FreshRange,
  type StatementRequest,
} from '../domain/executor-port.ts';
import type { SessionOptions } from './child-session.ts';
import { ExecutionFeed } from './execution-feed.ts';
import { encodeMessage, type FromChild, type Message, MessageReader, type ToChild } from './messages.ts';

export type ExecutorProcessOptions = {
  readonly session: SessionOptions;
  /** `ulimit -d` of the child in KiB; turns an allocation beyond it into an error where DuckDB's own bound misses it. */
  readonly dataKibMax: number | undefined;
  readonly logger: Logger;
};

/** The same file extension as this one: sources run as they are, a build runs its output. */
const childMain = fileURLToPath(
  new URL(`./child-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
);
/** Four long statements block everything behind libuv's default of four threads. */
const threadpoolSize = 16;
const loadBytesAim = 8 * 1024 * 1024;

/**
 * One executor child and what is known of it. A child that breaks the protocol, or does not stop when told to, is killed;
 * its statements end with `ExecutionLost`.
 */
export class ExecutorProcess implements ExecutorChild {
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #pipe: Duplex;
  readonly #logger: Logger;
  readonly #executions = new Map<number, ExecutionFeed>();
  readonly #held = new Map<string, Map<string, number>>();
  #nextQuery = 1;
  #isGone = false;
  /** Statements for whose sake the child was killed. */
  readonly #guilty = new Set<number>();

  constructor(options: ExecutorProcessOptions) {
    this.#logger = options.logger;
    this.#child = spawnChild(options);
    // Index 3 is asked for as a pipe in `spawnChild`, which makes it a duplex socket.
    this.#pipe = this.#child.stdio[3] as Duplex;
    const { promise: ready, resolve: isReady, reject: isLost } = Promise.withResolvers<void>();
    this.ready = ready;
    this.ready.catch(() => {});
    this.exited = new Promise((resolve) => {
      const leave = () => {
        this.#leave();
        isLost(new ExecutionLost(true));
        resolve();
      };
      this.#child.once('exit', leave);
      this.#child.once('error', leave);
    });
    this.#listen(isReady);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get running(): number {
    return this.#executions.size;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  heldLsn(source: string, log: string): number {
    return this.#held.get(source)?.get(log) ?? 0;
  }

  load(source: string, range: FreshRange, frames: readonly Uint8Array[]): void {
    if (range.untilLsn <= this.heldLsn(source, range.log)) return;
    const parts = cutFrames(frames);
    parts.forEach((part, index) => {
      // Only the last part tells that the range is complete.
      const untilLsn = index === parts.length - 1 ? range.untilLsn : range.afterLsn;
      this.#send({ kind: 'load', source, ...range, untilLsn }, Buffer.concat(part));
    });
    const held = this.#held.get(source) ?? new Map<string, number>();
    this.#held.set(source, held.set(range.log, range.untilLsn));
  }

  forget(source: string): void {
    if (!this.#held.delete(source)) return;
    this.#send({ kind: 'forget', source });
  }

  run(request: StatementRequest): Execution {
    const query = this.#nextQuery++;
    const feed = new ExecutionFeed({
      takeMore: () => this.#send({ kind: 'credit', query, pieces: 1 }),
      stop: (graceMs) => this.#stop(query, graceMs),
    });
    if (this.#isGone) {
      feed.fail(new ExecutionLost(true));
      return feed;
    }
    this.#executions.set(query, feed);
    this.#send({ kind: 'run', query, ...request });
    return feed;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #stop(query: number, graceMs: number): void {
    if (!this.#executions.has(query)) return;
    this.#send({ kind: 'cancel', query });
    setTimeout(() => {
      if (!this.#executions.has(query) || this.#isGone) return;
      this.#guilty.add(query);
      this.#logger.warn('executor_killed', { pid: this.pid, grace_ms: graceMs, running: this.#executions.size });
      this.kill();
    }, graceMs).unref();
  }

  #send(message: ToChild, payload?: Uint8Array): void {
    if (this.#isGone) return;
    for (const bytes of encodeMessage(message, payload)) this.#pipe.write(bytes);
  }

  #listen(isReady: () => void): void {
    const reader = new MessageReader<FromChild>();
    this.#pipe.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) this.#receive(message, isReady);
      } catch (error) {
        this.#logger.error('executor_protocol_broken', { pid: this.pid, error });
        this.kill();
      }
    });
    // The exit that follows ends all statements; a write into a closed pipe has nothing to add to it.
    this.#pipe.on('error', () => {});
    this.#child.stderr?.setEncoding('utf8');
    this.#child.stderr?.on('data', (text: string) => this.#logger.warn('executor_stderr', { pid: this.pid, text }));
  }

  #receive({ header, payload }: Message<FromChild>, isReady: () => void): void {
    switch (header.kind) {
      case 'ready':
        isReady();
        return;
      case 'broken':
        this.#logger.error('executor_broken', { pid: this.pid, reason: header.message });
        return;
      case 'started':
        this.#executions.get(header.query)?.start(header.columns);
        return;
      case 'rows':
        this.#executions.get(header.query)?.push({ text: payload, rows: header.rows });
        return;
      case 'ended':
        this.#take(header.query)?.end({ rows: header.rows, freshRows: header.freshRows });
        return;
      case 'failed': {
        const { code, internal } = header.failure;
        if (internal !== undefined) this.#logger.error('statement_failed', { pid: this.pid, code, engine: internal });
        this.#take(header.query)?.failWith(header.failure);
      }
    }
  }

  #take(query: number): ExecutionFeed | undefined {
    const feed = this.#executions.get(query);
    this.#executions.delete(query);
    return feed;
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const wasKilledByUs = this.#guilty.size > 0;
    for (const [query, feed] of this.#executions)
      feed.fail(new ExecutionLost(wasKilledByUs && !this.#guilty.has(query)));
    this.#executions.clear();
    this.#pipe.destroy();
  }
}

function spawnChild(options: ExecutorProcessOptions): ChildProcess {
  const node = [process.execPath, childMain, JSON.stringify(options.session)];
  const command =
    options.dataKibMax === undefined
      ? node
      : ['/bin/sh', '-c', 'ulimit -d "$0" && exec "$@"', String(options.dataKibMax), ...node];
  const [program = process.execPath, ...rest] = command;
  return spawn(program, rest, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // Nothing of the node's own environment (addresses, secrets' paths) is of use to a child.
    env: { UV_THREADPOOL_SIZE: String(threadpoolSize), PATH: '/usr/bin:/bin', HOME: '/nonexistent' },
  });
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
