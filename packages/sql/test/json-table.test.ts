import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ParameterInput } from '@hybridstore/contracts';
import { optimizePlan, type PlanSchemas, stepsOfLevel } from '@hybridstore/plan';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { runPlan } from './corpus-data.ts';

/*
 * Values of MariaDB 10.11 over the same rows, but where it takes the beginning of a text, cuts one or takes the nearest
 * number: MySQL has NULL there (NULL ON ERROR is its default), and so it is here. These columns are named in the tests.
 */

const schemas: PlanSchemas = new Map([
  [
    't',
    {
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'doc', type: 'json' },
        { name: 'note', type: 'string' },
      ],
    },
  ],
]);
const rows = [
  `1, '{"items":[{"name":"x","price":1.239},{"name":null},{"price":"7"},3]}', '[1,2]'`,
  `2, '{"items":[]}', '[]'`,
  '3, NULL, NULL',
  `4, '{"items":{"name":"o"}}', '5'`,
  `5, '{}', 'null'`,
  `6, 'null', '{"a":[3]}'`,
];

let connection: Awaited<ReturnType<DuckDBInstance['connect']>>;
before(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  const values = rows.map((row) => `(${row})`).join(', ');
  await connection.run(
    `CREATE TABLE t AS SELECT id::BIGINT AS id, doc::JSON AS doc, note FROM (VALUES ${values}) AS v(id, doc, note)`,
  );
});
after(() => connection.closeSync());

async function answer(sql: string, parameters: readonly ParameterInput[] = []): Promise<unknown> {
  const { plan } = parseSql(sql, schemas, { dialect: 'mysql', isStrict: true }, parameters);
  const [asWritten, optimized] = [
    await rowsOf(plan),
    await rowsOf(optimizePlan(plan, stepsOfLevel('aggressive')).plan),
  ];
  assert.deepEqual(optimized, asWritten);
  return asWritten;
}

async function rowsOf(plan: Parameters<typeof runPlan>[1]): Promise<unknown> {
  const result = await runPlan(connection, plan);
  return result.rows.map((row) => row.map((value) => (value === null ? null : String(value))));
}

const items =
  "'$.items[*]' COLUMNS (n FOR ORDINALITY, name VARCHAR(40) PATH '$.name', price DECIMAL(10,2) PATH '$.price')";
const itemsOfFirst = '["1","1","x","1.24"],["1","2",null,null],["1","3",null,"7.00"],["1","4",null,null]';

for (const [from, expected] of [
  [`t, JSON_TABLE(doc, ${items}) AS j`, `[${itemsOfFirst}]`],
  [`t CROSS JOIN JSON_TABLE(t.doc, ${items}) j`, `[${itemsOfFirst}]`],
  [`t INNER JOIN JSON_TABLE(doc, ${items}) AS j ON j.n < 2`, '[["1","1","x","1.24"]]'],
  [
    `t LEFT JOIN JSON_TABLE(doc, ${items}) AS j ON true`,
    `[${itemsOfFirst},["2",null,null,null],["3",null,null,null],["4",null,null,null],["5",null,null,null],["6",null,null,null]]`,
  ],
  [
    `t LEFT JOIN JSON_TABLE(t.doc, ${items}) AS j ON j.name = 'x'`,
    '[["1","1","x","1.24"],["2",null,null,null],["3",null,null,null],["4",null,null,null],["5",null,null,null],["6",null,null,null]]',
  ],
  [
    `t RIGHT JOIN JSON_TABLE('[{"name":"r"}]', ${items.replace('.items', '')}) AS j ON id = n + 1`,
    '[["2","1","r",null]]',
  ],
] as const)
  test(`joined: ${from}`, async () => {
    assert.deepEqual(await answer(`SELECT id, n, name, price FROM ${from} ORDER BY id, n`), JSON.parse(expected));
  });

for (const [document, path, expected] of [
  ['{"a":5}', '$', '[["1","{\\"a\\":5}"]]'],
  ['[5,6]', '$', '[["1","[5,6]"]]'],
  ['null', '$', '[["1","null"]]'],
  ['{"x":null}', '$.x', '[["1","null"]]'],
  ['{"x":[1,2]}', '$.x', '[["1","[1,2]"]]'],
  ['{}', '$.x', '[]'],
  ['[1,null]', '$[*]', '[["1","1"],["2","null"]]'],
  ['{"a":5}', '$[*]', '[]'],
  ['5', '$[*]', '[]'],
  ['null', '$[*]', '[]'],
  ['5', '$.items[*]', '[]'],
  ['{"items":5}', '$.items[*]', '[]'],
  ['{"items":{"a":1}}', '$.items[*]', '[]'],
  ['{"items":[[]]}', '$.items[0][*]', '[]'],
  ['{"x":1,"y":2}', '$.*', '[["1","1"],["2","2"]]'],
  ['[1,2]', '$.*', '[]'],
  ['[{"b":1},{"c":2},{"b":3},4]', '$[*].b', '[["1","1"],["2","3"]]'],
  ['[{"b":[1,2]},{"c":2},{"b":[]},{"b":[3]},{"b":9}]', '$[*].b[*]', '[["1","1"],["2","2"],["3","3"]]'],
  ['[[1,2],[3],4]', '$[*][*]', '[["1","1"],["2","2"],["3","3"]]'],
  ['{"a.b":[1],"x y":[3]}', '$."a.b"[*]', '[["1","1"]]'],
] as const)
  test(`rows of ${document} at ${path}`, async () => {
    const call = `JSON_TABLE('${document}', '${path}' COLUMNS (n FOR ORDINALITY, v JSON PATH '$'))`;
    assert.deepEqual(await answer(`SELECT n, v FROM ${call} AS j ORDER BY n`), JSON.parse(expected));
  });

const values =
  '[1, 1.7, 2.5, -2.5, "12", " 7 ", "1e2", true, false, null, {"a":1}, [1], 1.005, "2024-02-29", "2024-02-30", "2024-01-02 03:04:05"]';

test('values of a column take its type, and are NULL where they do not fit', async () => {
  for (const [type, expected] of [
    // MariaDB takes the year of the three dates.
    ['INT', ['1', '2', '3', '-3', '12', '7', '100', '1', '0', null, null, null, '1', null, null, null]],
    ['BOOLEAN', ['1', '2', '3', '-3', '12', '7', '100', '1', '0', null, null, null, '1', null, null, null]],
    // MariaDB has 0 for a number below it.
    ['INT UNSIGNED', ['1', '2', '3', null, '12', '7', '100', '1', '0', null, null, null, '1', null, null, null]],
    [
      'DECIMAL(6,2)',
      [
        '1.00',
        '1.70',
        '2.50',
        '-2.50',
        '12.00',
        '7.00',
        '100.00',
        '1.00',
        '0.00',
        null,
        null,
        null,
        '1.01',
        null,
        null,
        null,
      ],
    ],
    ['DOUBLE', ['1', '1.7', '2.5', '-2.5', '12', '7', '100', '1', '0', null, null, null, '1.005', null, null, null]],
    // MariaDB cuts the four characters of -2.5 and the rest.
    ['VARCHAR(3)', ['1', '1.7', '2.5', null, '12', ' 7 ', '1e2', null, null, null, null, null, null, null, null, null]],
    [
      'TEXT',
      [
        '1',
        '1.7',
        '2.5',
        '-2.5',
        '12',
        ' 7 ',
        '1e2',
        'true',
        'false',
        null,
        null,
        null,
        '1.005',
        '2024-02-29',
        '2024-02-30',
        '2024-01-02 03:04:05',
      ],
    ],
    // MariaDB has 0000-00-00 for what is no date.
    ['DATE', [...Array(13).fill(null), '2024-02-29', null, '2024-01-02']],
    ['DATETIME', [...Array(13).fill(null), '2024-02-29 00:00:00', null, '2024-01-02 03:04:05']],
    [
      'JSON',
      [
        '1',
        '1.7',
        '2.5',
        '-2.5',
        '"12"',
        '" 7 "',
        '"1e2"',
        'true',
        'false',
        'null',
        '{"a":1}',
        '[1]',
        '1.005',
        '"2024-02-29"',
        '"2024-02-30"',
        '"2024-01-02 03:04:05"',
      ],
    ],
  ] as const) {
    const call = `JSON_TABLE('${values}', '$[*]' COLUMNS (n FOR ORDINALITY, v ${type} PATH '$'))`;
    const found = await answer(`SELECT v FROM ${call} AS j ORDER BY n`);
    assert.deepEqual(
      found,
      expected.map((value) => [value]),
      type,
    );
  }
});

test('a number out of the bounds of its type is NULL, those at the bounds are values', async () => {
  for (const [type, low, high] of [
    ['TINYINT', '-128', '127'],
    ['SMALLINT', '-32768', '32767'],
    ['MEDIUMINT', '-8388608', '8388607'],
    ['INTEGER', '-2147483648', '2147483647'],
    ['BIGINT', '-9223372036854775808', '9223372036854775807'],
    ['TINYINT UNSIGNED', '0', '255'],
    ['SMALLINT UNSIGNED', '0', '65535'],
    ['MEDIUMINT UNSIGNED', '0', '16777215'],
    ['INT UNSIGNED', '0', '4294967295'],
    ['BIGINT UNSIGNED', '0', '18446744073709551615'],
    ['DECIMAL(4,1)', '-999.9', '999.9'],
  ] as const) {
    const [below, above] = [`${BigInt(low.split('.')[0] ?? '') - 1n}`, `${BigInt(high.split('.')[0] ?? '') + 1n}`];
    const call = `JSON_TABLE('[${[below, low, high, above].join()}]', '$[*]' COLUMNS (n FOR ORDINALITY, v ${type} PATH '$'))`;
    assert.deepEqual(await answer(`SELECT v FROM ${call} AS j ORDER BY n`), [[null], [low], [high], [null]], type);
  }
});

test('texts that only the engine takes for numbers and moments are NULL', async () => {
  const call = (list: readonly string[], type: string) =>
    `SELECT COUNT(v), COUNT(*) FROM JSON_TABLE('${JSON.stringify(list)}', '$[*]' COLUMNS (v ${type} PATH '$')) AS j`;
  for (const type of ['INT', 'BIGINT UNSIGNED', 'DOUBLE', 'DECIMAL(20,2)'])
    assert.deepEqual(await answer(call(['', 'inf', 'nan', '1_0', '0x1F', '1e', '--1', 'true', '1e400', '1 2'], type)), [
      ['0', '10'],
    ]);
  for (const type of ['DATE', 'DATETIME', 'TIME'])
    assert.deepEqual(
      await answer(call(['', 'epoch', 'infinity', '10000-01-01', 'now', '12'], type)),
      [['0', '6']],
      type,
    );
});

test('a text is read as a document: a column, a literal, a bound value, a path, a query', async () => {
  const all = "'$[*]' COLUMNS (v INT PATH '$')";
  for (const [sql, expected, parameters] of [
    [
      `SELECT id, v FROM t, JSON_TABLE(note, ${all}) AS j ORDER BY id, v`,
      [
        ['1', '1'],
        ['1', '2'],
      ],
    ],
    [`SELECT v FROM JSON_TABLE(?, ${all}) AS j ORDER BY v`, [['4'], ['6']], ['[6,4]']],
    [`SELECT v FROM JSON_TABLE(?, ${all}) AS j`, [], [null]],
    [`SELECT v FROM JSON_TABLE(NULL, ${all}) AS j`, []],
    ["SELECT id, v FROM t, JSON_TABLE(doc->'$.items', '$[0]' COLUMNS (v CHAR(3) PATH '$.name')) AS j", [['1', 'x']]],
    [
      "SELECT v FROM JSON_TABLE((SELECT doc FROM t WHERE id = 1), '$.items[0].name' COLUMNS (v TEXT PATH '$')) AS j",
      [['x']],
    ],
    [`SELECT id FROM t WHERE id IN (SELECT v FROM JSON_TABLE('[2,5]', ${all}) AS j) ORDER BY id`, [['2'], ['5']]],
    [
      `SELECT id, (SELECT COUNT(*) FROM JSON_TABLE(t.note, ${all}) AS j) FROM t WHERE id < 4 ORDER BY id`,
      [
        ['1', '2'],
        ['2', '0'],
        ['3', '0'],
      ],
    ],
    [
      `SELECT b.v FROM JSON_TABLE('[[1,2],[3]]', '$[*]' COLUMNS (a JSON PATH '$')) AS a, JSON_TABLE(a.a, ${all}) AS b ORDER BY 1`,
      [['1'], ['2'], ['3']],
    ],
  ] as const)
    assert.deepEqual(await answer(sql, parameters ?? []), expected, sql);
});

test('clauses that say the default and names in quotes are read', async () => {
  const columns = '`the name` INT UNSIGNED PATH \'$.a\' NULL ON EMPTY NULL ON ERROR, "$" FOR ORDINALITY'.replace(
    '"$"',
    '`unsigned`',
  );
  assert.deepEqual(
    await answer(
      `SELECT j.\`the name\`, j.\`unsigned\` FROM JSON_TABLE('[{"a":1},{"a":"b"},{}]', '$[*]' COLUMNS (${columns})) j ORDER BY 2`,
    ),
    [
      ['1', '1'],
      [null, '2'],
      [null, '3'],
    ],
  );
});

test('a text of a column that is no document ends the statement, as in MySQL', async () => {
  await assert.rejects(
    answer("SELECT v FROM t, JSON_TABLE(CONCAT(note, 'x'), '$' COLUMNS (v INT PATH '$')) AS j"),
    /Malformed JSON/,
  );
});

test('what is not supported is refused by its name and place', () => {
  for (const [call, message] of [
    ["doc, '$' COLUMNS (a INT EXISTS PATH '$.a')", /^JSON_TABLE: EXISTS is not supported \(line 1, column 53\)/],
    [
      "doc, '$' COLUMNS (NESTED PATH '$.a' COLUMNS (b INT PATH '$'))",
      /^JSON_TABLE: NESTED is not supported \(line 1, column 47\)/,
    ],
    ["doc, '$' COLUMNS (NESTED '$.a' COLUMNS (b INT PATH '$'))", /^JSON_TABLE: NESTED is not supported/],
    ["doc, '$' COLUMNS (a INT PATH '$' DEFAULT '1' ON EMPTY)", /^JSON_TABLE: DEFAULT … ON EMPTY is not supported/],
    [
      "doc, '$' COLUMNS (a INT PATH '$' NULL ON EMPTY DEFAULT '1' ON ERROR)",
      /^JSON_TABLE: DEFAULT … ON ERROR is not supported/,
    ],
    [
      "doc, '$' COLUMNS (a INT PATH '$' ERROR ON EMPTY)",
      /^JSON_TABLE: ERROR ON EMPTY is not supported \(line 1, column 62\)/,
    ],
    ["doc, '$' COLUMNS (a INT PATH '$' ERROR ON ERROR)", /^JSON_TABLE: ERROR ON ERROR is not supported/],
    ["doc, '$' COLUMNS (a DOUBLE UNSIGNED PATH '$')", /^JSON_TABLE: UNSIGNED is not supported/],
    ["doc, '$' COLUMNS (a YEAR PATH '$')", /^JSON_TABLE: type YEAR of a column is not supported/],
    ["doc, '$' COLUMNS (a DATETIME(3) PATH '$')", /^JSON_TABLE: type DATETIME\(3\) of a column is not supported/],
    ["doc, '$' COLUMNS (a DECIMAL(39,0) PATH '$')", /^JSON_TABLE: type DECIMAL\(39, 0\) of a column is not supported/],
    ["doc, '$' COLUMNS (a VARCHAR(5) COLLATE utf8mb4_bin PATH '$')", /^JSON_TABLE: type VARCHAR\(5\) COLLATE/],
    ["doc, '$' COLUMNS (a INT PATH '$.b[*]')", /^\$\.b\[\*\] is not a JSON path that is supported/],
    ["doc, '$**.a' COLUMNS (a INT PATH '$')", /^\$\*\*\.a is not a JSON path that is supported/],
    ["doc, '$[*].\"a b\"' COLUMNS (a INT PATH '$')", /^\$\[\*\]\."a b" is not a JSON path that is supported/],
    ["doc, 'a' COLUMNS (a INT PATH '$')", /^a is not a JSON path/],
    ["doc, '$' COLUMNS (a INT)", /^JSON_TABLE: column a needs a type and a PATH/],
    ["doc, '$' COLUMNS (a INT PATH '$', A INT PATH '$')", /^JSON_TABLE: column A is named twice \(line 1, column 63\)/],
    ["doc, '$' COLUMNS ()", /^JSON_TABLE needs columns/],
    ["doc, '$'", /^JSON_TABLE needs columns \(line 1, column 18\)/],
    ["id, '$' COLUMNS (a INT PATH '$')", /^JSON_TABLE takes a JSON value, found one of type bigint/],
    ["'{x', '$' COLUMNS (a INT PATH '$')", /^JSON_TABLE: the text is not JSON/],
  ] as const)
    assert.throws(() => read(`SELECT 1 FROM t, JSON_TABLE(${call}) AS j`), { message }, call);
  for (const [from, message] of [
    ["t, JSON_TABLE(doc, '$' COLUMNS (a INT PATH '$'))", /^JSON_TABLE needs an alias/],
    ["t, JSON_TABLE(doc, '$' COLUMNS (a INT PATH '$')) AS j(b)", /^JSON_TABLE names its columns in COLUMNS/],
    ["t RIGHT JOIN JSON_TABLE(t.doc, '$' COLUMNS (a INT PATH '$')) AS j ON true", /^column t\.doc does not exist/],
    ["t, JSON_TABLE((SELECT doc FROM secret), '$' COLUMNS (a INT PATH '$')) AS j", /^table secret does not exist/],
  ] as const)
    assert.throws(() => read(`SELECT 1 FROM ${from}`), { message }, from);
});

function read(sql: string) {
  return parseSql(sql, schemas, { dialect: 'mysql', isStrict: true }, []);
}
