import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialects, listValuesMax, type ParameterScalar, queryTextBytesMax } from '@hybridstore/contracts';
import fc from 'fast-check';
import { parameterValue, readParameters } from '../src/bind/parameter-values.ts';
import { parseSql } from '../src/parsing/index.ts';
import { corpusSchemas, openCorpus, runPlan } from './corpus-data.ts';

type Dialect = (typeof dialects)[number];
type Values = Parameters<typeof parseSql>[3];

function parse(text: string, dialect: Dialect, values: Values = []) {
  return parseSql(text, corpusSchemas, { dialect, isStrict: true }, values);
}

function literalOf(value: ParameterScalar): string {
  if (value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

const columns: Readonly<Record<string, fc.Arbitrary<ParameterScalar>>> = {
  order_id: fc.integer({ min: -2, max: 9 }),
  customer_id: fc.constantFrom('C1', 'C2', "It's", ''),
  amount: fc.constantFrom(10.5, 20, 7.25, -3.5),
  active: fc.boolean(),
  day: fc.constantFrom('2024-01-01', '2024-02-29'),
  order_date: fc.constantFrom('2024-01-01 08:30:00', '2024-02-29'),
};

describe('a bound list', () => {
  it('means what its values mean as literals, in every dialect', async () => {
    const connection = await openCorpus();
    const cases = fc.constantFrom(...Object.keys(columns)).chain((column) =>
      fc.record({
        column: fc.constant(column),
        values: fc.array(fc.option(columns[column] ?? fc.constant(1), { freq: 6 }), { minLength: 1, maxLength: 5 }),
        dialect: fc.constantFrom(...dialects),
        form: fc.constantFrom('IN (?)', 'NOT IN (?)', '= ANY(?)', '<> ALL(?)'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ({ column, values, dialect, form }) => {
        const ask = (condition: string) => `SELECT order_id FROM sales WHERE ${column} ${condition} ORDER BY order_id`;
        const isAmong = form === 'IN (?)' || form === '= ANY(?)';
        const written = ask(`${isAmong ? 'IN' : 'NOT IN'} (${values.map(literalOf).join(', ')})`);
        const [bound, literal] = await Promise.all([
          runPlan(connection, parse(ask(form), dialect, [values]).plan),
          runPlan(connection, parse(written, dialect).plan),
        ]);
        assert.deepEqual(bound.rows, literal.rows);
      }),
      { numRuns: 60 },
    );
  });

  it('that is empty holds nothing, whatever is looked for', async () => {
    const connection = await openCorpus();
    for (const dialect of dialects)
      for (const [condition, rows] of [
        ['IN (?)', 0],
        ['NOT IN (?)', 8],
        ['= ANY(?)', 0],
        ['<> ALL(?)', 8],
      ] as const) {
        const { plan } = parse(`SELECT order_id FROM sales WHERE customer_id ${condition}`, dialect, [[]]);
        assert.equal((await runPlan(connection, plan)).rows.length, rows, `${dialect} ${condition}`);
      }
  });

  it('may stand beside other values, under a name, and more than once', () => {
    const text = 'SELECT order_id FROM sales WHERE order_id IN (:ids, 7) OR quantity IN (:ids) OR order_id = :one';
    const { plan, parameterKeys } = parse(text, 'mysql', { ids: [1, 2], one: 3 });
    assert.deepEqual(
      plan.parameters.map(({ value }) => value),
      [1, 2, 3],
    );
    assert.deepEqual(parameterKeys, [['ids', 0], ['ids', 1], 'one']);
    assert.deepEqual(
      parameterKeys.map((key) => parameterValue({ ids: [5, 6], one: 7 }, key)),
      [5, 6, 7],
    );
  });

  it('is refused by its name elsewhere, and where a value of it does not fit', () => {
    const cases: readonly (readonly [string, Values, RegExp])[] = [
      ['order_id = ?', [[1]], /^parameter 1: a list stands in IN, = ANY and <> ALL only/],
      ['order_id < ANY(?)', [[1]], /^a bound list takes = ANY and <> ALL only/],
      ['order_id IN (:ids)', { ids: [1, 'x'] }, /^parameter :ids\[1\]: expected a whole number of 64 bits, found "x"/],
      ['order_id IN (?)', [[1], [2]], /^parameters: the statement does not use 2/],
      ['order_id IN (?, ?)', [[1]], /^parameter 2 has no value/],
    ];
    for (const dialect of dialects)
      for (const [condition, values, message] of cases)
        assert.throws(() => parse(`SELECT 1 FROM sales WHERE ${condition}`, dialect, values), {
          code: 'invalid_request',
          message,
        });
  });
});

describe('a long IN list', () => {
  it('is read up to its bound in every dialect, literal or bound, and refused beyond by name and place', async () => {
    const connection = await openCorpus();
    const ids = Array.from({ length: listValuesMax }, (_, id) => id);
    for (const dialect of dialects) {
      const ask = (list: readonly unknown[]) => `SELECT count(*) FROM sales WHERE order_id IN (${list.join(',')})`;
      const plans = [
        parse(ask(ids), dialect),
        parse('SELECT count(*) FROM sales WHERE order_id IN (?)', dialect, [ids]),
      ];
      for (const { plan } of plans) assert.deepEqual((await runPlan(connection, plan)).rows, [['8']]);
      const refusal = { message: /^IN: expected at most 10000 values, found 10001 \(line 1, column \d+\)$/ };
      assert.throws(() => parse(ask([...ids, 1]), dialect), refusal);
      assert.throws(() => parse('SELECT 1 FROM sales WHERE order_id IN (?)', dialect, [[...ids, 1]]), refusal);
    }
  });

  it('of texts fits the bound of a statement', () => {
    const texts = Array.from({ length: listValuesMax }, (_, id) => `'customer-${id}'`).join(', ');
    const text = `SELECT order_id FROM sales WHERE customer_id IN (${texts})`;
    assert.ok(text.length > 64 * 1024 && text.length < queryTextBytesMax);
    for (const dialect of dialects) assert.equal(parse(text, dialect).plan.tables[0]?.source, 'sales');
  });
});

it('gives a value of its type to each of a list', () => {
  const read = readParameters([{ type: 'bigint', value: '7' }], [['ids', 0]]);
  assert.deepEqual(read, [{ type: 'bigint', value: '7' }]);
});
