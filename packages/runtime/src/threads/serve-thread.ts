import { parentPort } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { toHybridStoreError } from '../errors.ts';
import { giveBackAtRest } from '../resting-memory.ts';

/** What comes back from a thread; only plain data. */
export type ThreadAnswer<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** The other end of a `ThreadPool`: one task at a time, since the pool sends the next after the answer. */
export function serveThread<Task, Value>(
  work: (task: Task) => Value | Promise<Value>,
  /** Memory that is handed over with a value instead of copied. */
  handOver: (value: Value) => readonly ArrayBuffer[] = () => [],
): void {
  parentPort?.on('message', async (task: Task) => {
    const answer = await answerTo(work, task);
    parentPort?.postMessage(answer, answer.ok ? [...handOver(answer.value)] : []);
  });
  parentPort?.postMessage('ready');
  giveBackAtRest({ clock: systemClock });
}

async function answerTo<Task, Value>(
  work: (task: Task) => Value | Promise<Value>,
  task: Task,
): Promise<ThreadAnswer<Value>> {
  try {
    return { ok: true, value: await work(task) };
  } catch (error) {
    const { code, message, details, cause } = toHybridStoreError(error);
    const reason =
      code === 'internal' ? { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) } : {};
    return { ok: false, code, message, details: { ...details, ...reason } };
  }
}
