import { exactNumber, isExactNumber, isKeptAsDouble, isRecord } from '@hybridstore/runtime';
import type { Fields } from './row.ts';

/** A shorter one without an exponent has at most 15 digits, which a double keeps. */
const longNumber = /[:[,\s](-?(?:\d[\d.]{15,}(?:[eE][-+]?\d+)?|[\d.]+[eE][-+]?\d+))/g;

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

/**
 * JSON whose numbers keep every digit: one that a double would change, `12345678901234567890`, becomes an `ExactNumber`,
 * which is written back as it was read. Throws SyntaxError.
 *
 * A reviver makes the parser ten times slower, so only a text that needs it pays: its long numbers are looked at first.
 * What looks like one inside a string costs time and changes nothing.
 */
export function parseExactly(text: string): unknown {
  return holdsLossyNumber(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
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

function holdsLossyNumber(text: string): boolean {
  longNumber.lastIndex = 0;
  for (;;) {
    const number = longNumber.exec(text)?.[1];
    if (number === undefined) return false;
    if (!isKeptAsDouble(number)) return true;
  }
}

const keepDigits: Reviver = (_key, value, context) => {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && !isKeptAsDouble(source) ? exactNumber(source) : value;
};
