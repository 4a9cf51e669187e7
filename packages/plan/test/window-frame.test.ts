import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FrameBound, isHybridStoreError, type PlanExpression, type PlanParameter } from '@hybridstore/contracts';
import { arithmetic, call, cast, checkPlan, column, finishPlan, integer, literal } from '../src/index.ts';

const before = (value: PlanExpression): FrameBound => ({ kind: 'preceding', value });
const after = (value: PlanExpression): FrameBound => ({ kind: 'following', value });
const first: FrameBound = { kind: 'unbounded_preceding' };
const current: FrameBound = { kind: 'current_row' };
const last: FrameBound = { kind: 'unbounded_following' };
const days = (value: PlanExpression): PlanExpression => ({ kind: 'interval', unit: 'day', value });
const hours = (value: PlanExpression): PlanExpression => ({ kind: 'interval', unit: 'hour', value });
const parameter: PlanExpression = { kind: 'parameter', index: 0 };

/** Checks a median over the frame. */
function check(start: FrameBound, end: FrameBound, parameters: readonly PlanParameter[] = []): void {
  const over = {
    partitionBy: [],
    orderBy: [{ value: column('e', 'id'), direction: 'asc', nulls: 'last' }],
    frame: { unit: 'rows', start, end },
  } as const;
  checkPlan(
    finishPlan(
      {
        kind: 'query',
        body: {
          kind: 'select',
          projections: [{ name: 'x', value: { ...call('median', column('e', 'id')), over } }],
          from: { kind: 'scan', source: 'events', alias: 'e', columns: ['id'] },
        },
      },
      parameters,
    ),
  );
}

describe('a window frame', () => {
  const taken: readonly (readonly [string, FrameBound, FrameBound])[] = [
    ['a whole partition', first, last],
    ['up to the row', first, current],
    ['from before the row to behind it', before(integer(1)), after(integer(3))],
    ['the row alone', current, current],
    ['rows before it', before(integer(3)), before(integer(1))],
    ['rows behind it', after(integer(1)), after(integer(1))],
    ['a fraction of the key', before(literal('decimal(3,1)', '2.5')), after(literal('double', 0.5))],
    ['days', before(days(integer(3))), before(days(integer(1)))],
    ['days and hours', before(arithmetic('add', days(integer(1)), hours(integer(2)))), current],
  ];
  for (const [what, start, end] of taken) test(`is taken: ${what}`, () => check(start, end));

  const refused: readonly (readonly [string, FrameBound, FrameBound])[] = [
    ['the last row before the first', last, first],
    ['behind the row before it', after(integer(1)), before(integer(1))],
    ['from the row to before it', current, before(integer(1))],
    ['turned round behind the row', after(integer(3)), after(integer(1))],
    ['turned round before the row', before(integer(1)), before(integer(3))],
    ['turned round by a fraction', before(literal('decimal(3,1)', '0.1')), before(literal('decimal(3,1)', '0.2'))],
    ['in several units', before(days(integer(1))), before(hours(integer(1)))],
    ['in sums of units', before(arithmetic('add', days(integer(1)), hours(integer(2)))), before(days(integer(1)))],
    ['in numbers that are rounded apart', before(literal('double', 2.5)), before(literal('decimal(2,1)', '2.5'))],
    ['from behind the partition on', last, last],
  ];
  for (const [what, start, end] of refused)
    test(`is refused: ${what}`, () =>
      assert.throws(
        () => check(start, end),
        (error) => isHybridStoreError(error, 'invalid_request') && /ends before it begins/.test(error.message),
      ));

  const unknown: readonly (readonly [string, PlanExpression])[] = [
    ['a column', column('e', 'id')],
    ['less than nothing', integer(-1)],
    ['negated', arithmetic('negate', integer(1))],
    ['a difference', arithmetic('subtract', integer(1), integer(2))],
    ['an interval backwards', days(integer(-1))],
    ['an interval that rows decide', days(column('e', 'id'))],
    ['no number', literal('string', 'nan')],
    ['more digits than a double holds', literal('decimal(38,18)', '0.300000000000000001')],
    ['a random number', call('random')],
    ['rounded to another type', cast(literal('decimal(2,1)', '2.4'), 'integer')],
    ['null', literal('bigint', null)],
  ];
  for (const [what, offset] of unknown)
    test(`has no offset that is ${what}`, () => {
      for (const bound of [before(offset), after(offset)])
        assert.throws(
          () => check(first, bound),
          (error) => isHybridStoreError(error, 'invalid_request') && /offset of a window frame/.test(error.message),
        );
    });

  test('may begin where a parameter says', () => {
    check(before(parameter), current, [{ type: 'bigint', value: 3 }]);
    assert.throws(() => check(before(parameter), current, [{ type: 'bigint', value: -3 }]), /offset of a window frame/);
    assert.throws(
      () => check(after(integer(3)), after(parameter), [{ type: 'bigint', value: 1 }]),
      /ends before it begins/,
    );
  });
});
