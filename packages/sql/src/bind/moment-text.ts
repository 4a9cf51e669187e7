import { type LiteralNode, parseDate } from '@hybridstore/contracts';
import { cast, literal, parseTimestampMicros, timestampText } from '@hybridstore/plan';
import { isText, readJsonAs, type Typed, typed } from './types.ts';

/**
 * The constant that a text stands for beside dates and times, by the rule of the write: an offset is applied, so the value
 * is in UTC, to the microsecond. The engine's own conversion drops the offset. Undefined for what no write takes.
 *
 *   day = '2024-05-01'                  a date
 *   day = '2024-05-01 12:00'            a time, beside which the date is its midnight
 *   at = '2024-05-01T12:00:00+02:00'    10:00 in UTC
 */
export function momentLiteral(text: string, type: 'date' | 'timestamp'): LiteralNode | undefined {
  // Months, days and hours may be written with one digit, dates with slashes.
  const dashed = text.trim().replace(/^(\d{4})\/(\d{1,2})\/(\d{1,2})/, '$1-$2-$3');
  const trimmed = dashed.replace(/(?<=[-T ])\d(?=[-T :]|$)/g, '0$&');
  if (type === 'date' && parseDate(trimmed) !== undefined) return literal('date', trimmed);
  const micros = parseTimestampMicros(trimmed);
  return micros === undefined ? undefined : literal('timestamp', timestampText(micros));
}

export function isMomentType(type: string): type is 'date' | 'timestamp' {
  return type === 'date' || type === 'timestamp';
}

/** Refuses a text of the statement with its place there. */
export type RefuseText = (text: string, message: string, details: Readonly<Record<string, unknown>>) => Error;

const shownCharactersMax = 50;
export const momentForms = { date: 'a date, YYYY-MM-DD', timestamp: 'a date, YYYY-MM-DD HH:MM:SS' } as const;

/** A text of the statement that meets dates or times; every other value as it is. */
export function readMomentText(value: Typed, type: 'date' | 'timestamp', refuse: RefuseText): Typed {
  if (value.type !== 'literal' || value.node.kind !== 'literal') return value;
  const moment = momentLiteral(String(value.node.value), type);
  if (!moment) throw refuseMoment(String(value.node.value), type, refuse);
  return typed(moment, moment.type);
}

export function refuseMoment(text: string, type: 'date' | 'timestamp', refuse: RefuseText): Error {
  const shown = text.slice(0, shownCharactersMax);
  return refuse(text, `'${shown}' is not a ${type}`, { expected: momentForms[type], actual: shown });
}

/** Times without a number, which PostgreSQL and the engine know. */
export function isUnboundedText(text: string): boolean {
  return /^\s*(-?infinity|epoch)\s*$/i.test(text);
}

/** Texts and JSON where a moment is expected: the engine's functions of dates take no text, and its casts drop an offset. */
export function moment(value: Typed): Typed {
  if (value.type === 'json') return readJsonAs(value, 'timestamp');
  if (!isText(value.type) && value.type !== 'null') return value;
  if (value.node.kind !== 'literal') return typed(cast(cast(value.node, 'timestamptz'), 'timestamp'), 'timestamp');
  const written = value.node.value === null ? undefined : momentLiteral(String(value.node.value), 'timestamp');
  return typed(written ?? cast(value.node, 'timestamp'), 'timestamp');
}
