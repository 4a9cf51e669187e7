import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalQuantity, isSameQuantity, parseQuantityNanos, quantityToNumber } from '../../src/kube/quantity.ts';

describe('quantities', () => {
  // What API server v1.35 stores, seen on a real one or in apimachinery's quantity_test.go.
  const canonical: [string, string][] = [
    ['1000m', '1'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5', '500m'],
    ['2000m', '2'],
    ['1500m', '1500m'],
    ['0', '0'],
    ['0Mi', '0'],
    ['1000k', '1M'],
    ['100u', '100u'],
    ['12e6', '12e6'],
    ['-1Gi', '-1Gi'],
  ];
  for (const [text, stored] of canonical)
    it(`${text} is stored as ${stored}`, () => assert.equal(canonicalQuantity(text), stored));

  for (const text of ['', 'x', '1 Gi', '1gi', '1.2.3', 'Gi', '.', '1e', '1e123']) {
    it(`${JSON.stringify(text)} is no quantity`, () => assert.equal(parseQuantityNanos(text), undefined));
  }

  it('the same amount in two forms is the same', () => {
    assert.ok(isSameQuantity('1', '1000m'));
    assert.ok(isSameQuantity(2, '2'));
    assert.ok(!isSameQuantity('1', '1001m'));
    assert.ok(!isSameQuantity('x', 'x'));
  });

  // What a number in floating point, or a whole one before its suffix, would lose.
  const exact: [string, bigint][] = [
    ['9007199254740993', 9_007_199_254_740_993_000_000_000n],
    ['9007199254740993n', 9_007_199_254_740_993n],
    ['0.1', 100_000_000n],
    ['1.5Gi', 1_610_612_736_000_000_000n],
    ['0.5k', 500_000_000_000n],
    ['15e-1', 1_500_000_000n],
    ['1E3', 1_000_000_000_000n],
    ['7Ei', 7n * 2n ** 60n * 1_000_000_000n],
  ];
  for (const [text, nanos] of exact) it(`${text} is exact`, () => assert.equal(parseQuantityNanos(text), nanos));

  it('fractions below a billionth are rounded up', () => assert.equal(parseQuantityNanos('0.0000000001'), 1n));

  it('amounts read as numbers', () => {
    assert.equal(quantityToNumber('1.5Gi'), 1.5 * 2 ** 30);
    assert.ok(Number.isNaN(quantityToNumber('many')));
  });

  it('property: the canonical form is the same amount and canonical itself', () => {
    const text = fc
      .record({ number: fc.nat(10_000_000), suffix: fc.constantFrom('', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi') })
      .map(({ number, suffix }) => `${number}${suffix}`);
    fc.assert(
      fc.property(text, (amount) => {
        const stored = canonicalQuantity(amount);
        assert.equal(parseQuantityNanos(stored), parseQuantityNanos(amount));
        assert.equal(canonicalQuantity(stored), stored);
      }),
    );
  });
});
