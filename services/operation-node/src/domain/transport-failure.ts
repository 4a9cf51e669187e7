import { HybridStoreError } from '@hybridstore/runtime';

/** Codes with which connecting fails, so that nothing of the request has been sent. */
const notSentCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The peer was not reached or its answer broke, in contrast to an answer that says `unavailable` for a reason of its own. */
export function isTransportFailure(error: unknown): boolean {
  if (!(error instanceof HybridStoreError) || error.code !== 'unavailable') return false;
  return error.cause !== undefined || error.details['status'] !== undefined;
}

/** The request never left: repeating it repeats nothing. */
export function isNotSent(error: unknown): boolean {
  return isTransportFailure(error) && codesOf(error).some((code) => notSentCodes.has(code));
}

/** Codes of an error, its causes and, where several addresses were tried, of each attempt. */
function codesOf(error: unknown, depthMax = 5): readonly string[] {
  if (depthMax === 0 || !(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const attempts = error instanceof AggregateError ? error.errors : [];
  return [...own, ...[error.cause, ...attempts].flatMap((cause) => codesOf(cause, depthMax - 1))];
}
