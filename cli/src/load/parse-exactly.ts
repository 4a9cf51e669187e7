import { exactNumber, isKeptAsDouble } from '@hybridstore/runtime';

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
