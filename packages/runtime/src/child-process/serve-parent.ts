import { Socket } from 'node:net';
import { systemClock } from '../clock.ts';
import { HybridStoreError } from '../errors.ts';
import { giveBackAtRest } from '../resting-memory.ts';
import type { Message } from './message-codec.ts';
import { MessagePipe, type Payload } from './message-pipe.ts';
import { type ChildProtocol, findMismatch, pipeDescriptor, readHello } from './protocol.ts';

/** The parent as its child sees it. */
export interface ParentChannel<Sent> {
  /** `too_large` for a message above the protocol's bound. */
  send(message: Sent, payload?: Payload): void;
  /** The child cannot go on: the parent is given the reason, and this process ends. */
  fail(error: unknown): void;
}

/** Messages arrive one at a time: the next when the promise has resolved. An error ends the child with it as the reason. */
export type Receive<Received> = (message: Received, payload: readonly Buffer[]) => Promise<void> | void;

/** Called once, with the parent's options; the parent counts as served when it has resolved. */
export type StartServing<Options, Received, Sent> = (
  options: Options,
  parent: ParentChannel<Sent>,
) => Promise<Receive<Received>>;

/**
 * Makes this process the child that `startChild` expects. A child never outlives its parent: it ends with the pipe,
 * whatever it is at.
 */
export function serveParent<Options, Received, Sent>(
  protocol: ChildProtocol,
  start: StartServing<Options, Received, Sent>,
): void {
  new ServedParent(protocol, start);
}

class ServedParent<Options, Received, Sent> implements ParentChannel<Sent> {
  readonly #protocol: ChildProtocol;
  readonly #start: StartServing<Options, Received, Sent>;
  readonly #pipe: MessagePipe;
  #receive: Receive<Received> | undefined;
  #isOver = false;

  constructor(protocol: ChildProtocol, start: StartServing<Options, Received, Sent>) {
    this.#protocol = protocol;
    this.#start = start;
    const socket = new Socket({ fd: pipeDescriptor, readable: true, writable: true });
    this.#pipe = new MessagePipe(socket, protocol.bounds, {
      receive: (message) => this.#take(message),
      lost: (reason) => this.#leave(reason),
    });
  }

  send(message: Sent, payload?: Payload): void {
    if (!this.#isOver) this.#pipe.send('data', message, payload);
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#pipe.send('failure', { message: error instanceof Error ? error.message : String(error) });
    this.#finish(1);
  }

  #take(message: Message): Promise<void> | void {
    if (this.#isOver) return;
    try {
      return this.#serve(message)?.catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
  }

  #serve(message: Message): Promise<void> | void {
    if (!this.#receive) return this.#greet(message);
    if (message.kind === 'close') return this.#finish(0);
    // Both ends are one program in one version, which the greeting has made sure of.
    return this.#receive(message.header as Received, message.payload);
  }

  async #greet(message: Message): Promise<void> {
    const { name, version } = this.#protocol;
    const mismatch = findMismatch(this.#protocol, message);
    if (mismatch !== undefined) {
      this.#pipe.send('hello', { name, version });
      throw new HybridStoreError('internal', mismatch);
    }
    // The parent of this version has written them by the type that both share.
    this.#receive = await this.#start(readHello(message).options as Options, this);
    this.#pipe.send('hello', { name, version });
    giveBackAtRest({ clock: systemClock });
  }

  #finish(exitCode: number): void {
    this.#isOver = true;
    this.#pipe.finish(() => process.exit(exitCode));
  }

  #leave(reason: HybridStoreError | undefined): void {
    if (reason) process.stderr.write(`${this.#protocol.name} child: ${reason.message}\n`);
    process.exit(reason ? 1 : 0);
  }
}
