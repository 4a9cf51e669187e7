import { HybridStoreError, ThreadPool, type ThreadPoolOptions } from '@hybridstore/runtime';

export type BodyThreadsOptions = Pick<
  ThreadPoolOptions,
  'program' | 'name' | 'waitingMax' | 'answerMsMax' | 'heapMbMax' | 'clock' | 'logger'
>;

/** One, so that bodies take no more than a core of their process, and the memory of one at a time. */
const threads = 1;
const stackMbMax = 4;
const smaller = { field: 'body', expected: 'a smaller body' };

/** A thread for bodies that would hold up the main loop. What takes too long or too much memory there is refused as a body. */
export function createBodyThreads<Task, Value>(options: BodyThreadsOptions): ThreadPool<Task, Value> {
  const { answerMsMax } = options;
  return new ThreadPool({
    ...options,
    threads,
    stackMbMax,
    tooSlow: () =>
      new HybridStoreError('deadline_exceeded', `body: reading it took longer than ${answerMsMax} ms`, smaller),
    tooLarge: () => new HybridStoreError('invalid_request', 'body: needs too much memory to be read', smaller),
  });
}

/** A copy that a thread can read without another one. */
export function shareBytes(body: Buffer): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(body.length);
  new Uint8Array(shared).set(body);
  return shared;
}
