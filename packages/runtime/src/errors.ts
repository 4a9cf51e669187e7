import { type ErrorDetails, HybridStoreError, isHybridStoreError } from '@hybridstore/contracts';

export {
  type ErrorCode,
  type ErrorDetails,
  HybridStoreError,
  isErrorCode,
  isHybridStoreError,
} from '@hybridstore/contracts';

/** `overloaded` and `unavailable` say when to come back. */
export function retryLater(
  code: 'overloaded' | 'unavailable',
  message: string,
  retryAfterMs: number,
  details: ErrorDetails = {},
): HybridStoreError {
  return new HybridStoreError(code, message, { ...details, retry_after_ms: retryAfterMs });
}

/** Runs a task on one field of a request: what it refuses names the field, in the message and, when it names none, in the details. */
export function inField<T>(field: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    if (!isHybridStoreError(error, 'invalid_request')) throw error;
    const details = { field, ...error.details };
    throw new HybridStoreError('invalid_request', `${field}: ${error.message}`, details, { cause: error });
  }
}

/** What a process answers for an error it does not know: `internal`, the original as cause for the log only. */
export function toHybridStoreError(error: unknown): HybridStoreError {
  if (error instanceof HybridStoreError) return error;
  return new HybridStoreError('internal', 'internal error', {}, { cause: error });
}
