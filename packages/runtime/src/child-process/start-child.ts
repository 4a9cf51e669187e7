import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { HybridStoreError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Message } from './message-codec.ts';
import { MessagePipe, type Payload } from './message-pipe.ts';
import { type ChildProtocol, findMismatch, pipeDescriptor } from './protocol.ts';
import { type ChildLimits, spawnChild } from './spawn-child.ts';

export type ChildOptions<Received> = {
  readonly protocol: ChildProtocol;
  /** Path of a program that calls `serveParent` with the same protocol: see `programBeside`. */
  readonly program: string;
  /** What the program is started with; as JSON. */
  readonly options: unknown;
  readonly limits: ChildLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called for every message in order. An error in it is taken for the child's, which is killed. */
  readonly receive: (message: Received, payload: readonly Buffer[]) => void;
};

/** How a child ended. `error` says why in one line: what the child reported, what we killed it for, or its exit. */
export type ChildEnd = {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: HybridStoreError;
};

/** A child process that serves this one, and the only way to speak with it. */
export interface ChildChannel<Sent> {
  readonly pid: number | undefined;
  /** The process has ended, or cannot be spoken with any more and is about to. */
  readonly isGone: boolean;
  /** Rejects with the end's error when the child never comes to serve. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone and all it had sent was received. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /**
   * May be called at once: messages wait until the child serves. `too_large` for a message above the protocol's bound.
   * A child that lets more wait than the protocol allows is killed.
   */
  send(message: Sent, payload?: Payload): void;
  /** SIGKILL: at any moment, for whatever reason. */
  kill(reason: string): void;
  /** Kills the child when `delayMs` have passed, unless the returned function is called before. */
  killAfter(delayMs: number, reason: string, onKill?: () => void): () => void;
  /**
   * Lets the child take what was sent and end by itself; SIGTERM after `graceMs`, SIGKILL after as long again. A child
   * that does not serve yet has nothing to take and is killed.
   */
  close(graceMs: number): Promise<ChildEnd>;
}

/** What a child that has closed its pipe may still take to exit. */
const exitMsMax = 5_000;

/**
 * Starts a child and greets it. The protocol's versions are compared at both ends before any other message is looked at:
 *
 *   parent ── hello {name, version, options} · messages ──▶ child
 *   parent ◀── hello {name, version} when it serves · messages · failure {message} when it cannot go on ── child
 *   parent ── close ──▶ child, which ends with 0
 */
export function startChild<Sent, Received>(options: ChildOptions<Received>): ChildChannel<Sent> {
  return new StartedChild<Sent, Received>(options);
}

class StartedChild<Sent, Received> implements ChildChannel<Sent> {
  readonly ready: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  readonly #options: ChildOptions<Received>;
  readonly #process: ChildProcess;
  readonly #pipe: MessagePipe;
  readonly #timers = new Set<() => void>();
  readonly #greeting = Promise.withResolvers<void>();
  #error: HybridStoreError | undefined;
  #isServing = false;
  #isGone = false;

  constructor(options: ChildOptions<Received>) {
    this.#options = options;
    this.#process = spawnChild(options.program, options.limits, options.logger);
    this.ready = this.#greeting.promise;
    // Who does not wait for it learns the same from `ended`.
    this.ready.catch(() => {});
    this.ended = this.#watch();
    // `spawnChild` asks for a pipe at this index, which Node makes a duplex socket.
    this.#pipe = new MessagePipe(this.#process.stdio[pipeDescriptor] as Duplex, options.protocol.bounds, {
      receive: (message) => this.#take(message),
      lost: (reason) => this.#losePipe(reason),
    });
    const { name, version } = options.protocol;
    this.#pipe.send('hello', { name, version, options: options.options });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  send(message: Sent, payload?: Payload): void {
    this.#pipe.send('data', message, payload);
  }

  kill(reason: string): void {
    this.#fail(new HybridStoreError('unavailable', `${this.#name} was killed: ${reason}`));
  }

  killAfter(delayMs: number, reason: string, onKill?: () => void): () => void {
    return this.#later(delayMs, () => {
      onKill?.();
      this.kill(reason);
    });
  }

  close(graceMs: number): Promise<ChildEnd> {
    if (!this.#isServing) this.kill('it was closed before it could serve');
    if (this.#isGone) return this.ended;
    this.#pipe.send('close', {});
    this.#later(graceMs, () => this.#process.kill('SIGTERM'));
    this.killAfter(graceMs * 2, `it did not end within ${graceMs * 2} ms`);
    return this.ended;
  }

  get #name(): string {
    return `${this.#options.protocol.name} child`;
  }

  #watch(): Promise<ChildEnd> {
    return new Promise((resolve) => {
      const leave = (exitCode: number | null, signal: NodeJS.Signals | null, cause?: Error) => {
        const error = this.#error ?? this.#exited(exitCode, signal, cause);
        this.#forget(error);
        resolve({ exitCode, signal, error });
      };
      // `close`, not `exit`: what the child has sent before its end is received by then.
      this.#process.once('close', (exitCode, signal) => leave(exitCode, signal));
      this.#process.on('error', (error) => {
        // Without a process there is no `close`; with one, a signal was too late, and `close` follows.
        if (this.#process.pid === undefined) leave(null, null, error);
      });
    });
  }

  #exited(exitCode: number | null, signal: NodeJS.Signals | null, cause?: Error): HybridStoreError {
    const how = cause ? `could not be started: ${cause.message}` : `ended with ${signal ?? `exit code ${exitCode}`}`;
    return new HybridStoreError('unavailable', `${this.#name} ${how}`, { exit_code: exitCode, signal }, { cause });
  }

  #take(message: Message): void {
    // What a killed child had sent before is of no use to anybody.
    if (this.#isGone) return;
    if (message.kind === 'failure') this.#takeFailure(message);
    else if (!this.#isServing) this.#greet(message);
    // Both ends are one program in one version, which the greeting has made sure of.
    else this.#options.receive(message.header as Received, message.payload);
  }

  #greet(message: Message): void {
    const mismatch = findMismatch(this.#options.protocol, message);
    if (mismatch !== undefined) throw new HybridStoreError('internal', `${this.#name}: ${mismatch}`);
    this.#isServing = true;
    this.#greeting.resolve();
  }

  /** The child ends by itself after this; its own words are worth more than its exit code. */
  #takeFailure(message: Message): void {
    // `ParentChannel.fail` of the same protocol wrote it.
    const { message: reason } = message.header as { readonly message: string };
    this.#error ??= new HybridStoreError('internal', `${this.#name}: ${reason}`);
    this.#isGone = true;
  }

  #losePipe(reason: HybridStoreError | undefined): void {
    this.#isGone = true;
    if (reason) this.#fail(reason);
    else this.killAfter(exitMsMax, 'it closed its pipe and did not end');
  }

  #fail(error: HybridStoreError): void {
    this.#error ??= error;
    this.#isGone = true;
    this.#process.kill('SIGKILL');
  }

  #forget(error: HybridStoreError): void {
    this.#isGone = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#greeting.reject(error);
    this.#pipe.destroy();
  }

  #later(delayMs: number, run: () => void): () => void {
    const cancelTimer = this.#options.clock.schedule(delayMs, () => {
      this.#timers.delete(cancel);
      run();
    });
    const cancel = () => {
      this.#timers.delete(cancel);
      cancelTimer();
    };
    this.#timers.add(cancel);
    return cancel;
  }
}
