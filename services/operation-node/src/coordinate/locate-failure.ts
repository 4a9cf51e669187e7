import type { FailedOperation } from '@hybridstore/contracts';
import { HybridStoreError, isHybridStoreError, isRecord } from '@hybridstore/runtime';
import type { Place } from '../ports.ts';

/** What of the plan failed, where a node says so of a statement. */
export function failedOperationOf(error: unknown): FailedOperation | undefined {
  if (!isHybridStoreError(error, 'invalid_request')) return undefined;
  const { failed } = error.details;
  return isRecord(failed) ? (failed as FailedOperation) : undefined; // checked by who is asked for its places
}

/** The same error with its places in the statement: one that is sure, or all that it may be. */
export function withPlaces(error: HybridStoreError, places: readonly Place[]): HybridStoreError {
  const [first, second] = places;
  if (!first) return error;
  const shown = places.map(({ line, column }) => `line ${line}, column ${column}`);
  const where = second ? `at one of: ${shown.join('; ')}` : shown[0];
  const place = second ? { places: [...places] } : { line: first.line, column: first.column };
  const details = { ...error.details, field: 'query', ...place };
  return new HybridStoreError(error.code, `${error.message} (${where})`, details, { cause: error });
}
