import type { ServerResponse } from 'node:http';
import { notePassing } from '@hybridstore/runtime';
import type { Dispatcher } from 'undici';
import type { AnswerHead } from '../ports.ts';

type Controller = Dispatcher.DispatchController;

/** Longer ones cost more to copy than a write of two parts. */
const joinedBytesMax = 4 * 1024;

/** How a call ended; `isOpen`: a part of an answer was given already. */
export type AnswerEnd = { readonly error: unknown; readonly isOpen: boolean } | undefined;

/**
 * Takes the answer of a service off the connection and into the client's, at the pace of the client. It stands in for
 * undici's own stream(), which costs a sixth more CPU a call: it follows the life of any Writable, while here the caller's
 * signal ends already when the client is gone.
 */
export class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #signal: AbortSignal;
  readonly #leave = () => this.#stop();
  #controller: Controller | undefined;
  #isDone = false;
  readonly #open: (head: AnswerHead) => ServerResponse;
  readonly #done: (end: AnswerEnd) => void;
  #answer: ServerResponse | undefined;
  #bytesLeft = Number.POSITIVE_INFINITY;

  /** `done` is called exactly once: for a caller who leaves at once, also while there is no connection yet. */
  constructor(signal: AbortSignal, open: (head: AnswerHead) => ServerResponse, done: (end: AnswerEnd) => void) {
    this.#signal = signal;
    this.#open = open;
    this.#done = done;
    if (signal.aborted) this.#stop();
    else signal.addEventListener('abort', this.#leave, { once: true });
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#stop();
  }

  onResponseStart(_controller: Controller, status: number, headers: AnswerHead['headers']): void {
    if (status < 200) return;
    const length = headers['content-length'];
    if (typeof length === 'string') this.#bytesLeft = Number(length);
    this.#answer = this.#open({ status, headers });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    const answer = this.#answer;
    if (!answer) return;
    notePassing(chunk.length);
    this.#bytesLeft -= chunk.length;
    // The last bytes and the end go out in one write; short ones as text, which Node joins to the head.
    if (this.#bytesLeft === 0) {
      if (chunk.length <= joinedBytesMax) answer.end(chunk.toString('latin1'), 'latin1');
      else answer.end(chunk);
      return;
    }
    if (answer.write(chunk)) return;
    controller.pause();
    answer.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    if (!this.#answer?.writableEnded) this.#answer?.end();
    this.#end(undefined);
  }

  onResponseError(_controller: Controller, error: Error): void {
    // The client sees a torn answer; one that had all its bytes is whole.
    if (!this.#answer?.writableEnded) this.#answer?.destroy();
    this.#end({ error, isOpen: this.#answer !== undefined });
  }

  #stop(): void {
    const error = asError(this.#signal.reason);
    if (this.#controller) this.#controller.abort(error);
    else this.#end({ error, isOpen: false });
  }

  #end(end: AnswerEnd): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#signal.removeEventListener('abort', this.#leave);
    this.#done(end);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the call was stopped', { cause: reason });
}
