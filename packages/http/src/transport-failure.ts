import { HybridStoreError } from '@hybridstore/runtime';

/** The peer was not reached or its answer broke, in contrast to an answer that says `unavailable` for a reason of its own. */
export function isTransportFailure(error: unknown): boolean {
  if (!(error instanceof HybridStoreError) || error.code !== 'unavailable') return false;
  return error.cause !== undefined || error.details['status'] !== undefined;
}

/** Codes with which connecting fails. */
const connectCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const causesMax = 5;

/** Whether no byte of the request left, so that repeating it repeats nothing. Looks through causes and tries of several addresses. */
export function wasNothingSent(error: unknown, depthMax = causesMax): boolean {
  if (depthMax === 0 || !(error instanceof Error)) return false;
  if ('code' in error && connectCodes.has(String(error.code))) return true;
  if ('syscall' in error && error.syscall === 'connect') return true;
  const tries: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  return [error.cause, ...tries].some((cause) => wasNothingSent(cause, depthMax - 1));
}
