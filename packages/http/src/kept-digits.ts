/**
 * Whether a decimal of 16 or 17 digits is the one that is printed for the double next to it (ECMA-262, Number::toString:
 * of the fewest digits that are read as that double, those nearest to it). To parse and print each number costs ten times
 * what JSON.parse does; this compares distances instead.
 *
 *   D = M × 10^k, M the digits as an integer;  x the double next to D;  δ = D − x;  u the distance of doubles at x
 *
 *   no shorter one   both neighbours of D that end in 0 are further from x than u/2, so they are read as other doubles
 *   the nearest      |δ| < 10^k / 2, so of those with as many digits none is nearer
 *
 * x and δ are computed in pairs of doubles (Dekker 1971), to 100 bits. `undefined` where that leaves it open: near a tie, at
 * a power of two (where doubles lie closer on one side), or where 10^k is no double.
 */
export function areKeptDigits(digits: Digits): boolean | undefined {
  const { high, low, lowPower, lastDigit, exponent } = digits;
  const power = powersOfTen[Math.abs(exponent)];
  const scale = powersOfTen[lowPower];
  if (power === undefined || scale === undefined) return undefined;
  // Exact: 10^9 has 21 bits beside its power of two, and 8 digits have 27.
  const upper = high * scale;
  const mantissa = upper + low;
  const rest = low - (mantissa - upper);
  const near = exponent < 0 ? divide(mantissa, rest, power) : multiply(mantissa, rest, power);
  const offset = over[0]!;
  const unit = unitOf(near);
  if (unit === undefined) return undefined;
  const step = exponent < 0 ? 1 / power : power;
  const half = unit / 2;
  const isNext = compare(Math.abs(offset), half);
  const isNearest = compare(Math.abs(offset), step / 2);
  const below = compare(Math.abs(offset - lastDigit * step), half);
  const above = compare(Math.abs(offset + (10 - lastDigit) * step), half);
  if (isNext !== -1 || isNearest === 0 || below === 0 || above === 0) return undefined;
  return isNearest < 0 && below > 0 && above > 0;
}

/** The first eight digits, the others, how many those are, the last one (not 0), and the power of ten that it stands for. */
export type Digits = {
  readonly high: number;
  readonly low: number;
  readonly lowPower: number;
  readonly lastDigit: number;
  readonly exponent: number;
};

/** Those that are doubles. */
const powersOfTen = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** The second result of a step: what the exact one is over the double that was given. A pair would be made for each number. */
const over = new Float64Array(1);

function divide(mantissa: number, rest: number, power: number): number {
  const quotient = mantissa / power;
  const product = quotient * power;
  const remainder = mantissa - product - productError(quotient, power, product) + rest;
  const correction = remainder / power;
  const near = quotient + correction;
  over[0] = correction - (near - quotient);
  return near;
}

function multiply(mantissa: number, rest: number, power: number): number {
  const product = mantissa * power;
  const correction = productError(mantissa, power, product) + rest * power;
  const near = product + correction;
  over[0] = correction - (near - product);
  return near;
}

/** 2^27 + 1: parts a double in two halves whose products are exact. */
const splitter = 134_217_729;

/** What `product` lacks of a × b. */
function productError(a: number, b: number, product: number): number {
  const aScaled = splitter * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = splitter * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

const bits = new Float64Array(1);
/** The same bytes; `head` of them is sign, exponent and the first bits of the fraction. */
const words = new Uint32Array(bits.buffer);
const [head, tail] = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? [1, 0] : [0, 1];

/** The distance to the next double. Undefined at a power of two. */
function unitOf(value: number): number | undefined {
  bits[0] = value;
  const top = words[head]!;
  if ((top & 0xfffff) === 0 && words[tail] === 0) return undefined;
  words[head] = (((top >>> 20) & 0x7ff) - 52) << 20;
  words[tail] = 0;
  return bits[0];
}

/** Far above what the pairs of doubles are wrong by, far below what numbers differ in. */
const tolerance = 1e-9;

/** −1, 1, or 0 when they are too near to tell. */
function compare(a: number, b: number): -1 | 0 | 1 {
  if (a < b * (1 - tolerance)) return -1;
  return a > b * (1 + tolerance) ? 1 : 0;
}
