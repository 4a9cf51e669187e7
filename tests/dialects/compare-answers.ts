import type { Dialect } from '@hybridstore/contracts';
import type { OwnAnswer } from './own-answer.ts';
import type { RecordedAnswer } from './reference-server.ts';

export type Outcome = 'same' | 'refused' | 'wrong';

/** Doubles of two libraries may differ in their last digits. */
const relativeErrorMax = 1e-13;

/**
 * `same`: one value, or both refuse. `refused`: a refusal by name where the other engine answers. `wrong`: another value, a
 * value where the other refuses, or a failure of the engine beneath where a value was right.
 */
export function compareAnswers(recorded: RecordedAnswer, own: OwnAnswer, dialect: Dialect): Outcome {
  const isError = isRecordedError(recorded);
  if (own.kind === 'refused') return isError ? 'same' : 'refused';
  if (own.kind === 'failed') return isError ? 'same' : 'wrong';
  if (isError) return 'wrong';
  return isSameValue(recorded, own, dialect) ? 'same' : 'wrong';
}

export function isRecordedError(recorded: RecordedAnswer): recorded is Exclude<RecordedAnswer, string | null> {
  return typeof recorded === 'object' && recorded !== null;
}

function isSameValue(recorded: string | null, own: Extract<OwnAnswer, { kind: 'value' }>, dialect: Dialect): boolean {
  if (recorded === null || own.text === null) return recorded === own.text;
  const text = own.type === 'BOOLEAN' && dialect === 'mysql' ? String(Number(own.text === 'true')) : own.text;
  if (recorded === text) return true;
  if (own.type === 'VARCHAR') return false;
  if (own.type === 'JSON' || own.type.endsWith(']')) return withoutSpaces(recorded) === withoutSpaces(text);
  if (own.type === 'INTERVAL') return intervalText(recorded) === intervalText(text);
  if (own.type.startsWith('TIMESTAMP') || own.type === 'TIME') return momentText(recorded) === momentText(text);
  return isSameNumber(recorded, text, own.type);
}

/** Spaces between the parts of JSON, and PostgreSQL's braces and quotes around the parts of an array. */
function withoutSpaces(text: string): string {
  const plain = text.replaceAll(/\s+/g, '');
  return /^\{[^:]*\}$/.test(plain)
    ? `[${plain.slice(1, -1)}]`.replaceAll('"', '')
    : plain.replaceAll(/(?<=[[,])'|'(?=[\],])/g, '');
}

/** `1 mon` and `1 month`, `2 days` and `2 day`, `00:00:01.50` and `00:00:01.5`. */
function intervalText(text: string): string {
  return momentText(text)
    .replaceAll(/\bmon(th)?s?\b/g, 'month')
    .replaceAll(/\b(year|day)s\b/g, '$1');
}

function momentText(text: string): string {
  return text
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
    .replace(/\+00$/, '');
}

const numberForm = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Digits of exact numbers count, zeros behind the last of them do not. */
function isSameNumber(one: string, other: string, type: string): boolean {
  if (!numberForm.test(one) || !numberForm.test(other))
    return infinities.has(one.toLowerCase()) && one.toLowerCase() === infinityText(other);
  if (type !== 'DOUBLE' && type !== 'FLOAT') return plainDigits(one) === plainDigits(other);
  const [a, b] = [Number(one), Number(other)];
  if (type === 'FLOAT') return Math.fround(a) === Math.fround(b);
  return a === b || Math.abs(a - b) <= relativeErrorMax * Math.max(Math.abs(a), Math.abs(b));
}

const infinities = new Set(['infinity', '-infinity', 'nan']);

function infinityText(text: string): string {
  return text.toLowerCase().replace(/inf$/, 'infinity');
}

function plainDigits(text: string): string {
  const [whole = '', fraction = ''] = text.replace(/^(-?)0+(?=\d)/, '$1').split('.');
  const kept = fraction.replace(/0+$/, '');
  const digits = kept === '' ? whole : `${whole}.${kept}`;
  return digits === '-0' ? '0' : digits;
}
