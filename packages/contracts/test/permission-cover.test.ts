import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Action,
  actions,
  coversAction,
  coversPattern,
  firstUncovered,
  intersectPermissions,
  matchesPattern,
  type Permission,
} from '@hybridstore/contracts';
import fc from 'fast-check';

const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '_', '*'), minLength: 1, maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', '_'), maxLength: 10 });
const permission = fc.record({
  sources: fc.array(pattern, { minLength: 1, maxLength: 4 }),
  actions: fc.subarray<Action>([...actions], { minLength: 1 }),
});
const permissions = fc.array(permission, { maxLength: 4 });

/** The same by a regular expression, which is short and, for patterns of strangers, too slow. */
function matchesByRegex(wanted: string, source: string): boolean {
  return new RegExp(`^${wanted.replaceAll('*', '.*')}$`).test(source);
}

function allows(held: readonly Permission[], action: Action, source: string): boolean {
  return held.some(
    (one) => one.actions.includes(action) && one.sources.some((wanted) => matchesPattern(wanted, source)),
  );
}

describe('patterns of sources', () => {
  it('match what the regular expression of the same meaning matches', () => {
    fc.assert(
      fc.property(pattern, text, (wanted, source) => matchesPattern(wanted, source) === matchesByRegex(wanted, source)),
    );
  });

  it('match themselves with every star filled in', () => {
    fc.assert(fc.property(pattern, text, (wanted, filling) => matchesPattern(wanted, wanted.replaceAll('*', filling))));
  });

  const examples: readonly [string, string, boolean][] = [
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*a*', 'bab', true],
    ['ab*ba', 'aba', false],
    ['sales', 'sales_eu', false],
    ['sales_*', 'sales_', true],
    ['', '', true],
  ];
  for (const [wanted, source, expected] of examples) {
    it(`${JSON.stringify(wanted)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(source)}`, () => {
      assert.equal(matchesPattern(wanted, source), expected);
    });
  }

  it('are compared in time that grows with the length only', () => {
    const hard = `${'*a'.repeat(2_000)}b`;
    assert.equal(matchesPattern(hard, 'a'.repeat(20_000)), false);
  });

  it('cover another pattern only when they match all that it matches', () => {
    fc.assert(
      fc.property(pattern, pattern, fc.array(text, { maxLength: 8 }), (wider, narrower, fillings) => {
        if (!coversPattern(wider, narrower)) return true;
        let next = 0;
        const expanded = narrower.replaceAll('*', () => fillings[next++ % Math.max(1, fillings.length)] ?? '');
        return matchesPattern(wider, expanded);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('permissions', () => {
  it('cut down to held ones allow nothing beyond either', () => {
    fc.assert(
      fc.property(permissions, permissions, fc.constantFrom(...actions), text, (held, asked, action, source) => {
        const both = intersectPermissions(held, asked);
        return !allows(both, action, source) || (allows(held, action, source) && allows(asked, action, source));
      }),
    );
  });

  it('are covered by themselves, and by nothing less', () => {
    fc.assert(
      fc.property(permissions, (held) => {
        assert.equal(firstUncovered(held, held), undefined);
        for (const { sources, actions: asked } of held)
          for (const source of sources) for (const action of asked) assert.ok(coversAction(held, action, source));
      }),
    );
    assert.deepEqual(firstUncovered([], [{ sources: ['a'], actions: ['read'] }]), { source: 'a', action: 'read' });
  });

  it('name the first pair that is not covered', () => {
    const held: Permission[] = [{ sources: ['sales_*'], actions: ['read', 'write'] }];
    const asked: Permission[] = [{ sources: ['sales_eu', 'sales'], actions: ['read'] }];
    assert.deepEqual(firstUncovered(held, asked), { source: 'sales', action: 'read' });
  });

  it('keep the sources of one action set together when they are cut down', () => {
    const held: Permission[] = [{ sources: ['a*'], actions: ['read'] }];
    const asked: Permission[] = [{ sources: ['a1', 'b1', 'a2'], actions: ['read', 'write'] }];
    assert.deepEqual(intersectPermissions(held, asked), [{ sources: ['a1', 'a2'], actions: ['read'] }]);
  });
});
