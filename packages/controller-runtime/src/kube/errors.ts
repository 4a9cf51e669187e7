import { type ErrorCode, HybridStoreError, isHybridStoreError, isRecord } from '@hybridstore/runtime';

/**
 * What an API server says went wrong, as the one error class of the code base. The receiver sorts by `code`; the finer
 * distinctions it may need (`AlreadyExists`, an apply conflict, `Expired`) travel in `details.reason`, which is the
 * API server's own closed set. Source: apimachinery `metav1.StatusReason` and `metav1.CauseType`.
 */
export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'Invalid'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'ServerTimeout'
  | 'Unknown';

export type StatusCause = {
  /** For example `FieldValueInvalid`, `FieldManagerConflict`. */
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
};

/** `metav1.Status`, the body of every failed answer. */
export type KubeStatus = {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: 'Failure' | 'Success';
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
};

const codeOfHttpStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'invalid_request',
  406: 'invalid_request',
  408: 'deadline_exceeded',
  409: 'conflict',
  410: 'gone',
  412: 'conflict',
  413: 'too_large',
  415: 'invalid_request',
  422: 'invalid_request',
  429: 'overloaded',
  500: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'deadline_exceeded',
};

/** How long to stay away when the server asks for patience and names no time. */
export const retryAfterMsDefault = 1_000;
/** A server that asks for more is asked again after this time: a wrong header must not stop the operator. */
export const retryAfterMsMax = 60_000;

const httpStatusOfReason: Readonly<Record<StatusReason, number>> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  Invalid: 422,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 504,
  Unknown: 500,
};

export type KubeErrorInput = {
  readonly reason: StatusReason;
  readonly message: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterMs?: number;
  /** The object: `name`, `kind` (plural), `group`. */
  readonly target?: { readonly name?: string; readonly kind?: string; readonly group?: string };
  readonly cause?: unknown;
};

/** An error with the meaning of one `metav1.Status`. */
export function kubeError(input: KubeErrorInput): HybridStoreError {
  return fromStatus(httpStatusOfReason[input.reason], input.reason, input);
}

function fromStatus(httpStatus: number, reason: string, input: Omit<KubeErrorInput, 'reason'>): HybridStoreError {
  const code = codeOfHttpStatus[httpStatus] ?? (httpStatus >= 500 ? 'unavailable' : 'invalid_request');
  const isPatient = code === 'overloaded' || code === 'unavailable';
  const retryAfterMs = Math.min(input.retryAfterMs ?? retryAfterMsDefault, retryAfterMsMax);
  const details = {
    http_status: httpStatus,
    reason,
    ...(input.causes === undefined || input.causes.length === 0 ? {} : { causes: input.causes }),
    ...(input.target === undefined ? {} : { target: input.target }),
    ...(isPatient ? { retry_after_ms: retryAfterMs } : {}),
  };
  return new HybridStoreError(code, input.message, details, input.cause === undefined ? {} : { cause: input.cause });
}

/** The error of an HTTP answer. `body` is what the server sent, parsed if it was JSON; anything may be in it. */
export function errorFromAnswer(httpStatus: number, body: unknown, retryAfterMs?: number): HybridStoreError {
  const status = isStatus(body) ? body : undefined;
  const code = status?.code ?? httpStatus;
  const seconds = status?.details?.retryAfterSeconds;
  const patience = retryAfterMs ?? (seconds === undefined || seconds <= 0 ? undefined : seconds * 1_000);
  return fromStatus(code, status?.reason ?? 'Unknown', {
    message: status?.message ?? `the API server answered ${httpStatus}`,
    ...(status?.details?.causes === undefined ? {} : { causes: status.details.causes }),
    ...(patience === undefined ? {} : { retryAfterMs: patience }),
  });
}

/** The `metav1.Status` of an error, as the embedded API server's HTTP front answers it. */
export function toStatus(error: HybridStoreError): KubeStatus {
  const { http_status: httpStatus, reason, causes, target, retry_after_ms: retryAfterMs } = error.details;
  const details = {
    ...(isRecord(target) ? target : {}),
    ...(Array.isArray(causes) ? { causes: causes as StatusCause[] } : {}), // only kubeError puts causes there
    ...(typeof retryAfterMs === 'number' ? { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) } : {}),
  };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: error.message,
    reason: typeof reason === 'string' ? reason : 'InternalError',
    code: typeof httpStatus === 'number' ? httpStatus : 500,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

/** The name is taken: nothing was created. */
export function isAlreadyExists(error: unknown): boolean {
  return isHybridStoreError(error, 'conflict') && error.details.reason === 'AlreadyExists';
}

/** Another field manager owns a field: the causes name it. A stale resourceVersion is a conflict without causes. */
export function isApplyConflict(error: unknown): boolean {
  if (!isHybridStoreError(error, 'conflict')) return false;
  return causesOf(error).some((cause) => cause.reason === 'FieldManagerConflict');
}

/** The version asked for is no longer known: list again. */
export function isExpired(error: unknown): boolean {
  return isHybridStoreError(error, 'gone');
}

export function isNotFound(error: unknown): boolean {
  return isHybridStoreError(error, 'not_found');
}

export function causesOf(error: HybridStoreError): readonly StatusCause[] {
  const causes = error.details.causes;
  return Array.isArray(causes) ? (causes as readonly StatusCause[]) : []; // set by this file only
}

/** When the server asked to come back; undefined for errors that name no time. */
export function retryAfterMsOf(error: unknown): number | undefined {
  if (!isHybridStoreError(error)) return undefined;
  const value = error.details.retry_after_ms;
  return typeof value === 'number' ? value : undefined;
}

function isStatus(body: unknown): body is KubeStatus {
  return isRecord(body) && body.kind === 'Status';
}
