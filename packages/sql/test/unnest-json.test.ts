import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Dialect } from '@hybridstore/contracts';
import { optimizePlan, type PlanSchemas, stepsOfLevel } from '@hybridstore/plan';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { runPlan } from './corpus-data.ts';

/*
 * Values of PostgreSQL 15 over the same rows, where the dialect is its own; the words of its errors are ours. A JSON null
 * counts as NULL, as everywhere in documents.
 */

const schemas: PlanSchemas = new Map([
  [
    't',
    {
      columns: [
        { name: 'n', type: 'bigint' },
        { name: 'doc', type: 'json' },
        { name: 'list', type: 'bigint[]' },
      ],
    },
  ],
]);
const rows = [
  `1, '{"items":[1,"a",null,{"x":2,"a.b":[1]}]}', [1, 2]`,
  `2, '{"items":[]}', []`,
  '4, NULL, NULL',
  `6, '{"o":{"k":[1],"z":null,"t":"q"}}', NULL`,
  `7, '{"items":[[1,2],[3]]}', [3]`,
];

let connection: Awaited<ReturnType<DuckDBInstance['connect']>>;
before(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  const values = rows.map((row) => `(${row})`).join(', ');
  await connection.run(
    `CREATE TABLE t AS SELECT n::BIGINT AS n, doc::JSON AS doc, list::BIGINT[] AS list FROM (VALUES ${values}) AS v(n, doc, list)`,
  );
});
after(() => connection.closeSync());

const cases: readonly (readonly [dialect: Dialect, sql: string, rows: string])[] = [
  ['postgresql', "SELECT e->>'x' FROM t, jsonb_array_elements(doc->'items') AS e WHERE e->>'x' IS NOT NULL", '[["2"]]'],
  [
    'postgresql',
    "SELECT n, value FROM t CROSS JOIN LATERAL jsonb_array_elements_text(doc->'items') ORDER BY n, value",
    '[["1","1"],["1","a"],["1","{\\"x\\":2,\\"a.b\\":[1]}"],["1",null],["7","[1,2]"],["7","[3]"]]',
  ],
  [
    'postgresql',
    "SELECT n, x.e, x.o FROM t LEFT JOIN LATERAL jsonb_array_elements(doc->'items') WITH ORDINALITY AS x(e, o) ON true ORDER BY n, o",
    '[["1","1","1"],["1","\\"a\\"","2"],["1","null","3"],["1","{\\"x\\":2,\\"a.b\\":[1]}","4"],["2",null,null],["4",null,null],["6",null,null],["7","[1,2]","1"],["7","[3]","2"]]',
  ],
  [
    'postgresql',
    "SELECT n, e, o FROM t, jsonb_array_elements(doc->'items') WITH ORDINALITY AS x(e, o) WHERE n = 7 ORDER BY o",
    '[["7","[1,2]","1"],["7","[3]","2"]]',
  ],
  [
    'postgresql',
    "SELECT n, key, value FROM t, LATERAL jsonb_each(doc->'o') ORDER BY key",
    '[["6","k","[1]"],["6","t","\\"q\\""],["6","z","null"]]',
  ],
  [
    'postgresql',
    "SELECT key FROM t, LATERAL jsonb_each(doc->'o') AS x WHERE x.value IS NOT NULL AND key > 'k' ORDER BY 1",
    '[["t"]]',
  ],
  [
    'postgresql',
    "SELECT n, k, v FROM t LEFT JOIN LATERAL jsonb_each_text(doc->'o') AS x(k, v) ON true ORDER BY n, k",
    '[["1",null,null],["2",null,null],["4",null,null],["6","k","[1]"],["6","t","q"],["6","z",null],["7",null,null]]',
  ],
  ['postgresql', "SELECT n, k FROM t, json_object_keys(doc->'o') AS k ORDER BY k", '[["6","k"],["6","t"],["6","z"]]'],
  [
    'postgresql',
    "SELECT n, f FROM t, jsonb_array_elements(doc->'items') AS e, jsonb_array_elements(e) AS f WHERE n = 7 ORDER BY f",
    '[["7","1"],["7","2"],["7","3"]]',
  ],
  ['postgresql', "SELECT e.value, e FROM jsonb_array_elements('[5]'::jsonb) AS e", '[["5","5"]]'],
  ['postgresql', "SELECT * FROM jsonb_array_elements('[1]'::jsonb) WITH ORDINALITY", '[["1","1"]]'],
  ['postgresql', 'SELECT * FROM jsonb_object_keys(\'{"a":1}\'::jsonb)', '[["a"]]'],
  [
    'postgresql',
    "SELECT n, (SELECT count(*) FROM jsonb_array_elements(doc->'items')) FROM t WHERE doc->'items' IS NOT NULL ORDER BY n",
    '[["1","4"],["2","0"],["7","2"]]',
  ],
  [
    'postgresql',
    'SELECT "a b" FROM t, LATERAL jsonb_array_elements(doc->\'items\') AS "x.y"("a b") WHERE n = 7 ORDER BY 1',
    '[["[1,2]"],["[3]"]]',
  ],
  [
    'postgresql',
    'SELECT n, e FROM t LEFT JOIN LATERAL unnest(list) AS x(e) ON true WHERE n < 5 ORDER BY n, e',
    '[["1","1"],["1","2"],["2",null],["4",null]]',
  ],
  ['postgresql', "SELECT jsonb_array_length(doc->'items') FROM t ORDER BY n", '[["4"],["0"],[null],[null],["2"]]'],
  ['mysql', "SELECT JSON_LENGTH(doc->'$.items') FROM t ORDER BY n", '[["4"],["0"],[null],[null],["2"]]'],
  [
    'duckdb',
    'SELECT n, u.unnest FROM t, UNNEST(t.doc.items) AS u WHERE n = 7 ORDER BY 2',
    '[["7","[1,2]"],["7","[3]"]]',
  ],
  [
    'duckdb',
    'SELECT n, count(e) FROM t LEFT JOIN LATERAL UNNEST(t.doc.items) AS x(e) ON true GROUP BY n ORDER BY n',
    '[["1","3"],["2","0"],["4","0"],["6","0"],["7","2"]]',
  ],
  ['duckdb', 'SELECT n, e.x FROM t, UNNEST(doc.items) AS x(e) WHERE e.x IS NOT NULL', '[["1","2"]]'],
  ['postgresql', 'SELECT count(*) FROM jsonb_array_elements(NULL::jsonb)', '[["0"]]'],
  ['postgresql', "SELECT count(*) FROM jsonb_array_elements_text('{}'::jsonb->'a')", '[["0"]]'],
  ['duckdb', 'SELECT count(*) FROM t, UNNEST(doc.o) AS x(e)', '[["0"]]'],
];

for (const [dialect, sql, expected] of cases)
  test(`${dialect}: ${sql}`, async () => {
    const { plan } = parseSql(sql, schemas, { dialect, isStrict: true }, []);
    for (const asked of [plan, optimizePlan(plan, stepsOfLevel('aggressive')).plan])
      assert.deepEqual(
        (await runPlan(connection, asked)).rows.map((row) => row.map(asText)),
        JSON.parse(expected),
      );
  });

function asText(value: unknown): string | null {
  return value === null ? null : String(value);
}

test('a value of another kind is the error that PostgreSQL makes of it', async () => {
  for (const [call, message] of [
    ["jsonb_array_elements(doc->'o')", 'a JSON value is no array'],
    ["jsonb_array_elements('null'::jsonb)", 'a JSON value is no array'],
    ["jsonb_array_elements_text('5'::jsonb)", 'a JSON value is no array'],
    ["jsonb_each(doc->'items')", 'a JSON value is no object'],
    ["jsonb_object_keys('[]'::jsonb)", 'a JSON value is no object'],
  ] as const) {
    const { plan } = parseSql(
      `SELECT count(*) FROM t, ${call}`,
      schemas,
      { dialect: 'postgresql', isStrict: true },
      [],
    );
    await assert.rejects(runPlan(connection, plan), { message: `Invalid Input Error: ${message}` }, call);
  }
});

test('what is not supported is refused by its name', () => {
  for (const [dialect, from, message] of [
    ['postgresql', "unnest(doc->'items') AS e", /^unnest takes a list, found a JSON value/],
    [
      'postgresql',
      'jsonb_array_elements(n) AS e',
      /^jsonb_array_elements takes a JSON value, found one of type bigint/,
    ],
    ['postgresql', 'jsonb_array_elements(doc, doc) AS e', /^jsonb_array_elements takes one JSON value/],
    ['postgresql', 'jsonb_each(doc) WITH ORDINALITY AS e', /^jsonb_each WITH ORDINALITY is not supported/],
    ['postgresql', 'generate_series(1, 2) WITH ORDINALITY AS e', /^generate_series WITH ORDINALITY is not supported/],
    ['postgresql', 'LATERAL read_csv(doc) AS e', /^table function read_csv is not allowed/],
    ['duckdb', 'jsonb_array_elements(doc) AS e', /^table function jsonb_array_elements is not allowed/],
    ['duckdb', 'json_each(doc) AS e', /^table function json_each is not allowed/],
    ['postgresql', "JSON_TABLE(doc, '$[*]' COLUMNS (a INT PATH '$.a')) AS e", /^JSON_TABLE is not supported/],
    ['duckdb', "JSON_TABLE(doc, '$[*]' COLUMNS (a INT PATH '$.a')) AS e", /^JSON_TABLE is not supported/],
  ] as const)
    assert.throws(
      () => parseSql(`SELECT 1 FROM t, ${from}`, schemas, { dialect, isStrict: true }, []),
      { message },
      from,
    );
});
