import { type ErrorCode, errorCodes } from '@hybridstore/contracts';

export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error class of the house. `code` tells the receiver what to do, `details` names field, expected and actual.
 * Messages never hold secrets: they are sent to callers as they stand.
 */
export class HybridStoreError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails = {},
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
    this.name = 'HybridStoreError';
    this.code = code;
    this.details = details;
  }
}

export function isHybridStoreError(error: unknown, code?: ErrorCode): error is HybridStoreError {
  return error instanceof HybridStoreError && (code === undefined || error.code === code);
}

/** `overloaded` and `unavailable` tell when to come back. */
export function retryLater(
  code: 'overloaded' | 'unavailable',
  message: string,
  retryAfterMs: number,
  details: ErrorDetails = {},
): HybridStoreError {
  return new HybridStoreError(code, message, { ...details, retry_after_ms: retryAfterMs });
}

/** What a process answers for an error it does not know: `internal`, the original as cause for the log only. */
export function toHybridStoreError(error: unknown): HybridStoreError {
  if (error instanceof HybridStoreError) return error;
  return new HybridStoreError('internal', 'internal error', {}, { cause: error });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && (errorCodes as readonly string[]).includes(code);
}

export type { ErrorCode };
