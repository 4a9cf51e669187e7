import type { Failure } from '../messages.ts';

/** DuckDB's kinds of errors (with `errors_as_json`) that only the statement or its data can cause. */
const faultsOfTheStatement = new Set([
  'Binder',
  'Catalog',
  'Constraint',
  'Conversion',
  'Decimal',
  'Dependency',
  'Divide by Zero',
  'Expression',
  'Invalid Input',
  'Invalid type',
  'Mismatch Type',
  'Not implemented',
  'Out of Range',
  'Parameter Not Allowed',
  'Parameter Not Resolved',
  'Parser',
  'Sequence',
  'Syntax',
  'Value',
]);
const messageCharactersMax = 500;

/** Sorts what DuckDB threw by what the caller must do. Only the short message of a fault of the statement is shown. */
export function readEngineFailure(error: unknown): Failure {
  const text = error instanceof Error ? error.message : String(error);
  const { kind, message } = parseEngineError(text);
  if (kind === 'Interrupt') return { code: 'interrupted', message: 'the statement was stopped', details: {} };
  if (kind === 'Out of Memory')
    return {
      code: 'too_large',
      message: 'the statement needs more memory than it is granted',
      details: { limit: 'memory' },
      internal: text,
    };
  if (faultsOfTheStatement.has(kind))
    return { code: 'invalid_request', message: shorten(message), details: { engine_error: kind } };
  return { code: 'internal', message: 'internal error', details: {}, internal: text };
}

function parseEngineError(text: string): { readonly kind: string; readonly message: string } {
  const start = text.indexOf('{');
  try {
    const parsed: Readonly<Record<string, unknown>> = JSON.parse(start < 0 ? '' : text.slice(start));
    return { kind: String(parsed['exception_type']), message: String(parsed['exception_message']) };
  } catch {
    // Some errors are raised before the setting applies, as `Kind Error: message`.
    const plain = /^([A-Za-z ]+?) (?:Error|exception): (.*)/s.exec(text);
    return { kind: plain?.[1] ?? '', message: plain?.[2] ?? text };
  }
}

/** First line only: what follows are hints that name internals (candidates, lists of system tables). */
function shorten(message: string): string {
  const line = message.split('\n', 1)[0] ?? '';
  return line.length > messageCharactersMax ? `${line.slice(0, messageCharactersMax)}…` : line;
}
