import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKeptAsDouble } from '@hybridstore/runtime';
import fc from 'fast-check';
import { areKeptDigits } from '../src/kept-digits.ts';

/** As `12345678901234567e-17` says it: all digits, then the power of ten of the last one. */
function judge(digits: string, exponent: number): boolean | undefined {
  return areKeptDigits({
    high: Number(digits.slice(0, 8)),
    low: Number(digits.slice(8)),
    lowPower: digits.length - 8,
    lastDigit: Number(digits.at(-1)),
    exponent,
  });
}

const exponents = fc.integer({ min: -345, max: 315 });

function digitsOf(count: 16 | 17): fc.Arbitrary<string> {
  const first = fc.integer({ min: 1, max: 9 });
  const middle = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: count - 2, maxLength: count - 2 });
  return fc.tuple(first, middle, first).map(([one, more, last]) => `${one}${more.join('')}${last}`);
}

test('digits are judged as printing judges them, or not at all', () => {
  let judged = 0;
  const both = fc.oneof(digitsOf(16), digitsOf(17));
  fc.assert(
    fc.property(both, exponents, (digits, exponent) => {
      const isKept = judge(digits, exponent);
      if (isKept === undefined) return;
      judged += 1;
      assert.equal(isKept, isKeptAsDouble(`${digits}e${exponent}`));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(judged > 17_000, `${judged} of 20,000`);
});

test('what is printed for a double is kept', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-307, noNaN: true, noDefaultInfinity: true }), (value) => {
      const digits = value.toExponential().replace(/\.|e.*/g, '');
      if (digits.length < 16) return;
      const exponent = Number(/e(.*)/.exec(value.toExponential())?.[1]) - digits.length + 1;
      assert.notEqual(judge(digits, exponent), false);
    }),
    { numRuns: 20_000 },
  );
});

test('around powers of two and in the middle between two doubles nothing wrong is said', () => {
  for (let power = 50; power < 57; power += 1)
    for (let offset = -300n; offset <= 300n; offset += 1n) {
      const digits = String(2n ** BigInt(power) + offset);
      if (digits.endsWith('0') || digits.length < 16 || digits.length > 17) continue;
      for (let exponent = -22; exponent <= 22; exponent += 1) {
        const isKept = judge(digits, exponent);
        if (isKept !== undefined)
          assert.equal(isKept, isKeptAsDouble(`${digits}e${exponent}`), `${digits}e${exponent}`);
      }
    }
});

test('every power of two and its neighbours, as they are printed and one digit beside', () => {
  let judged = 0;
  for (let power = -1_021; power <= 1_022; power += 1)
    for (const value of [2 ** power, 2 ** power * (1 + 2 ** -52), 2 ** power * (1 - 2 ** -53)]) {
      const [mantissa = '', exponent = ''] = value.toExponential(16).split('e');
      const printed = BigInt(mantissa.replace('.', ''));
      for (let offset = -12n; offset <= 12n; offset += 1n) {
        const digits = String(printed + offset);
        if (digits.endsWith('0') || digits.length !== 17) continue;
        const isKept = judge(digits, Number(exponent) - 16);
        if (isKept === undefined) continue;
        judged += 1;
        assert.equal(isKept, isKeptAsDouble(`${digits}e${Number(exponent) - 16}`), `${digits}, ${exponent}`);
      }
    }
  assert.ok(judged > 130_000, `${judged}`);
});

test('integers are judged without exception, half way between two doubles too', () => {
  for (let offset = -3_000n; offset <= 3_000n; offset += 1n)
    for (const base of [2n ** 53n, 2n ** 54n, 2n ** 55n, 2n ** 56n, 3n * 2n ** 54n, 12_345_678_901_234_567n]) {
      const digits = String(base + offset);
      if (!digits.endsWith('0')) assert.equal(judge(digits, 0), isKeptAsDouble(digits), digits);
    }
});

test('where doubles lose bits or end, it is left open', () => {
  assert.equal(judge('12345678901234567', -335), undefined);
  assert.equal(judge('12345678901234567', -350), undefined);
  assert.equal(judge('12345678901234567', 300), undefined);
  assert.equal(judge('12345678901234567', 320), undefined);
});
