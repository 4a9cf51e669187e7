/**
 * Whether a decimal of 16 or 17 digits is the one that is printed for the double next to it (ECMA-262, Number::toString:
 * of the fewest digits that are read as that double, those nearest to it). To parse and print each number costs ten times
 * what JSON.parse does; this compares distances instead.
 *
 *   D = M × 10^k, M the digits as an integer;  x the double next to D;  δ = D − x
 *   a, b             half the distance of x to the next double above and below
 *
 *   no shorter one   both neighbours of D that end in 0 lie beyond x + a and x − b, so they are read as other doubles
 *   the nearest      |δ| < 10^k / 2, so of those with as many digits none is nearer
 *
 * x and δ are computed in pairs of doubles (Dekker 1971), to 100 bits, over the power of two in 10^k: nothing overflows.
 * `undefined` where that leaves it open: near a tie, and where doubles lose bits (subnormal) or end.
 */
export function areKeptDigits({ high, low, lowPower, lastDigit, exponent }: Digits): boolean | undefined {
  const power = powerOfTen(exponent);
  if (power === undefined) return undefined;
  const scale = scales[lowPower]!;
  // Exact: 10^9 has 21 bits beside its power of two, and 8 digits have 27.
  const upper = high * scale;
  const mantissa = upper + low;
  const rest = low - (mantissa - upper);
  const step = power.upper;
  const product = mantissa * step;
  const correction = productError(mantissa, step, product) + rest * step + mantissa * power.lower;
  const near = product + correction;
  const offset = correction - (near - product);
  const unit = unitOf(near, power.twos);
  if (unit === undefined) return undefined;
  const isNearest = compare(Math.abs(offset), step / 2);
  if (isNearest === 1) return false;
  const halfAbove = unit / 2;
  const halfBelow = isPowerOfTwo(near) ? unit / 4 : halfAbove;
  const isNext = offset < 0 ? compare(-offset, halfBelow) : compare(offset, halfAbove);
  const below = compare(lastDigit * step - offset, halfBelow);
  const above = compare((10 - lastDigit) * step + offset, halfAbove);
  // Without a power of ten nothing is rounded here: what seems half way is, and belongs to the even double.
  if (exponent === 0) return isEven(near) ? below === 1 && above === 1 : below >= 0 && above >= 0;
  if (isNext !== -1 || isNearest === 0 || below === 0 || above === 0) return undefined;
  return below === 1 && above === 1;
}

/** The first eight digits, the others, how many those are, the last one (not 0), and the power of ten that it stands for. */
export type Digits = {
  readonly high: number;
  readonly low: number;
  readonly lowPower: number;
  readonly lastDigit: number;
  readonly exponent: number;
};

const scales = Array.from({ length: 10 }, (_, power) => Number(`1e${power}`));

/** 10^k = (upper + lower) × 2^twos, upper from 1 to 2, to 106 bits. */
type PowerOfTen = { readonly upper: number; readonly lower: number; readonly twos: number };

/** Of the last of 17 digits: those of the smallest double begin at 10^-324. */
const powerMin = -340;
const powerMax = 308;
const powers: (PowerOfTen | undefined)[] = Array.from({ length: powerMax - powerMin + 1 }, () => undefined);

function powerOfTen(exponent: number): PowerOfTen | undefined {
  if (exponent < powerMin || exponent > powerMax) return undefined;
  const known = powers[exponent - powerMin];
  if (known) return known;
  const made = makePower(exponent);
  powers[exponent - powerMin] = made;
  return made;
}

/** Bits of a power: two doubles hold 106, and a few more round the last one. */
const powerBits = 116;

function makePower(exponent: number): PowerOfTen {
  // So many bits before the division that the quotient has enough, whatever the divisor.
  const room = 1_400;
  const scaled =
    exponent >= 0 ? (10n ** BigInt(exponent)) << BigInt(room) : (1n << BigInt(room)) / 10n ** BigInt(-exponent);
  const bits = scaled.toString(2).length;
  const leading = scaled >> BigInt(bits - powerBits);
  const upperBits = Number(leading >> BigInt(powerBits - 53));
  const lowerBits = Number(leading & ((1n << BigInt(powerBits - 53)) - 1n));
  return { upper: upperBits / 2 ** 52, lower: lowerBits / 2 ** (powerBits - 1), twos: bits - 1 - room };
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
const exponentBias = 1_023;

/** The distance to the next double above. Undefined where `value` × 2^`twos` is not a double of full precision. */
function unitOf(value: number, twos: number): number | undefined {
  bits[0] = value;
  const exponent = words[head]! >>> 20;
  if (exponent + twos <= 0 || exponent + twos > 2 * exponentBias) return undefined;
  words[head] = (exponent - 52) << 20;
  words[tail] = 0;
  return bits[0];
}

/** There doubles lie twice as close below as above. */
function isPowerOfTwo(value: number): boolean {
  bits[0] = value;
  return (words[head]! & 0xfffff) === 0 && words[tail] === 0;
}

function isEven(value: number): boolean {
  bits[0] = value;
  return (words[tail]! & 1) === 0;
}

/** Far above what the pairs of doubles are wrong by, far below what numbers differ in. */
const tolerance = 1e-9;

/** −1, 1, or 0 when they are too near to tell. */
function compare(a: number, b: number): -1 | 0 | 1 {
  if (a < b * (1 - tolerance)) return -1;
  return a > b * (1 + tolerance) ? 1 : 0;
}
