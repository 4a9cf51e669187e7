import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Dialect, isHybridStoreError } from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import fc from 'fast-check';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { runPlan } from './corpus-data.ts';

const columnsOf = (collation?: 'binary' | 'nocase' | 'nocase_noaccent') => [
  { name: 'id', type: 'bigint' },
  { name: 'name', type: 'string', collation },
  { name: 'city', type: 'string' },
];
/** `folded` has no collation, and holds the keys of `t` in the place of its texts. */
const schemas: PlanSchemas = new Map([
  ['t', { columns: columnsOf('nocase_noaccent') }],
  ['cased', { columns: columnsOf('nocase') }],
  ['bytes', { columns: columnsOf('binary') }],
  ['plain', { columns: columnsOf() }],
  ['folded', { columns: columnsOf('binary') }],
]);

const fold = (text: string) => text.toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, '');
const texts = ['ann', 'Ann', 'ANN', 'änn', 'bob', 'BOB', 'Bob ', 'Zoë', 'zoe', 'é', 'E', '', 'ann%', '_'];

let connection: DuckDBConnection;
before(async () => {
  connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  for (const name of schemas.keys())
    await connection.run(`create table ${name}(id bigint, name varchar, city varchar)`);
});
after(() => connection.closeSync());

type Row = readonly [id: number, name: string | null];

async function fill(rows: readonly Row[]): Promise<void> {
  const values = (of: (name: string) => string) =>
    rows.map(([id, name]) => `(${id}, ${name === null ? 'null' : `'${of(name)}'`}, 'x')`).join(', ');
  for (const name of schemas.keys()) {
    await connection.run(`delete from ${name}`);
    await connection.run(`insert into ${name} values ${values(name === 'folded' ? fold : (text) => text)}`);
  }
}

const parse = (sql: string, dialect: Dialect = 'mysql') => parseSql(sql, schemas, { dialect, isStrict: true }, []).plan;
const answer = async (sql: string, dialect: Dialect = 'mysql') => (await runPlan(connection, parse(sql, dialect))).rows;

/** `T` is the table, `:p` a text that is folded where the table is. */
const statements: readonly (readonly [sql: string, dialect?: Dialect])[] = [
  ['SELECT id FROM T WHERE name = :p ORDER BY id'],
  ['SELECT id FROM T WHERE name <> :p ORDER BY id'],
  ['SELECT id FROM T WHERE name <=> :p ORDER BY id'],
  ['SELECT id FROM T WHERE :p >= name ORDER BY id'],
  ['SELECT id FROM T WHERE name IN (:p, :p) ORDER BY id'],
  ['SELECT id FROM T WHERE name NOT IN (:p) ORDER BY id'],
  ['SELECT id FROM T WHERE name BETWEEN :p AND :p ORDER BY id'],
  ['SELECT id FROM T WHERE name LIKE :p ORDER BY id'],
  ['SELECT id FROM T WHERE name LIKE CONCAT(:p, "%") ORDER BY id'],
  ['SELECT id FROM T WHERE CONCAT("-", name, "x") = CONCAT("-", :p, "x") ORDER BY id'],
  ['SELECT id FROM T WHERE (name, id) IN ((:p, 1), (:p, 2)) ORDER BY id'],
  ['SELECT id FROM T WHERE (name, id) NOT IN (SELECT name, id + 1 FROM T) ORDER BY id'],
  ['SELECT id FROM T WHERE name IN (SELECT name FROM T WHERE id > 2) ORDER BY id'],
  ['SELECT id FROM T WHERE name > ALL (SELECT name FROM T WHERE id = 1) ORDER BY id'],
  ['SELECT id FROM T a WHERE EXISTS (SELECT 1 FROM T b WHERE b.name = a.name AND b.id <> a.id) ORDER BY id'],
  ['SELECT a.id, b.id FROM T a JOIN T b ON a.name = b.name ORDER BY 1, 2'],
  ['SELECT a.id, b.id FROM T a LEFT JOIN T b USING (name) ORDER BY 1, 2'],
  ['SELECT COUNT(DISTINCT name), COUNT(DISTINCT name, id) FROM T'],
  ['SELECT MIN(name), MAX(name) FROM T'],
  ['SELECT id, MIN(name) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM T ORDER BY id'],
  ['SELECT name, COUNT(*), MIN(id) FROM T GROUP BY name ORDER BY name'],
  ['SELECT name n, COUNT(*) FROM T GROUP BY n HAVING n >= :p ORDER BY COUNT(*) DESC, n'],
  ['SELECT LEFT(name, 1), COUNT(*) FROM T GROUP BY LEFT(name, 1) ORDER BY 1'],
  ['SELECT name, COUNT(*) FROM T GROUP BY name WITH ROLLUP'],
  ['SELECT CONCAT(name, "!") FROM T GROUP BY name ORDER BY name DESC'],
  ['SELECT DISTINCT name FROM T ORDER BY name'],
  ['SELECT DISTINCT name, id % 2 FROM T ORDER BY name DESC, 2 LIMIT 3'],
  ['SELECT name FROM T UNION SELECT name FROM T WHERE id > 1 ORDER BY name'],
  ['SELECT COUNT(*) FROM (SELECT name FROM T UNION ALL SELECT name FROM T) u WHERE name = :p'],
  ['WITH c AS (SELECT name AS n FROM T) SELECT n, COUNT(*) FROM c GROUP BY n ORDER BY n'],
  ['SELECT id FROM T ORDER BY name, id LIMIT 4'],
  ['SELECT id FROM T ORDER BY name DESC, id LIMIT 4'],
  ['SELECT id, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id) FROM T ORDER BY id'],
  ['SELECT id, RANK() OVER (ORDER BY name) FROM T ORDER BY id'],
  ['SELECT id, CASE name WHEN :p THEN 1 ELSE 2 END FROM T ORDER BY id'],
  ['SELECT id, NULLIF(name, :p) IS NULL, STRCMP(name, :p), FIELD(name, :p), LOCATE(:p, name) FROM T ORDER BY id'],
  ['SELECT id, FIND_IN_SET(name, CONCAT("x,", :p)) FROM T ORDER BY id'],
  ['SELECT id FROM T WHERE COALESCE(name, "none") = :p ORDER BY id'],
  ['SELECT id FROM T WHERE (SELECT MAX(name) FROM T) = name ORDER BY id'],
  ['SELECT id FROM T WHERE list_contains([:p], name) ORDER BY id', 'duckdb'],
  ['SELECT DISTINCT ON (name) name FROM T ORDER BY name, id', 'duckdb'],
  ['SELECT id FROM T QUALIFY row_number() OVER (PARTITION BY name ORDER BY id) = 1 ORDER BY id', 'duckdb'],
  ['SELECT id FROM T WHERE starts_with(name, :p) OR contains(name, :p) ORDER BY id', 'duckdb'],
];

const folded = (rows: readonly (readonly unknown[])[]) =>
  rows.map((row) => JSON.stringify(row.map((value) => (typeof value === 'string' ? fold(value) : value))));

describe('texts of a collation', () => {
  test('are compared, grouped, sorted and counted as if their keys stood in the table', async () => {
    const row = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.option(fc.constantFrom(...texts)));
    const property = fc.asyncProperty(
      fc.uniqueArray(row, { minLength: 0, maxLength: 9, selector: ([id]) => id }),
      fc.constantFrom(...texts),
      async (rows, probe) => {
        await fill(rows.length === 0 ? [[0, null]] : rows);
        for (const [sql, dialect] of statements) {
          const asked = (table: string, text: string) =>
            answer(sql.replaceAll(/\bT\b/g, table).replaceAll(':p', `'${text}'`), dialect);
          const [ours, model] = [folded(await asked('t', probe)), folded(await asked('folded', fold(probe)))];
          const isOrdered = /ORDER BY [^)]*$/.test(sql);
          assert.deepEqual(isOrdered ? ours : ours.sort(), isOrdered ? model : model.sort(), `${sql} with ${probe}`);
        }
      },
    );
    await fc.assert(property, { numRuns: Number(process.env['COLLATIONS'] ?? 8) });
  });

  test('are shown in the least of their spellings', async () => {
    await fill([
      [1, 'bob'],
      [2, 'Ann'],
      [3, 'ANN'],
      [4, 'änn'],
      [5, 'BOB'],
      [6, null],
    ]);
    assert.deepEqual(await answer('SELECT name, COUNT(*) FROM t GROUP BY name ORDER BY name'), [
      [null, '1'],
      ['ANN', '3'],
      ['BOB', '2'],
    ]);
    assert.deepEqual(await answer('SELECT DISTINCT name FROM t ORDER BY name'), [[null], ['ANN'], ['BOB']]);
    assert.deepEqual(await answer('SELECT MIN(name), MAX(name) FROM t'), [['ANN', 'bob']]);
    assert.deepEqual(await answer('SELECT name FROM cased UNION SELECT name FROM cased ORDER BY name'), [
      [null],
      ['ANN'],
      ['BOB'],
      ['änn'],
    ]);
  });

  /** Ids of the rows that are left: 1 Ann, 2 ann, 3 änn, 4 bob. */
  const precedence: readonly (readonly [condition: string, ids: readonly string[], dialect?: Dialect])[] = [
    ["plain: name = 'ann'", ['2']],
    ["plain: name = 'ANN' COLLATE utf8mb4_general_ci", ['1', '2', '3']],
    ["plain: 'ANN' = name COLLATE utf8mb4_0900_as_ci", ['1', '2']],
    ["plain: name COLLATE 'utf8mb4_unicode_ci' LIKE 'AN_'", ['1', '2', '3']],
    ["t: name COLLATE utf8mb4_bin = 'ann'", ['2']],
    ["t: name = 'ann' COLLATE binary", ['2']],
    ["t: BINARY name = 'ann'", ['2']],
    ["t: CAST(name AS BINARY) IN ('Ann')", ['1']],
    ["cased: name = 'ÄNN' COLLATE utf8mb4_bin OR name = 'ÄNN'", ['3']],
    ["bytes: name = 'ANN' COLLATE utf8mb4_0900_ai_ci", ['1', '2', '3']],
    ["t: name REGEXP '^AN'", ['1', '2']],
    ["plain: name REGEXP '^AN'", []],
    ["t: name ~ 'ANN'", [], 'duckdb'],
    ["plain: name COLLATE NOCASE = 'ANN'", ['1', '2'], 'duckdb'],
    ["plain: name COLLATE NOACCENT = 'ann'", ['2', '3'], 'duckdb'],
    ["plain: name COLLATE nocase.noaccent = 'ANN'", ['1', '2', '3'], 'duckdb'],
    ['t: name COLLATE "C" = \'ann\'', ['2'], 'postgresql'],
    ["t: name LIKE 'AN%'", ['1', '2', '3'], 'postgresql'],
    ['t: id IN (SELECT p.id FROM plain p WHERE p.name = t.name)', ['1', '2', '3', '4']],
    ["t: name = 'ann ' OR name = ' ann'", []],
  ];
  test('COLLATE is stronger than a column, a column that declares stronger than one that does not', async () => {
    await fill([
      [1, 'Ann'],
      [2, 'ann'],
      [3, 'änn'],
      [4, 'bob'],
    ]);
    for (const [condition, ids, dialect] of precedence) {
      const [, table = '', where = ''] = /^(\w+): (.*)$/.exec(condition) ?? [];
      const found = await answer(`SELECT id FROM ${table} WHERE ${where} ORDER BY id`, dialect);
      assert.deepEqual(found.flat(), ids, condition);
    }
  });

  test('may be as many as a list takes', async () => {
    await fill([
      [1, 'T77'],
      [2, 't9999'],
      [3, 'other'],
    ]);
    const list = Array.from({ length: 9_999 }, (_, index) => `'t${index + 1}'`).join(', ');
    assert.deepEqual(await answer(`SELECT id FROM t WHERE name IN (${list}) ORDER BY id`), [['1'], ['2']]);
  });

  const refused: readonly (readonly [sql: string, message: RegExp, dialect?: Dialect])[] = [
    [
      'SELECT 1 FROM t JOIN cased ON t.name = cased.name',
      /different collations.*name \(nocase_noaccent\), name \(nocase\)/,
    ],
    ['SELECT 1 FROM cased c JOIN bytes b ON c.name = b.name', /name \(nocase\), name \(binary\)/],
    ['SELECT name FROM t UNION SELECT name FROM cased', /different collations/],
    ['SELECT CONCAT(t.name, cased.name) AS x FROM t, cased ORDER BY x', /different collations/],
    [
      "SELECT 1 FROM t WHERE name COLLATE utf8mb4_bin = 'a' COLLATE utf8mb4_general_ci",
      /COLLATE binary, COLLATE nocase_noaccent/,
    ],
    ['SELECT name FROM t INTERSECT SELECT name FROM plain', /INTERSECT .*nocase_noaccent/],
    ['SELECT name FROM t EXCEPT SELECT name FROM plain', /EXCEPT/],
    ['WITH RECURSIVE r AS (SELECT name FROM t UNION SELECT name FROM r) SELECT * FROM r', /RECURSIVE/],
    ["SELECT GREATEST(name, 'a') FROM t", /greatest/],
    ['SELECT GROUP_CONCAT(DISTINCT name) FROM t', /string_agg\(DISTINCT/],
    ['SELECT (SELECT COUNT(*) FROM plain p WHERE p.name = t.name) FROM t GROUP BY name', /subquery/],
    ['SELECT DISTINCT name FROM t ORDER BY id', /ORDER BY id: expected an output/],
    ["SELECT 1 FROM t WHERE name LIKE 'a' ESCAPE 'é'", /ESCAPE/],
    ['SELECT mode(name) FROM t', /mode/, 'duckdb'],
    ['SELECT max(name, 2) FROM t', /max/, 'duckdb'],
    ["SELECT 1 FROM t WHERE [name] = ['a']", /lists or structs/, 'duckdb'],
    ['SELECT list_distinct([name]) FROM t', /list_distinct/, 'duckdb'],
    [
      'SELECT id COLLATE utf8mb4_bin FROM t WHERE name COLLATE utf8mb4_swedish_ci = 1',
      /collation utf8mb4_swedish_ci is not supported/,
    ],
    ["SELECT 1 FROM t WHERE name = 'a' COLLATE latin1_general_ci", /latin1_general_ci/],
    ["SELECT 1 FROM t WHERE name = 'a' COLLATE utf8mb4_0900_as_cs", /as_cs/],
    ['SELECT 1 FROM t WHERE name = \'a\' COLLATE "und-x-icu"', /und-x-icu/, 'postgresql'],
    ["SELECT 1 FROM t WHERE name = 'a' COLLATE NFC", /NFC/, 'duckdb'],
    ["SELECT 1 FROM t WHERE name = 'a' COLLATE NOCASE", /NOCASE/, 'mysql'],
  ];
  test('are refused by name where no key can stand', () => {
    for (const [sql, message, dialect] of refused)
      assert.throws(
        () => parse(sql, dialect),
        (error) => isHybridStoreError(error, 'invalid_request') && message.test(error.message),
        sql,
      );
  });
});

describe('warnings of a statement', () => {
  const wide: PlanSchemas = new Map([
    [
      't',
      {
        columns: [
          ...columnsOf(),
          { name: 'note', type: 'string' },
          { name: 'n', type: 'bigint' },
          { name: 'd', type: 'date' },
          { name: 'p', type: 'decimal(10,2)' },
        ],
      },
    ],
    [
      'many',
      { columns: Array.from({ length: 40 }, (_, index) => ({ name: `${'c'.repeat(120)}${index}`, type: 'string' })) },
    ],
    ['cased', { columns: columnsOf('nocase') }],
  ]);
  const warningsOf = (sql: string, dialect: Dialect = 'mysql', isStrict = true) =>
    parseSql(sql, wide, { dialect, isStrict }, []).plan.warnings ?? [];

  const binary = 'binary_text_comparison';
  const cases: readonly (readonly [sql: string, codes: readonly string[], about?: RegExp])[] = [
    ["SELECT 1 FROM t WHERE name = 'ann'", [binary], /^texts of name are compared byte by byte/],
    ['SELECT 1 FROM t ORDER BY city, name', [binary], /of city, name are/],
    ['SELECT name FROM t GROUP BY name', [binary]],
    ['SELECT DISTINCT name FROM t', [binary]],
    ['SELECT MIN(name) FROM t', [binary]],
    ['SELECT COUNT(DISTINCT name) FROM t', [binary]],
    ['SELECT a.id FROM t a JOIN t b ON a.name = b.city', [binary], /of name, city are/],
    ["SELECT 1 FROM t WHERE name LIKE 'a%' OR name IN ('b')", [binary], /of name are/],
    ["SELECT 1 FROM (SELECT name AS other FROM t) u WHERE other = 'a'", [binary], /of name are/],
    ['SELECT name FROM t UNION SELECT city FROM t', [binary]],
    ["SELECT 1 FROM t WHERE name = 'ann' COLLATE utf8mb4_bin", []],
    ["SELECT 1 FROM cased WHERE name = 'ann'", []],
    ["SELECT 1 FROM t WHERE LOWER(name) = 'ann'", []],
    ['SELECT name, COUNT(*) OVER () FROM t WHERE id = 1 AND name IS NOT NULL ORDER BY id', []],
    ["SELECT 'a' = 'A'", []],
    [
      'SELECT CAST(note AS SIGNED) FROM t',
      ['text_read_as_number'],
      /^texts of note are read as the numbers.*count as 0/,
    ],
    ['SELECT CAST(n AS SIGNED), CAST(n AS DOUBLE) FROM t', []],
    ['SELECT CAST(p AS DECIMAL(3,1)) FROM t', ['value_out_of_range'], /of p that their type cannot hold/],
    ['SELECT YEAR(note) FROM t', ['text_read_as_date'], /^texts of note that are no dates.*NULL/],
    ['SELECT 1 FROM t WHERE d = note', ['text_read_as_date']],
    ['SELECT CAST(note AS DATE), YEAR(d) FROM t', ['text_read_as_date']],
    ['SELECT YEAR(d), CAST(d AS DATETIME) FROM t', []],
  ];
  test('name what its answer does not show', () => {
    for (const [sql, codes, about = /./] of cases) {
      const warnings = warningsOf(sql);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        codes,
        sql,
      );
      for (const { message } of warnings) assert.match(message, about, sql);
    }
    assert.deepEqual(
      warningsOf('SELECT 1 FROM t WHERE note = 0', 'mysql', false).map(({ code }) => code),
      ['text_read_as_number'],
    );
  });

  test('are MySQL’s alone', () => {
    for (const dialect of ['postgresql', 'duckdb'] as const)
      assert.deepEqual(warningsOf("SELECT 1 FROM t WHERE name = 'ann' ORDER BY name", dialect), []);
  });

  test('are short, however many columns they are about', () => {
    const names = wide.get('many')?.columns.map(({ name }) => name) ?? [];
    const [only, ...more] = warningsOf(`SELECT 1 FROM many ORDER BY ${names.join(', ')}`);
    assert.deepEqual(more, []);
    assert.match(only?.message ?? '', / and 32 more are compared/);
    assert.ok((only?.message.length ?? 0) < 1_000);
  });
});
