import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Dialect, dialects, type LogicalPlan } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import fc from 'fast-check';
import {
  type LiftableLiteral,
  liftLiterals,
  literalsOf,
  readShape,
  shapeCharactersMax,
  withLiterals,
} from '../src/lifted-literals.ts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { readTokens } from '../src/syntax/lexer.ts';
import { readCases } from './corpus-cases.ts';
import { corpusSchemas } from './corpus-data.ts';

const schemas = new Map([
  ...corpusSchemas,
  [
    't',
    {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'n', type: 'integer' },
        { name: 'name', type: 'string' },
        { name: 'city', type: 'string', collation: 'nocase' as const },
        { name: 'day', type: 'date' },
        { name: 'at', type: 'timestamp' },
        { name: 'price', type: 'double' },
        { name: 'doc', type: 'json' },
      ],
    },
  ],
]);

const read = (query: string, dialect: Dialect): LogicalPlan =>
  parseSql(query, schemas, { dialect, isStrict: true }, []).plan;

function lift(query: string, dialect: Dialect = 'postgresql') {
  const shape = readShape(query, dialect);
  if (!shape) return { shape, plan: read(query, dialect), lifted: [], types: [] };
  const { plan, lifted } = liftLiterals(read(query, dialect), shape, { query, dialect, schemas });
  return { shape, plan, lifted, types: lifted.map(({ literal, type }) => [shape.literals[literal]?.token, type]) };
}

/** The text with another value in the place of a token that stands in it once. */
function swap(text: string, dialect: Dialect, token: string, value: string): string {
  const place = readTokens(text, dialect).find((one) => one.text === token) ?? assert.fail(`${token} in ${text}`);
  return text.slice(0, place.start) + value + text.slice(place.end);
}

describe('literals that are lifted', () => {
  const known: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    ['SELECT name FROM t WHERE id = 17', [['17', 'bigint']]],
    ['SELECT x.name FROM t AS x WHERE x.n <> 5', [['5', 'integer']]],
    [
      "SELECT id FROM t WHERE name = 'Ada' AND day >= '2026-01-01'",
      [
        ["'Ada'", 'string'],
        ["'2026-01-01'", 'date'],
      ],
    ],
    [
      "SELECT id FROM t WHERE NOT (at < '2026-01-01 10:00:00' OR id > 7)",
      [
        ["'2026-01-01 10:00:00'", 'timestamp'],
        ['7', 'bigint'],
      ],
    ],
    ["SELECT id FROM t WHERE at >= '2026-01-01'", [["'2026-01-01'", 'timestamp']]],
    [
      'SELECT COUNT(*) AS c FROM t WHERE id = 3 GROUP BY name HAVING COUNT(*) > 2 ORDER BY 1 LIMIT 10',
      [['3', 'bigint']],
    ],
    ['SELECT t.id FROM t JOIN customers AS c ON c.name = t.name WHERE c.credit = 9', [['9', 'integer']]],
  ];
  for (const [query, expected] of known)
    for (const dialect of dialects)
      test(`${dialect}: ${query}`, () => {
        const { types, plan, shape, lifted } = lift(query, dialect);
        assert.deepEqual(types, expected);
        assert.ok(shape);
        assert.deepEqual(withLiterals(plan, literalsOf(shape, lifted) ?? []), read(query, dialect));
      });

  for (const query of [
    'SELECT id FROM t WHERE id = 17 LIMIT 17',
    'SELECT 17 AS x FROM t WHERE id = 17',
    'SELECT (SELECT MAX(id) FROM t WHERE id < 17) AS m FROM t',
    'SELECT id FROM t WHERE id = 17 UNION SELECT id FROM t WHERE n = 4',
    'SELECT id FROM t WHERE id = 4 UNION SELECT id FROM t',
    'SELECT id FROM t WHERE id IN (17, 18)',
    'SELECT id FROM t WHERE id BETWEEN 1 AND 5',
    'SELECT id FROM t WHERE id + 1 = 17',
    'SELECT id FROM t WHERE COALESCE(id = 17, TRUE)',
    'SELECT id FROM t WHERE CASE WHEN n = 1 AND id = 17 THEN TRUE ELSE FALSE END',
    'SELECT id FROM t WHERE price = 17',
    'SELECT id FROM t WHERE id = 1.5',
    'SELECT id FROM t WHERE id = 1234567890123456',
    "SELECT id FROM t WHERE city = 'Rome'",
    "SELECT id FROM t WHERE name = 'O''Neil'",
    "SELECT id FROM t WHERE name LIKE 'a%'",
    "SELECT id FROM t WHERE id = '17'",
    'SELECT s.id FROM (SELECT id FROM t) AS s WHERE s.id = 17',
    'SELECT id FROM t WHERE id = 5 OR n = 5',
    'SELECT id = 17 AS same FROM t',
  ])
    test(`none of ${query}`, () => {
      for (const dialect of dialects) {
        // Whether a dialect takes the statement is another test's matter.
        let found: ReturnType<typeof lift>;
        try {
          found = lift(query, dialect);
        } catch (error) {
          assert.ok(isHybridStoreError(error, 'invalid_request'), String(error));
          continue;
        }
        assert.deepEqual([dialect, found.types], [dialect, []]);
      }
    });

  test('a statement that is too long, has too many, or is not closed has no shape', () => {
    assert.equal(readShape(`SELECT 1 FROM t WHERE id = 1 -- ${'x'.repeat(shapeCharactersMax)}`, 'mysql'), undefined);
    const many = Array.from({ length: 65 }, (_, index) => `id = ${index}`).join(' OR ');
    assert.equal(readShape(`SELECT id FROM t WHERE ${many}`, 'mysql'), undefined);
    assert.equal(readShape("SELECT id FROM t WHERE id = 1 AND name = 'x", 'mysql'), undefined);
  });

  test('a statement with a value that could not stand there is none of the shape’s', () => {
    const { shape, lifted } = lift("SELECT id FROM t WHERE day = '2026-01-01' AND n = 4");
    const other = (day: string, n: string) =>
      literalsOf(readShape(`SELECT id FROM t WHERE day = ${day} AND n = ${n}`, 'postgresql') ?? assert.fail(), lifted);
    assert.deepEqual(
      shape?.key,
      readShape("select id from t where day = '2026-02-28' AND n = 4", 'mysql')?.key.replace(
        'select id from t where',
        'SELECT id FROM t WHERE',
      ),
    );
    assert.ok(other("'2026-02-28'", '5'));
    for (const [day, n] of [
      ["'2026-02-30'", '4'],
      ["'2026-2-3'", '4'],
      ["'2026-01-01 10:00:00'", '4'],
      ["'today'", '4'],
      ["'2026-01-01'", "'4'"],
    ] as const)
      assert.equal(other(day, n), undefined, `${day} ${n}`);
  });
});

/** Every statement of the corpus, its literals in turn replaced by others of their kind. */
test('whatever the corpus asks, other values make the plan that reading them makes', () => {
  const others = {
    number: ['0', '1', '2', '77', '20240101', '999999999999999'],
    text: ["''", "'C1'", "' x '", "'2024-02-29'", "'2024-02-29 10:00:00'", "'%'", "'żółć'", "'1'", "'2024-02-30'"],
  };
  let [lifts, swaps] = [0, 0];
  for (const { sql, dialect } of readCases()) {
    const { shape, plan, lifted } = lift(sql, dialect);
    if (!shape || lifted.length === 0) continue;
    lifts += 1;
    for (const { literal } of lifted) {
      const { kind, token }: LiftableLiteral = shape.literals[literal] ?? assert.fail();
      for (const value of others[kind]) {
        const query = swap(sql, dialect, token, value);
        const swapped = readShape(query, dialect);
        if (swapped?.key !== shape.key) continue;
        const values = literalsOf(swapped, lifted);
        if (!values) continue;
        assert.deepEqual(withLiterals(plan, values), read(query, dialect), `${dialect}: ${query}`);
        swaps += 1;
      }
    }
  }
  assert.ok(lifts >= 20 && swaps >= 100, `${lifts} statements, ${swaps} values`);
});

const columns = ['id', 'n', 'name', 'city', 'day', 'at', 'price', 'doc', 't.id', 'x'];
const comparisons = ['=', '<>', '<', '>=', 'LIKE', 'IS NOT', '<=>'];
const literals = fc.oneof(
  fc.constantFrom(
    "'2024-01-31'",
    "'2024-02-30'",
    "'2024-01-31 23:59:59'",
    "'a'",
    "''",
    "'A '",
    "'12'",
    "'12abc'",
    '0',
    '1',
    '17',
    '017',
    '1.5',
    '1e3',
    '-5',
    'NULL',
    'TRUE',
    "DATE '2024-01-31'",
    "'it''s'",
    "X'41'",
    "N'a'",
    "'a' 'b'",
  ),
  fc.integer({ min: 0, max: 2 ** 40 }).map(String),
  fc.string({ maxLength: 6 }).map((text) => `'${text.replaceAll(/['\\]/g, '')}'`),
);
const numbers = fc.integer({ min: 0, max: 2 ** 40 }).map(String);
const texts = fc.oneof(
  fc.constantFrom("'2024-01-31'", "'2023-02-28'", "'2024-02-30'", "'2024-01-31 23:59:59'", "''", "'A '", "'12'", "'%'"),
  fc.string({ maxLength: 6 }).map((text) => `'${text.replaceAll(/['\\]/g, '')}'`),
);
const plain = fc.oneof(
  fc.tuple(fc.constantFrom('id', 'n', 't.id'), fc.constantFrom('=', '<>', '<', '>='), numbers),
  fc.tuple(fc.constantFrom('name', 't.name', 'day', 'at'), fc.constantFrom('=', '!=', '<', '>='), texts),
);
const condition = fc.letrec((tie) => ({
  one: fc.oneof(
    { weight: 16, arbitrary: plain.map((parts) => parts.join(' ')) },
    {
      weight: 8,
      arbitrary: fc.tuple(fc.constantFrom(...columns), fc.constantFrom(...comparisons)).map(([a, b]) => `${a} ${b} ?`),
    },
    fc.constantFrom(
      'id IN (?, ?)',
      'n BETWEEN ? AND ?',
      '? = id',
      'id + ? > ?',
      'COALESCE(name, ?) = ?',
      'CASE WHEN n = ? THEN id ELSE ? END = ?',
      'EXISTS (SELECT 1 FROM customers AS c WHERE c.credit = ?)',
    ),
  ),
  all: fc.oneof(
    { maxDepth: 2 },
    tie('one'),
    fc.tuple(tie('all'), fc.constantFrom('AND', 'OR'), tie('all')).map(([a, b, c]) => `${a} ${b} ${c}`),
    tie('all').map((inner) => `(${inner})`),
    tie('all').map((inner) => `NOT ${inner}`),
  ),
})).all as fc.Arbitrary<string>;
const tails = fc.constantFrom('', ' ORDER BY id LIMIT 5', ' GROUP BY id', ' LIMIT ?', ' -- end');

test('whatever stands in a WHERE, the plan of a shape with other values is the plan of their statement', () => {
  let swaps = 0;
  const readOrRefuse = (query: string, dialect: Dialect) => {
    try {
      return read(query, dialect);
    } catch (error) {
      assert.ok(isHybridStoreError(error), String(error));
      return undefined;
    }
  };
  fc.assert(
    fc.property(
      fc.constantFrom(...dialects),
      condition,
      tails,
      fc.infiniteStream(literals),
      fc.infiniteStream(fc.record({ number: numbers, text: texts })),
      (dialect, where, tail, first, second) => {
        const statement = `SELECT id FROM t WHERE ${where}${tail}`;
        const one = statement.replaceAll('?', () => first.next().value);
        if (!readOrRefuse(one, dialect)) return;
        const { shape, plan, lifted } = lift(one, dialect);
        if (!shape || lifted.length === 0) return;
        const other = lifted.reduce((text, { literal }) => {
          const { token, kind }: LiftableLiteral = shape.literals[literal] ?? assert.fail();
          return swap(text, dialect, token, second.next().value[kind]);
        }, one);
        const swapped = readShape(other, dialect);
        if (swapped?.key !== shape.key) return;
        const values = literalsOf(swapped, lifted);
        if (!values) return;
        swaps += 1;
        assert.deepEqual(withLiterals(plan, values), read(other, dialect), `${dialect}: ${one} → ${other}`);
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(swaps >= 500, `${swaps} other values`);
});
