import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { JoinType, PlanExpression, PlanQuery, PlanRelation, SelectBody } from '@hybridstore/contracts';
import {
  arithmetic,
  call,
  column,
  compare,
  finishPlan,
  integer,
  literal,
  logic,
  not,
  type OptimizationStep,
  optimizePlan,
  printTree,
} from '../src/index.ts';

const sales: PlanRelation = { kind: 'scan', source: 'sales', alias: 's', columns: ['id', 'amount', 'region'] };
const customers: PlanRelation = { kind: 'scan', source: 'customers', alias: 'c', columns: ['id', 'name'] };
const body = (parts: Partial<SelectBody>): SelectBody => ({
  kind: 'select',
  projections: [{ name: 'x', value: column('t', 'id') }],
  ...parts,
});
const derived = (inner: Partial<SelectBody>, more: Partial<PlanQuery> = {}): PlanRelation => ({
  kind: 'derived',
  alias: 't',
  query: {
    kind: 'query',
    body: body({
      projections: [
        { name: 'id', value: column('s', 'id') },
        { name: 'amount', value: column('s', 'amount') },
      ],
      from: sales,
      ...inner,
    }),
    ...more,
  },
});
const rewrite = (select: Partial<SelectBody>, step: OptimizationStep) => {
  const result = optimizePlan(finishPlan({ kind: 'query', body: body(select) }), [step]);
  return { tree: printTree(result.plan), changed: result.steps[0]?.changed };
};
const over5 = compare('gt', column('t', 'amount'), integer(5));

describe('folding constants', () => {
  const fold = (value: PlanExpression) => {
    const plan = finishPlan({ kind: 'query', body: { kind: 'select', projections: [{ name: 'x', value }] } });
    return printTree(optimizePlan(plan, ['fold_constants']).plan).split(':= ')[1];
  };
  const truth = literal('boolean', true);
  const unknown = literal('boolean', null);
  test('sums whole numbers, unless they leave the range in which the engine sums them', () => {
    assert.equal(fold(arithmetic('add', integer(1), arithmetic('multiply', integer(2), integer(3)))), '7');
    assert.equal(fold(arithmetic('multiply', integer(2_000_000_000), integer(2))), '(2000000000 * 2)');
    assert.equal(fold(arithmetic('divide', integer(1), integer(0))), '(1 / 0)');
  });
  test('keeps the three values of AND and OR apart', () => {
    assert.equal(fold(logic('and', [unknown, not(truth)])), 'FALSE');
    assert.equal(fold(logic('or', [unknown, truth])), 'TRUE');
    assert.equal(fold(logic('and', [unknown, truth])), '(CAST(NULL AS BOOLEAN))');
    assert.equal(fold(compare('lt', integer(1), integer(2))), 'TRUE');
  });
});

describe('pushing conditions down', () => {
  const push = (inner: Partial<SelectBody>, more: Partial<PlanQuery> = {}) =>
    rewrite({ from: derived(inner, more), where: over5 }, 'push_down_filters');

  test('moves a condition to the scan', () => {
    assert.equal(
      push({}).tree,
      `select
  x := "t"."id"
  derived t
    select
      id := "s"."id"
      amount := "s"."amount"
      where ("s"."amount" > 5)
      scan sales as s (id, amount)`,
    );
  });

  test('moves it into every input of a union', () => {
    const input = body({
      projections: [
        { name: 'id', value: column('s', 'id') },
        { name: 'amount', value: column('s', 'amount') },
      ],
      from: sales,
    });
    const other: SelectBody = {
      ...input,
      projections: [
        { name: 'a', value: column('c', 'id') },
        { name: 'b', value: column('c', 'name') },
      ],
      from: customers,
    };
    const from: PlanRelation = {
      kind: 'derived',
      alias: 't',
      query: { kind: 'query', body: { kind: 'set_operation', operator: 'union', all: true, inputs: [input, other] } },
    };
    const { tree } = rewrite({ from, where: over5 }, 'push_down_filters');
    assert.match(tree, /where \("s"\."amount" > 5\)/);
    assert.match(tree, /where \("c"\."name" > 5\)/);
  });

  const amounts = {
    projections: [
      { name: 'id', value: column('s', 'region') },
      { name: 'amount', value: call('sum', column('s', 'amount')) },
    ],
    groupBy: [{ kind: 'key', value: column('s', 'region') }],
  } as const;
  const stays: readonly (readonly [string, Partial<SelectBody>, Partial<PlanQuery>])[] = [
    ['LIMIT', {}, { limit: integer(3) }],
    ['DISTINCT ON', { distinct: { kind: 'on', keys: [column('s', 'id')] } }, {}],
    [
      'a window',
      {
        projections: [
          { name: 'id', value: column('s', 'id') },
          { name: 'amount', value: { ...call('rank'), over: { partitionBy: [], orderBy: [] } } },
        ],
      },
      {},
    ],
    ['QUALIFY', { qualify: literal('boolean', true) }, {}],
    ['an aggregate', amounts, {}],
    [
      'a random number',
      {
        projections: [
          { name: 'id', value: column('s', 'id') },
          { name: 'amount', value: call('random') },
        ],
      },
      {},
    ],
  ];
  for (const [name, inner, more] of stays) {
    test(`leaves a condition above ${name}`, () => assert.equal(push(inner, more).changed, false));
  }

  test('moves a condition on a key below its grouping', () => {
    const where = compare('eq', column('t', 'id'), literal('string', 'north'));
    assert.match(
      rewrite({ from: derived(amounts), where }, 'push_down_filters').tree,
      /where \("s"\."region" = 'north'\)/,
    );
  });

  test('leaves a condition above a key of ROLLUP', () => {
    const rolled: Partial<SelectBody> = { ...amounts, groupBy: [{ kind: 'rollup', sets: [[column('s', 'region')]] }] };
    const where = compare('eq', column('t', 'id'), literal('string', 'north'));
    assert.equal(rewrite({ from: derived(rolled), where }, 'push_down_filters').changed, false);
  });

  const sides: readonly (readonly [JoinType, boolean])[] = [
    ['inner', true],
    ['left', false],
    ['right', true],
    ['full', false],
    ['asof', false],
  ];
  for (const [type, moves] of sides) {
    test(`${moves ? 'moves it into' : 'keeps it off'} the right side of a join of type ${type}`, () => {
      const from: PlanRelation = {
        kind: 'join',
        first: customers,
        steps: [{ type, right: derived({}), on: compare('eq', column('c', 'id'), column('t', 'id')) }],
      };
      assert.equal(rewrite({ from, where: over5 }, 'push_down_filters').changed, moves);
    });
  }
});

describe('pruning columns', () => {
  test('drops outputs that nothing reads, and the scan follows', () => {
    assert.match(rewrite({ from: derived({}) }, 'prune_columns').tree, /id := "s"\."id"\n {6}scan sales as s \(id\)/);
  });

  test('keeps one aggregate of a select that is one group', () => {
    const inner = {
      projections: [
        { name: 'id', value: integer(1) },
        { name: 'n', value: call('count') },
      ],
    };
    assert.equal(rewrite({ from: derived(inner) }, 'prune_columns').changed, false);
  });

  test('keeps every output of DISTINCT', () => {
    assert.equal(rewrite({ from: derived({ distinct: { kind: 'rows' } }) }, 'prune_columns').changed, false);
  });
});

describe('joining by conditions', () => {
  const from = (type: JoinType): PlanRelation => ({
    kind: 'join',
    first: sales,
    steps: [
      { type: 'cross', right: customers },
      ...(type === 'cross'
        ? []
        : [
            {
              type,
              right: { kind: 'scan', source: 'regions', alias: 'r', columns: ['id'] } as const,
              on: compare('eq', column('r', 'id'), column('s', 'region')),
            },
          ]),
    ],
  });
  const where = logic('and', [
    compare('eq', column('s', 'id'), column('c', 'id')),
    compare('gt', column('s', 'amount'), integer(5)),
  ]);
  const projections = [{ name: 'x', value: column('s', 'id') }];

  test('an equality of two tables becomes the ON of their join', () => {
    assert.match(
      rewrite({ projections, from: from('cross'), where }, 'join_by_conditions').tree,
      /inner on \("s"\."id" = "c"\."id"\)/,
    );
  });

  test('beside a right join the condition stays where it is', () => {
    assert.equal(rewrite({ projections, from: from('right'), where }, 'join_by_conditions').changed, false);
  });
});
