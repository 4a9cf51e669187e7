import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isHybridStoreError,
  type LogicalPlan,
  type PlanExpression,
  type PlanQuery,
  type PlanRelation,
  planDepthMax,
} from '@hybridstore/contracts';
import { call, checkPlan, column, finishPlan, integer, not, type PlanSchemas, text } from '../src/index.ts';

const schemas: PlanSchemas = new Map([
  [
    'events',
    {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'kind', type: 'string' },
      ],
    },
  ],
]);
const scan = (alias: string): PlanRelation => ({ kind: 'scan', source: 'events', alias, columns: ['id', 'kind'] });
const select = (value: PlanExpression, from: PlanRelation = scan('e')): PlanQuery => ({
  kind: 'query',
  body: { kind: 'select', projections: [{ name: 'x', value }], from },
});
const refuses = (plan: LogicalPlan, message: RegExp) =>
  assert.throws(
    () => checkPlan(plan, schemas),
    (error) => isHybridStoreError(error, 'invalid_request') && message.test(error.message),
  );

describe('checkPlan', () => {
  test('takes a pattern with an escaped backslash before a C', () => {
    checkPlan(finishPlan(select(call('regexp_matches', column('e', 'kind'), text('\\\\C|\\pC|[C]')))), schemas);
  });

  test('takes a plan whose names resolve, in subqueries as well', () => {
    const exists: PlanExpression = { kind: 'exists', query: select(column('e', 'id'), scan('inner')), negated: false };
    checkPlan(finishPlan(select(exists)), schemas);
  });

  const id = column('e', 'id');
  const cases: readonly (readonly [string, LogicalPlan, RegExp])[] = [
    ['a column of a relation that is not there', finishPlan(select(column('other', 'id'))), /other\.id does not exist/],
    [
      'a column that the scan does not read',
      { ...finishPlan(select(id)), query: select(column('e', 'secret')) },
      /e\.secret does not exist/,
    ],
    [
      'a scan column that the source lacks',
      finishPlan(select(column('e', 'x'), { kind: 'scan', source: 'events', alias: 'e', columns: ['x'] })),
      /no column x/,
    ],
    [
      'a source that is not there',
      finishPlan(select(column('e', 'id'), { kind: 'scan', source: 'secrets', alias: 'e', columns: ['id'] })),
      /secrets does not exist/,
    ],
    [
      'a literal that is no value of its type',
      finishPlan(select({ kind: 'literal', type: 'bigint', value: '1); SELECT 2; --' })),
      /is not a number of its type/,
    ],
    [
      'an alias used twice',
      finishPlan(select(id, { kind: 'join', first: scan('e'), steps: [{ type: 'cross', right: scan('E') }] })),
      /used twice/,
    ],
    [
      'a relation to the right, seen without lateral',
      finishPlan(
        select(id, {
          kind: 'join',
          first: { kind: 'unnest', value: column('e', 'id'), alias: 'u', column: 'v' },
          steps: [{ type: 'cross', right: scan('e') }],
        }),
      ),
      /e\.id does not exist/,
    ],
    [
      'a WITH entry that is not there',
      finishPlan(select(column('c', 'x'), { kind: 'cte', name: 'c', alias: 'c' })),
      /with entry c does not exist/,
    ],
    ['a function that is not known', finishPlan(select(call('read_csv', id))), /read_csv does not exist/],
    [
      'a function with too many arguments',
      finishPlan(select(call('upper', id, id))),
      /takes 1 to 1 arguments, found 2/,
    ],
    [
      'a format that rows decide',
      finishPlan(select(call('strftime', column('e', 'id'), column('e', 'kind')))),
      /strftime takes a date format that is a text of the plan/,
    ],
    [
      'a format that is put together while it runs',
      finishPlan(select(call('strptime', column('e', 'kind'), call('concat', text('%'), text('n'))))),
      /strptime takes a date format that is a text of the plan/,
    ],
    [
      'a format whose specifier is not on the list',
      finishPlan(select(call('strftime', column('e', 'id'), text('%Y%n')))),
      /a format of a date: %n is not supported/,
    ],
    [
      'a parameter as a format that is not on the list',
      finishPlan(select(call('try_strptime', column('e', 'kind'), { kind: 'parameter', index: 0 })), [
        { type: 'string', value: '%n%n%n' },
      ]),
      /a format of a date: %n is not supported/,
    ],
    [
      'a parameter as a format that is no text',
      finishPlan(select(call('strftime', column('e', 'id'), { kind: 'parameter', index: 0 })), [
        { type: 'bigint', value: 1 },
      ]),
      /strftime takes a date format that is a text of the plan/,
    ],
    [
      'a format in the condition of a subquery',
      finishPlan(
        select({
          kind: 'subquery',
          query: {
            kind: 'query',
            body: {
              kind: 'select',
              projections: [{ name: 'x', value: integer(1) }],
              where: call('contains', call('strftime', call('current_timestamp'), text('%n')), text('a')),
            },
          },
        }),
      ),
      /%n is not supported/,
    ],
    [
      'a pattern that rows decide',
      finishPlan(select(call('regexp_extract', text('a'), column('e', 'kind')))),
      /regexp_extract takes a pattern that is a text of the plan/,
    ],
    [
      'a pattern that cuts characters in half',
      finishPlan(select(call('regexp_replace', column('e', 'kind'), text('a|\\\\(\\C)'), text('\\1')))),
      /\\C is not supported/,
    ],
    [
      'a parameter as a pattern that cuts characters in half',
      finishPlan(select(call('regexp_extract_all', column('e', 'kind'), { kind: 'parameter', index: 0 })), [
        { type: 'string', value: '[a-z]\\C' },
      ]),
      /\\C is not supported/,
    ],
    [
      'an ORDER BY inside a window function',
      finishPlan(
        select({
          ...call('cume_dist'),
          orderBy: [{ value: id, direction: 'asc', nulls: 'last' }],
          over: { partitionBy: [], orderBy: [] },
        }),
      ),
      /cume_dist is no aggregate function and takes no DISTINCT, FILTER or ORDER BY/,
    ],
    [
      'DISTINCT inside a scalar function',
      finishPlan(select({ ...call('upper', id), distinct: true })),
      /takes no DISTINCT/,
    ],
    ['an error of the caller', finishPlan(select(call('error', text('pay here')))), /one of the texts/],
    ['an error that rows decide', finishPlan(select(call('error', column('e', 'kind')))), /one of the texts/],
    ['a parameter without a value', finishPlan(select({ kind: 'parameter', index: 0 })), /parameter 1 has no value/],
    ['tables that hide a scan', { ...finishPlan(select(id)), tables: [] }, /tables does not match/],
    [
      'an output that is not there',
      finishPlan({
        ...select(id),
        orderBy: [{ value: { kind: 'output', index: 3 }, direction: 'asc', nulls: 'last' }],
      }),
      /output 4 does not exist/,
    ],
    [
      'inputs of a union that differ',
      finishPlan({
        kind: 'query',
        body: {
          kind: 'set_operation',
          operator: 'union',
          all: true,
          inputs: [select(id).body, { kind: 'values', names: ['a', 'b'], rows: [[integer(1), integer(2)]] }],
        },
      }),
      /differ in their number of columns/,
    ],
    [
      'rows of values that differ',
      finishPlan({ kind: 'query', body: { kind: 'values', names: ['a'], rows: [[integer(1), integer(2)]] } }),
      /differ in length/,
    ],
    ['nesting beyond the bound', finishPlan(select(nest(integer(1), planDepthMax))), /nested deeper/],
  ];
  for (const [name, plan, message] of cases) test(`refuses ${name}`, () => refuses(plan, message));
});

function nest(value: PlanExpression, depth: number): PlanExpression {
  return depth === 0 ? value : nest(not(value), depth - 1);
}
