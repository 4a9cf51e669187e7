import { parentPort } from 'node:worker_threads';
import type { Dialect } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { toHybridStoreError } from '@hybridstore/runtime';
import type { ParameterValues } from '../bind/context.ts';
import { parseSql } from './parse-sql.ts';

/** What crosses to the thread and back; only plain data. */
export type WorkerRequest = {
  readonly text: string;
  readonly dialect: Dialect;
  readonly schemas: PlanSchemas;
  readonly parameters: ParameterValues;
  readonly isStrict: boolean;
  readonly supportedFunctions?: ReadonlySet<string> | undefined;
};
export type WorkerAnswer =
  | { readonly ok: true; readonly outcome: ReturnType<typeof parseSql> }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
    };

/** One statement at a time: the pool sends the next after the answer. */
parentPort?.on('message', (request: WorkerRequest) => parentPort?.postMessage(answer(request)));
parentPort?.postMessage('ready');

function answer(request: WorkerRequest): WorkerAnswer {
  const { text, schemas, parameters, ...options } = request;
  try {
    return { ok: true, outcome: parseSql(text, schemas, options, parameters) };
  } catch (error) {
    const { code, message, details, cause } = toHybridStoreError(error);
    const reason =
      code === 'internal' ? { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) } : {};
    return { ok: false, code, message, details: { ...details, ...reason } };
  }
}
