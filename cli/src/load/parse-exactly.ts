import { exactNumber, findRepeatedKey, isExactNumber, isRecord } from '@hybridstore/runtime';
import type { Fields } from './row.ts';

/** Any other has at most 15 digits, which a double keeps, and is printed as it is written. */
const otherNumber =
  /[:[,\s](-?(?:\d[\d.]{15,}(?:[eE][-+]?\d+)?|[\d.]+[eE][-+]?\d+|\d+\.\d*0(?!\d)|0\.0{6}\d*)|-0(?![\d.]))/g;

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

/**
 * JSON whose numbers stay as they are written: one that JavaScript prints in another way, such as 12345678901234567890,
 * 1.50, 1e2 or -0, becomes an `ExactNumber`, which is written back as it was read. Throws SyntaxError, also for a key that stands twice in one object.
 *
 * A reviver makes the parser ten times slower, so only a text that needs it pays: its numbers are looked at first.
 * What looks like one inside a string costs time and changes nothing.
 */
export function parseExactly(text: string): unknown {
  const value = parseDigits(text);
  // Of two values under one key the parser keeps the last; a row that would lose one is refused instead.
  const key = findRepeatedKey(text, value);
  if (key !== undefined) throw new SyntaxError(`the key ${JSON.stringify(key)} stands twice in one object`);
  return value;
}

/** The same of a text that the platform wrote, in which the last of equal keys counts. */
export function parseDigits(text: string): unknown {
  return holdsOtherNumber(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}

/** What `parseExactly` gave as the fields of a row, or why it is none. */
export function fieldsOf(value: unknown): { readonly fields: Fields } | { readonly rejection: string } {
  // An exact number is an object, but nobody wrote one.
  if (isRecord(value) && !isExactNumber(value)) return { fields: value };
  return { rejection: `expected an object, found ${describeKind(value)}` };
}

function describeKind(value: unknown): string {
  if (value === null) return 'null';
  if (isExactNumber(value)) return 'a number';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function holdsOtherNumber(text: string): boolean {
  otherNumber.lastIndex = 0;
  for (;;) {
    const number = otherNumber.exec(text)?.[1];
    if (number === undefined) return false;
    if (isPrintedOtherwise(number)) return true;
  }
}

function isPrintedOtherwise(number: string): boolean {
  return String(Number(number)) !== number;
}

const keepDigits: Reviver = (_key, value, context) => {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && isPrintedOtherwise(source) ? exactNumber(source) : value;
};
