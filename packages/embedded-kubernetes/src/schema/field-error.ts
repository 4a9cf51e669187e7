import { kubeError, parseApiVersion, type Resource, type StatusCause } from '@hybridstore/controller-runtime';
import type { HybridStoreError } from '@hybridstore/runtime';

/**
 * One thing wrong with one field, in the words of the API server, so that a message seen here is the message seen there.
 * Source: apimachinery pkg/util/validation/field/errors.go, v0.35.
 */
export type FieldErrorType =
  | 'Invalid'
  | 'Required'
  | 'NotSupported'
  | 'Forbidden'
  | 'Duplicate'
  | 'NotFound'
  | 'TooLong'
  | 'TooMany'
  | 'TypeInvalid';

export type FieldError = {
  readonly type: FieldErrorType;
  /** `spec.columns[0].name`; `<nil>` for the object as a whole. */
  readonly path: string;
  /** Absent: the message leaves the value out. */
  readonly value?: unknown;
  readonly detail?: string;
};

const titles: Readonly<Record<FieldErrorType, string>> = {
  Invalid: 'Invalid value',
  Required: 'Required value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  Duplicate: 'Duplicate value',
  NotFound: 'Not found',
  TooLong: 'Too long',
  TooMany: 'Too many',
  TypeInvalid: 'Invalid value',
};

export function formatFieldErrorBody(error: FieldError): string {
  const hasValue = error.value !== undefined && !['Required', 'Forbidden', 'TooLong'].includes(error.type);
  const value = hasValue ? `: ${JSON.stringify(error.value)}` : '';
  const detail = error.detail === undefined || error.detail === '' ? '' : `: ${error.detail}`;
  return `${titles[error.type]}${value}${detail}`;
}

/** The refusal of an object: `Widget.example.com "x" is invalid: …`. */
export function invalidObject(resource: Resource, name: string, errors: readonly FieldError[]): HybridStoreError {
  const { group } = parseApiVersion(resource.apiVersion);
  const texts = [...new Set(errors.map((error) => `${error.path}: ${formatFieldErrorBody(error)}`))];
  const text = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return kubeError({
    reason: 'Invalid',
    message: `${group === '' ? resource.kind : `${resource.kind}.${group}`} ${JSON.stringify(name)} is invalid: ${text}`,
    causes: errors.map(toCause),
    target: { name, kind: resource.kind, ...(group === '' ? {} : { group }) },
  });
}

function toCause(error: FieldError): StatusCause {
  return { reason: `FieldValue${error.type}`, message: formatFieldErrorBody(error), field: error.path };
}

export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

export function itemPath(path: string, index: number | string): string {
  return `${path}[${index}]`;
}
