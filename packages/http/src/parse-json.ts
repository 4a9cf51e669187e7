import { exactNumber, HybridStoreError, isKeptAsDouble } from '@hybridstore/runtime';

export type JsonBounds = {
  readonly depthMax: number;
  /** Numbers that a 64-bit floating point number would change become `ExactNumber`; otherwise they are refused. */
  readonly keepsNumbers?: boolean;
};

const decoder = new TextDecoder('utf-8', { fatal: true });

/** JSON of a request body, or `invalid_request` that says where it breaks. Refuses bad UTF-8 and nesting beyond the bound. */
export function parseJson(body: Buffer, bounds: JsonBounds): unknown {
  if (body.length === 0) return undefined;
  const text = decodeUtf8(body);
  const { hasLongNumber } = scanTokens(body, bounds.depthMax);
  if (hasLongNumber && bounds.keepsNumbers !== true) refuseLongNumber(text);
  try {
    return JSON.parse(text, createReviver(text, hasLongNumber));
  } catch (cause) {
    if (cause instanceof HybridStoreError) throw cause;
    throw new HybridStoreError(
      'invalid_request',
      `body: not valid JSON (${cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable'})`,
      { field: 'body', expected: 'JSON' },
    );
  }
}

function decodeUtf8(body: Buffer): string {
  try {
    return decoder.decode(body);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      'body: not valid UTF-8',
      { field: 'body', expected: 'UTF-8' },
      { cause },
    );
  }
}

/** A number of so many characters without an exponent has at most 15 digits, which a double keeps. */
const safeNumberLength = 15;

/**
 * Brackets and numbers outside strings. Runs before JSON.parse, which would build the nesting and round the numbers
 * first. A number of the usual kind costs its bytes; only a long one, or one with an exponent, is looked at.
 */
function scanTokens(body: Buffer, depthMax: number): { readonly hasLongNumber: boolean } {
  let depth = 0;
  let isText = false;
  let hasLongNumber = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index]!;
    if (isText) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) isText = true;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > depthMax)
        throw new HybridStoreError('invalid_request', `body: nested deeper than ${depthMax} levels`, {
          field: 'body',
          expected: `at most ${depthMax} levels`,
        });
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    else if (byte >= 0x30 && byte <= 0x39) {
      const end = numberEnd(body, index + 1);
      hasLongNumber ||= !isPlainNumber(body, index, end);
      index = end - 1;
    }
  }
  return { hasLongNumber };
}

/** Where the digits, points, signs and exponent letters end; whether they make a number is for JSON.parse to say. */
function numberEnd(body: Buffer, from: number): number {
  let at = from;
  for (; at < body.length; at += 1) {
    const byte = body[at]!;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (!isDigit && byte !== 0x2e && byte !== 0x2b && byte !== 0x2d && (byte | 0x20) !== 0x65) break;
  }
  return at;
}

function isPlainNumber(body: Buffer, from: number, end: number): boolean {
  if (end - from <= safeNumberLength && !hasExponent(body, from, end)) return true;
  return isKeptAsDouble(body.toString('latin1', from, end));
}

function hasExponent(body: Buffer, from: number, end: number): boolean {
  for (let at = from + 1; at < end; at += 1) if ((body[at]! | 0x20) === 0x65) return true;
  return false;
}

type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

/** The text of a number that a double would change. */
function longNumberOf(value: unknown, source: string | undefined): string | undefined {
  return typeof value === 'number' && source !== undefined && !isKeptAsDouble(source) ? source : undefined;
}

/** Names the first number that the handler would get as another one. */
function refuseLongNumber(text: string): void {
  const reviver: Reviver = (key, value, context) => {
    const long = longNumberOf(value, context?.source);
    if (long === undefined) return value;
    throw new HybridStoreError(
      'invalid_request',
      `${key}: the number ${boundNumber(long)} would be rounded to ${String(value)}; send it as text`,
      { field: key, expected: 'a number that 64-bit floating point keeps', actual: boundNumber(long) },
    );
  };
  try {
    JSON.parse(text, reviver);
  } catch (error) {
    // Broken JSON is reported by the caller, which parses it again.
    if (error instanceof HybridStoreError) throw error;
  }
}

const shownDigitsMax = 40;

function boundNumber(text: string): string {
  return text.length <= shownDigitsMax ? text : `${text.slice(0, shownDigitsMax)}…`;
}

/**
 * `__proto__` as a key would set a prototype in careless code later. Only bodies that hold the text, or a long number,
 * pay for a reviver; any of its letters may be written as an escape, and escapes of ASCII all begin with `\u00`.
 */
function createReviver(text: string, hasLongNumber: boolean): Reviver | undefined {
  if (!hasLongNumber && !text.includes('__proto__') && !text.includes('\\u00')) return undefined;
  return (key, value, context) => {
    if (key === '__proto__')
      throw new HybridStoreError('invalid_request', 'body: __proto__ is not a known field', { field: '__proto__' });
    const long = longNumberOf(value, context?.source);
    return long === undefined ? value : exactNumber(long);
  };
}
