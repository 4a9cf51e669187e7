import { daysOfCivil } from '@hybridstore/contracts';
import type { ColumnSection } from './batch-sections.ts';
import { parseDecimal } from './parse-decimal.ts';

const exactDigitsMax = 15;
const exactPower = 22;
const powers = Array.from({ length: exactPower + 1 }, (_, power) => Number(`1e${power}`));
export const int32Max = 2_147_483_647;
/** Stands for the 64 bits that a number has no room for. */
export const bigintMax = Number.MAX_SAFE_INTEGER;
const bigintDigitsMax = 19;

/**
 * Numbers and times out of bytes into a column, without a text between. Each method reads from `at` on and writes row `row`;
 * where the value is not one that it knows to mean the same as to `BatchEncoder`, it gives false and writes nothing.
 *
 * Digits go into a number while there are at most 15 of them, which a double keeps; m × 10^-k is then correctly rounded for
 * k ≤ 22, because both are exact (Clinger, "How to Read Floating Point Numbers Accurately").
 */
export class CellReader {
  protected readonly bytes: Buffer;
  protected at = 0;
  protected row = 0;
  // The number that was read last.
  #isNegative = false;
  #digits = 0;
  #mantissa = 0;
  #fraction = 0;
  #hasExponent = false;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  protected readLong(section: ColumnSection, max: number): boolean {
    const start = this.at;
    if (!this.#readNumber() || this.#hasExponent || this.#fraction > 0) return false;
    if (this.#digits <= exactDigitsMax) {
      if (this.#isNegative && this.#mantissa === 0) return false;
      const value = this.#isNegative ? -this.#mantissa : this.#mantissa;
      if (value > max || value < -max - 1) return false;
      section.writeSafeInteger(this.row, value);
    } else {
      if (max === int32Max || this.#digits > bigintDigitsMax) return false;
      const value = BigInt(this.bytes.toString('latin1', start, this.at));
      if (BigInt.asIntN(64, value) !== value) return false;
      section.longs[this.row] = value;
    }
    section.mark(this.row);
    return true;
  }

  protected readDouble(section: ColumnSection): boolean {
    const start = this.at;
    if (!this.#readNumber()) return false;
    let value: number;
    if (this.#digits <= exactDigitsMax && this.#fraction <= exactPower && !this.#hasExponent) {
      value = this.#mantissa / powers[this.#fraction]!;
      if (this.#isNegative) value = -value;
    } else {
      value = Number(this.bytes.toString('latin1', start, this.at));
      if (!Number.isFinite(value)) return false;
    }
    section.doubles[this.row] = value;
    section.mark(this.row);
    return true;
  }

  protected readDecimal(section: ColumnSection): boolean {
    const { type } = section.column;
    const start = this.at;
    if (type.kind !== 'decimal' || !this.#readNumber()) return false;
    const shift = type.scale - this.#fraction;
    const isShort =
      !this.#hasExponent && shift >= 0 && this.#digits + shift <= Math.min(exactDigitsMax, type.precision);
    if (isShort) {
      const unscaled = this.#mantissa * powers[shift]!;
      const value = this.#isNegative && unscaled !== 0 ? -unscaled : unscaled;
      section.writeSafeInteger(this.row * 2, value);
      section.words.fill(value < 0 ? -1 : 0, this.row * 4 + 2, this.row * 4 + 4);
    } else {
      const unscaled = parseDecimal(this.bytes.toString('latin1', start, this.at), type.precision, type.scale);
      if (unscaled === undefined) return false;
      section.longs[this.row * 2] = BigInt.asIntN(64, unscaled);
      section.longs[this.row * 2 + 1] = unscaled >> 64n;
    }
    section.mark(this.row);
    return true;
  }

  /**
   * `YYYY-MM-DDTHH:MM:SS[.f][Z]` of the years 1700 to 2199, in which microseconds stay below 2^53; otherwise nothing is
   * read. What stands behind it is the caller's to look at.
   */
  protected readInstant(): number | undefined {
    const bytes = this.bytes;
    const { at } = this;
    if (bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return undefined;
    if ((bytes[at + 10] !== 0x54 && bytes[at + 10] !== 0x20) || bytes[at + 13] !== 0x3a || bytes[at + 16] !== 0x3a)
      return undefined;
    const year = twoDigits(bytes, at) * 100 + twoDigits(bytes, at + 2);
    if (!(year >= 1_700 && year < 2_200)) return undefined;
    const days = daysOfCivil(year, twoDigits(bytes, at + 5), twoDigits(bytes, at + 8));
    const [hour, minute, second] = [twoDigits(bytes, at + 11), twoDigits(bytes, at + 14), twoDigits(bytes, at + 17)];
    if (days === undefined || !(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
    let end = at + 19;
    let micros = 0;
    if (bytes[end] === 0x2e) {
      end += 1;
      const from = end;
      for (let digit = bytes[end]! - 48; digit >= 0 && digit <= 9 && end - from < 6; digit = bytes[end]! - 48) {
        micros = micros * 10 + digit;
        end += 1;
      }
      if (end === from) return undefined;
      micros *= powers[6 - (end - from)]!;
    }
    if (bytes[end] === 0x5a) end += 1;
    this.at = end;
    return (days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000 + micros;
  }

  /** A number of JSON. */
  #readNumber(): boolean {
    const bytes = this.bytes;
    let at = this.at;
    this.#isNegative = bytes[at] === 0x2d;
    if (this.#isNegative) at += 1;
    let mantissa = 0;
    let digits = 0;
    const start = at;
    for (let digit = bytes[at]! - 48; digit >= 0 && digit <= 9; digit = bytes[at]! - 48) {
      if (digits > 0 || digit > 0) digits += 1;
      if (digits <= exactDigitsMax) mantissa = mantissa * 10 + digit;
      at += 1;
    }
    if (at === start || (at - start > 1 && bytes[start] === 0x30)) return false;
    let fraction = 0;
    if (bytes[at] === 0x2e) {
      at += 1;
      const fractionAt = at;
      for (let digit = bytes[at]! - 48; digit >= 0 && digit <= 9; digit = bytes[at]! - 48) {
        if (digits > 0 || digit > 0) digits += 1;
        if (digits <= exactDigitsMax) mantissa = mantissa * 10 + digit;
        at += 1;
      }
      fraction = at - fractionAt;
      if (fraction === 0) return false;
    }
    this.#hasExponent = bytes[at] === 0x65 || bytes[at] === 0x45;
    if (this.#hasExponent) {
      at += bytes[at + 1] === 0x2b || bytes[at + 1] === 0x2d ? 2 : 1;
      const exponentAt = at;
      while (bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at += 1;
      if (at === exponentAt) return false;
    }
    this.#digits = digits;
    this.#mantissa = mantissa;
    this.#fraction = fraction;
    this.at = at;
    return true;
  }
}

function twoDigits(bytes: Buffer, at: number): number {
  const [first, second] = [bytes[at]! - 48, bytes[at + 1]! - 48];
  return first >= 0 && first <= 9 && second >= 0 && second <= 9 ? first * 10 + second : Number.NaN;
}
