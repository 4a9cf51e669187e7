import { parentPort } from 'node:worker_threads';
import { toHybridStoreError } from '@hybridstore/runtime';
import type { ParseTask } from '../ports.ts';
import { parseSql } from './parse-sql.ts';

/** What comes back from the thread; only plain data. */
export type WorkerAnswer =
  | { readonly ok: true; readonly outcome: ReturnType<typeof parseSql> }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** One statement at a time: the pool sends the next after the answer. */
parentPort?.on('message', (task: ParseTask) => parentPort?.postMessage(answer(task)));
parentPort?.postMessage('ready');

function answer(task: ParseTask): WorkerAnswer {
  const { text, schemas, parameters, ...options } = task;
  try {
    return { ok: true, outcome: parseSql(text, schemas, options, parameters) };
  } catch (error) {
    const { code, message, details, cause } = toHybridStoreError(error);
    const reason =
      code === 'internal' ? { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) } : {};
    return { ok: false, code, message, details: { ...details, ...reason } };
  }
}
