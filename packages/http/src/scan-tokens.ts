import { HybridStoreError, isKeptAsDouble } from '@hybridstore/runtime';
import { areKeptDigits } from './kept-digits.ts';

export type ScanOptions = {
  readonly depthMax: number;
  readonly longNumbersMax: number;
  /** Numbers are long, too, that JavaScript prints in another way: -0, 1.50, 1e2. */
  readonly keepsSpelling: boolean;
};

/** Where the numbers stand that a double would change, sign included, in the order of the text. */
export type LongNumbers = { readonly starts: Uint32Array; readonly ends: Uint32Array; readonly count: number };
export type ScannedTokens = { readonly hasPrototypeKey: boolean; readonly longNumbers: LongNumbers };

/** Each takes some 60 bytes of memory, twenty times its text: 32 MiB of empty ones would be a gigabyte. */
export const containersMax = 4_000_000;

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const comma = 0x2c;
const zero = 0x30;
const nine = 0x39;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
/** The `u` of `\\u0061`. */
const escapedUnit = 0x75;
/** With its four digits. */
const escapedUnitBytes = 5;

/** The rest of a text that is longer than this is searched by the runtime, whose call costs about as much as so many bytes. */
const loopedBytesMax = 96;
const prototypeKey = '__proto__';
/** Each letter as an escape of six bytes. */
const prototypeKeyBytesMax = prototypeKey.length * 6;

/**
 * One pass over the bytes of a JSON text: brackets, keys and numbers outside strings. It runs before JSON.parse, which
 * would build the nesting and round the numbers first, and judges no grammar beyond what it needs: a text that is not
 * JSON gives some result, and JSON.parse then says what is wrong with it. After `longNumbersMax` no number is judged any more.
 */
export function scanTokens(
  body: Buffer,
  text: string,
  { depthMax, longNumbersMax, keepsSpelling }: ScanOptions,
): ScannedTokens {
  const ascii = body.length === text.length ? text : undefined;
  const numbers = new FoundNumbers({ countMax: longNumbersMax, keepsSpelling, ascii });
  let depth = 0;
  let containers = 0;
  let hasPrototypeKey = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index]!;
    if (byte === quote) {
      const end = textEnd(body, index + 1);
      hasPrototypeKey ||= isPrototypeKey(body, index + 1, end);
      index = end;
    } else if (byte >= zero && byte <= nine) {
      // One digit and a comma need no more than this, but for -0.
      if (body[index + 1] !== comma || byte === zero) index = scanNumber(body, index, numbers) - 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      if (depth > depthMax) throw nestedDeeper(depthMax);
      containers += 1;
      if (containers > containersMax) throw tooManyContainers();
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  return { hasPrototypeKey, longNumbers: numbers };
}

function tooManyContainers(): HybridStoreError {
  return new HybridStoreError('too_large', `body: holds more than ${containersMax} arrays and objects`, {
    field: 'body',
    expected: `at most ${containersMax} arrays and objects`,
  });
}

export function nestedDeeper(depthMax: number): HybridStoreError {
  return new HybridStoreError('invalid_request', `body: nested deeper than ${depthMax} levels`, {
    field: 'body',
    expected: `at most ${depthMax} levels`,
  });
}

/** Where the closing quote stands, or the end of a text that has none. */
function textEnd(body: Buffer, from: number): number {
  let at = from;
  for (let looped = 0; ; looped += 1) {
    const byte = body[at];
    if (byte === quote || byte === undefined) return Math.min(at, body.length);
    if (byte === backslash) {
      at += body[at + 1] === escapedUnit ? escapedUnitBytes : 1;
      looped = 0;
    } else if (looped >= loopedBytesMax) {
      at = skipPlainText(body, at) - 1;
      looped = 0;
    }
    at += 1;
  }
}

/** The next quote or backslash. Both are looked for only as far as the nearer one can be. */
function skipPlainText(body: Buffer, from: number): number {
  for (let at = from, width = 1_024; at < body.length; at += width, width *= 2) {
    const piece = body.subarray(at, at + width);
    const closing = piece.indexOf(quote);
    const escaped = (closing < 0 ? piece : piece.subarray(0, closing)).indexOf(backslash);
    if (escaped >= 0) return at + escaped;
    if (closing >= 0) return at + closing;
  }
  return body.length;
}

/** `__proto__` before a colon, however its letters are written: as they are, or as escapes such as `\u005f`. */
function isPrototypeKey(body: Buffer, from: number, end: number): boolean {
  const bytes = end - from;
  if (bytes < prototypeKey.length || bytes > prototypeKeyBytesMax) return false;
  if ((body[from] !== backslash && body[from] !== 0x5f) || !followsColon(body, end + 1)) return false;
  let at = from;
  for (let letter = 0; letter < prototypeKey.length; letter += 1) {
    const isEscape = body[at] === backslash;
    const code = isEscape ? escapedCode(body, at) : body[at];
    if (code !== prototypeKey.charCodeAt(letter)) return false;
    at += isEscape ? 6 : 1;
  }
  return at === end;
}

function escapedCode(body: Buffer, at: number): number {
  if (body[at + 1] !== 0x75) return -1;
  return Number(`0x${body.toString('latin1', at + 2, at + 6)}`);
}

function followsColon(body: Buffer, from: number): boolean {
  let at = from;
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return body[at] === colon;
}

/** Any decimal of so many digits is the one that is printed for the double next to it, within its range. */
const keptDigitsMax = 15;
/** No double is printed with more. */
const printedDigitsMax = 17;
/** Between these all decimals of 15 digits are kept; beyond the last there are no doubles. */
const exponentKeptMin = -308;
const exponentKeptMax = 307;
const exponentMax = 330;
/**
 * Below 1e-308 doubles lie 4.94e-324 apart. Decimals that lie further apart are all kept; those that lie ten times closer
 * never, as each double has a shorter one.
 */
const subnormalKeptMin = -323;
const subnormalLongMax = -325;
/** Integers below 1e21 and fractions from 1e-6 on are printed without an exponent. */
const plainExponentMin = -6;
const plainExponentMax = 20;
/** `0.` and six digits. */
const plainFractionBytesMax = 8;

/**
 * Judges the number at `start` and gives its end. A number of the usual kind, at most 15 digits and no exponent, costs
 * its bytes; nothing is looked at twice but what has 16 or 17 digits, or is very large or very small.
 */
function scanNumber(body: Buffer, start: number, numbers: FoundNumbers): number {
  let at = start;
  let byte = body[at]!;
  while (byte >= zero && byte <= nine) byte = body[++at]!;
  const wholeEnd = at;
  if (byte === point) {
    byte = body[++at]!;
    while (byte >= zero && byte <= nine) byte = body[++at]!;
  }
  const mantissaEnd = at;
  const hasExponent = byte === 0x65 || byte === 0x45;
  if (!hasExponent && at - start <= keptDigitsMax) {
    if (!numbers.keepsSpelling) return at;
    const isZeroFirst = body[start] === zero;
    const endsInZero = at !== wholeEnd && body[at - 1] === zero;
    const isPlain = !endsInZero && !(isZeroFirst && (body[start - 1] === minus || at - start > plainFractionBytesMax));
    if (isPlain) return at;
  }
  let exponent = 0;
  if (hasExponent) {
    byte = body[++at]!;
    const isNegative = byte === minus;
    if (isNegative || byte === plus) byte = body[++at]!;
    const digitsStart = at;
    for (; byte >= zero && byte <= nine; byte = body[++at]!) exponent = Math.min(exponent * 10 + byte - zero, 1e15);
    if (isNegative) exponent = -exponent;
    if (at === digitsStart) return at;
  }
  const isWritten = (body[start] !== zero || wholeEnd === start + 1) && mantissaEnd !== wholeEnd + 1;
  if (!isWritten || numbers.isFull || !mustBeKept(body, { start, wholeEnd, mantissaEnd, end: at, exponent }, numbers))
    return at;
  // In the place of a key it is no JSON; as a text it would be.
  if (!followsColon(body, at)) numbers.add(body[start - 1] === minus ? start - 1 : start, at);
  return at;
}

type Spelling = {
  readonly start: number;
  readonly wholeEnd: number;
  readonly mantissaEnd: number;
  readonly end: number;
  readonly exponent: number;
};

function mustBeKept(body: Buffer, spelling: Spelling, numbers: FoundNumbers): boolean {
  const { start, wholeEnd, mantissaEnd, end, exponent } = spelling;
  let first = start;
  while (first < mantissaEnd && (body[first] === zero || body[first] === point)) first += 1;
  if (first === mantissaEnd) return numbers.keepsSpelling && (end > start + 1 || body[start - 1] === minus);
  let last = mantissaEnd - 1;
  while (body[last] === zero || body[last] === point) last -= 1;
  const digits = last - first + (first < wholeEnd && last >= wholeEnd ? 0 : 1);
  // Of the first digit that is not zero, and of the last.
  const magnitude = exponent + wholeEnd - first - (first < wholeEnd ? 1 : 0);
  const isPrintedSo = isPrinted(body, spelling, last, magnitude);
  if (numbers.keepsSpelling && !isPrintedSo) return true;
  if (digits > printedDigitsMax || Math.abs(magnitude) > exponentMax) return true;
  if (digits <= keptDigitsMax && magnitude >= exponentKeptMin && magnitude <= exponentKeptMax) return false;
  const lastExponent = magnitude - digits + 1;
  if (lastExponent <= subnormalLongMax) return true;
  if (magnitude < exponentKeptMin && lastExponent >= subnormalKeptMin) return false;
  const isKept = digits > keptDigitsMax ? areKept(body, { first, last, wholeEnd, digits, magnitude }) : undefined;
  if (isKept !== undefined) return !isKept;
  if (isPrintedSo) {
    const text = numbers.textOf(body, start, end);
    return String(Number(text)) !== text;
  }
  // Without the zeros at both ends, of which there may be megabytes.
  const mantissa = body.toString('latin1', first, last + 1).replace('.', '');
  return !isKeptAsDouble(`${mantissa}e${lastExponent}`);
}

/** Whether the notation is that in which JavaScript prints a number of this size (ECMA-262, Number::toString). */
function isPrinted(
  body: Buffer,
  { start, wholeEnd, mantissaEnd, end }: Spelling,
  last: number,
  magnitude: number,
): boolean {
  const hasFraction = mantissaEnd !== wholeEnd;
  if (hasFraction && last !== mantissaEnd - 1) return false;
  const isPlain = magnitude >= plainExponentMin && magnitude <= plainExponentMax;
  if (end === mantissaEnd) return isPlain;
  const isNormal = wholeEnd === start + 1 && body[start] !== zero && body[mantissaEnd] === 0x65;
  return !isPlain && isNormal && isSign(body[mantissaEnd + 1]) && body[mantissaEnd + 2] !== zero;
}

function isSign(byte: number | undefined): boolean {
  return byte === minus || byte === plus;
}

type SignificantDigits = {
  readonly first: number;
  readonly last: number;
  readonly wholeEnd: number;
  readonly digits: number;
  readonly magnitude: number;
};

function areKept(body: Buffer, { first, last, wholeEnd, digits, magnitude }: SignificantDigits): boolean | undefined {
  const isPointAmongLeading = wholeEnd > first && wholeEnd < first + leadingDigits;
  const lowPower = digits - leadingDigits;
  return areKeptDigits({
    high: integerAt(body, first, leadingDigits),
    low: integerAt(body, first + leadingDigits + (isPointAmongLeading ? 1 : 0), lowPower),
    lowPower,
    lastDigit: body[last]! - zero,
    exponent: magnitude - digits + 1,
  });
}

/** In the leading part. It and the other part, of at most 9 digits, are 32-bit integers. */
const leadingDigits = 8;

/** `count` digits from the byte `from` on, a point among them or none. */
function integerAt(body: Buffer, from: number, count: number): number {
  let value = 0;
  for (let at = from, left = count; left > 0; at += 1) {
    const byte = body[at]!;
    if (byte === point) continue;
    value = (value * 10 + byte - zero) | 0;
    left -= 1;
  }
  return value;
}

const numbersInitial = 16;

class FoundNumbers implements LongNumbers {
  starts = new Uint32Array(numbersInitial);
  ends = new Uint32Array(numbersInitial);
  count = 0;
  readonly keepsSpelling: boolean;
  readonly #countMax: number;
  readonly #ascii: string | undefined;

  /** `ascii`: the whole text, where its characters stand in the places of its bytes; a part of it costs nothing then. */
  constructor(options: {
    readonly countMax: number;
    readonly keepsSpelling: boolean;
    readonly ascii: string | undefined;
  }) {
    this.keepsSpelling = options.keepsSpelling;
    this.#countMax = options.countMax;
    this.#ascii = options.ascii;
  }

  textOf(body: Buffer, start: number, end: number): string {
    return this.#ascii === undefined ? body.toString('latin1', start, end) : this.#ascii.slice(start, end);
  }

  get isFull(): boolean {
    return this.count >= this.#countMax;
  }

  /** Room is doubled, so that a text full of them costs no more than a copy. */
  add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = widened(this.starts);
      this.ends = widened(this.ends);
    }
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count += 1;
  }
}

function widened(full: Uint32Array): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(full.length * 2);
  wider.set(full);
  return wider;
}
