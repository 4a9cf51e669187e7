import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlanExpression, PlanQuery, PlanRelation, SelectBody } from '@hybridstore/contracts';
import { predictMemoryBytes } from '../../src/domain/predict-memory.ts';

const a: PlanExpression = { kind: 'column', relation: 'e', name: 'a' };
const b: PlanExpression = { kind: 'column', relation: 'e', name: 'b' };
const scan = (alias: string): PlanRelation => ({ kind: 'scan', source: 'events', alias, columns: ['a', 'b'] });
const aggregate = (name: string, more: object = {}): PlanExpression => ({
  kind: 'call',
  function: name,
  arguments: [a],
  ...more,
});
const limit: PlanExpression = { kind: 'literal', type: 'bigint', value: 10 };
const orderBy = [{ value: a, direction: 'asc', nulls: 'last' }] as const;

function select(more: Partial<SelectBody>, around: Partial<PlanQuery> = {}): PlanQuery {
  const body: SelectBody = { kind: 'select', projections: [{ name: 'a', value: a }], from: scan('e'), ...more };
  return { kind: 'query', body, ...around };
}
const project = (value: PlanExpression, more: Partial<SelectBody> = {}) =>
  select({ projections: [{ name: 'x', value }], ...more });
const join: PlanRelation = { kind: 'join', first: scan('e'), steps: [{ type: 'inner', right: scan('f'), on: a }] };

describe('the memory that a plan is predicted to hold', () => {
  const million = { rows: 1_000_000, rowBytes: 32 };
  const thousand = { rows: 1_000, rowBytes: 32 };
  const all = 48_000_000;
  const cases: readonly (readonly [string, PlanQuery, number])[] = [
    ['a scan', select({ where: a }), 0],
    ['one sum', project(aggregate('sum')), 0],
    ['the first rows of an order', select({}, { orderBy, limit }), 0],
    ['a limit', select({}, { limit }), 0],
    ['an order', select({}, { orderBy }), all],
    ['groups by one key', project(aggregate('sum'), { groupBy: [{ kind: 'key', value: a }] }), all / 4],
    [
      'groups by two keys',
      project(aggregate('sum'), {
        groupBy: [
          { kind: 'key', value: a },
          { kind: 'key', value: b },
        ],
      }),
      all,
    ],
    ['groups by a rollup', project(aggregate('sum'), { groupBy: [{ kind: 'rollup', sets: [[a]] }] }), all],
    ['distinct rows', select({ distinct: { kind: 'rows' } }), all],
    ['distinct values', project(aggregate('count', { distinct: true })), all],
    ['a median', project(aggregate('median')), all],
    ['a window', project(aggregate('sum', { over: { partitionBy: [], orderBy: [] } })), all],
    ['a union of all', { kind: 'query', body: union(true) }, 0],
    ['a union', { kind: 'query', body: union(false) }, all],
    [
      'an order within another query',
      select({ from: { kind: 'derived', alias: 'd', query: select({}, { orderBy }) } }),
      all,
    ],
  ];
  for (const [what, query, expected] of cases)
    it(`of ${what} is ${expected}`, () => {
      assert.equal(predictMemoryBytes({ query }, [million]), expected);
    });

  it('of a join is all but the largest scan, besides what else it holds', () => {
    assert.equal(predictMemoryBytes({ query: select({ from: join }) }, [million, thousand]), 48_000);
    assert.equal(predictMemoryBytes({ query: select({ from: join }) }, [million, million]), all);
    const sorted = select({ from: join }, { orderBy });
    assert.equal(predictMemoryBytes({ query: sorted }, [million, thousand]), all + 96_000);
  });

  it('of no scan is none', () => {
    assert.equal(predictMemoryBytes({ query: select({ from: join }, { orderBy }) }, []), 0);
  });
});

function union(isAll: boolean) {
  const one = select({}).body;
  return { kind: 'set_operation', operator: 'union', all: isAll, inputs: [one, one] } as const;
}
