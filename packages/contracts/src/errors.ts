import { type Static, Type } from 'typebox';

/**
 * Error codes, sorted by what the receiver must do, with the HTTP status that carries each.
 * `overloaded` and `unavailable` come with `details.retry_after_ms` and a Retry-After header.
 */
export const errorStatus = {
  invalid_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  gone: 410,
  too_large: 413,
  unsupported_media_type: 415,
  overloaded: 429,
  internal: 500,
  corrupt: 500,
  unavailable: 503,
  deadline_exceeded: 504,
  storage_full: 507,
} as const;

export type ErrorCode = keyof typeof errorStatus;
export const errorCodes = Object.keys(errorStatus) as readonly ErrorCode[];

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && (errorCodes as readonly string[]).includes(code);
}

export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The one error class: what one process throws is what the other end of the wire answers with. `code` says to the receiver
 * what to do, `details` names field, expected and actual. Messages never hold secrets: they are sent to callers as they
 * stand.
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

/** Body of every answer that is not a success. `details` names field, expected and actual where there is one. */
export const ErrorBody = Type.Object(
  {
    error: Type.Object(
      {
        code: Type.Unsafe<ErrorCode>(Type.Enum([...errorCodes])),
        message: Type.String(),
        details: Type.Record(Type.String(), Type.Unknown()),
        request_id: Type.String(),
      },
      { additionalProperties: false },
    ),
  },
  { $id: 'ErrorBody', additionalProperties: false },
);
export type ErrorBody = Static<typeof ErrorBody>;
