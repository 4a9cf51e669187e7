import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  comparisonOperators,
  expressionSchemas,
  type PlanExpression,
  type PlanQuery,
  type SelectBody,
} from '@hybridstore/contracts';
import { printDuckdbExpression } from '../src/duckdb-printer.ts';
import {
  call,
  cast,
  column,
  compare,
  finishPlan,
  functionNamed,
  integer,
  literal,
  MadeUpNames,
  not,
  planFunctions,
  printDuckdb,
  printTree,
  type StoredForms,
  text,
} from '../src/index.ts';

const a = column('t', 'a');
const one = integer(1);
const inner: PlanQuery = { kind: 'query', body: { kind: 'select', projections: [{ name: 'x', value: one }] } };

/** One golden line per kind of node. */
const goldens: readonly (readonly [PlanExpression, string])[] = [
  [column('t"', 'a"b'), '"t"""."a""b"'],
  [text("it's; --"), "'it''s; --'"],
  [literal('bigint', '9007199254740993'), '9007199254740993'],
  [integer(-5), '(-5)'],
  [literal('decimal(3,2)', '-1.50'), '(-1.50)'],
  [literal('double', 1.5), "CAST('1.5' AS DOUBLE)"],
  [literal('date', '2024-01-01'), "CAST('2024-01-01' AS DATE)"],
  [literal('string', null), 'NULL'],
  [literal('timestamp', null), 'CAST(NULL AS TIMESTAMP)'],
  [literal('boolean', true), 'TRUE'],
  [{ kind: 'parameter', index: 0 }, '$1'],
  [{ kind: 'parameter', index: 1 }, 'CAST($2 AS DOUBLE)'],
  [{ kind: 'logic', operator: 'and', operands: [a, a, a] }, '("t"."a" AND "t"."a" AND "t"."a")'],
  [not(a), '(NOT "t"."a")'],
  [compare('is_not_distinct', a, one), 'COALESCE(("t"."a" IS NOT DISTINCT FROM 1), NULL)'],
  [{ kind: 'arithmetic', operator: 'subtract', operands: [a, one, integer(2)] }, '(("t"."a" - 1) - 2)'],
  [{ kind: 'arithmetic', operator: 'negate', operands: [a] }, '(- "t"."a")'],
  [{ kind: 'arithmetic', operator: 'bit_xor', operands: [a, one] }, 'xor("t"."a", 1)'],
  [{ kind: 'concat', operands: [a, text('x')] }, `("t"."a" || 'x')`],
  [call('count'), 'count(*)'],
  [
    {
      ...call('string_agg', a, text(',')),
      distinct: true,
      orderBy: [{ value: a, direction: 'desc', nulls: 'last' }],
      filter: compare('gt', a, one),
    },
    `string_agg(DISTINCT "t"."a", ',' ORDER BY ("t"."a") DESC NULLS LAST) FILTER (WHERE ("t"."a" > 1))`,
  ],
  [
    {
      ...call('lag', a),
      nulls: 'ignore',
      over: {
        partitionBy: [a],
        orderBy: [{ value: a, direction: 'asc', nulls: 'first' }],
        frame: {
          unit: 'rows',
          start: { kind: 'preceding', value: one },
          end: { kind: 'unbounded_following' },
          exclude: 'current_row',
        },
      },
    },
    'lag("t"."a" IGNORE NULLS) OVER (PARTITION BY "t"."a" ORDER BY ("t"."a") ASC NULLS FIRST ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)',
  ],
  [call('lpad', a, integer(999_999), text(' ')), `lpad("t"."a", 999999, ' ')`],
  [call('repeat', a, integer(1_000_000)), 'repeat("t"."a", CAST(CAST(1000000 AS DECIMAL(6,0)) AS INTEGER))'],
  [call('rpad', a, a, text(' ')), `rpad("t"."a", CAST(CAST("t"."a" AS DECIMAL(6,0)) AS INTEGER), ' ')`],
  [call('regexp_matches', a, text('^é')), `regexp_matches("t"."a", '^é')`],
  [
    { kind: 'case', operand: a, branches: [{ when: one, result: text('x') }], otherwise: text('y') },
    `(CASE "t"."a" WHEN 1 THEN 'x' ELSE 'y' END)`,
  ],
  [cast(a, 'decimal(10,2)'), 'CAST("t"."a" AS DECIMAL(10,2))'],
  [{ kind: 'cast', value: a, type: 'string[]', try: true }, 'TRY_CAST("t"."a" AS VARCHAR[])'],
  [{ kind: 'between', value: a, low: one, high: integer(2), negated: true }, '("t"."a" NOT BETWEEN 1 AND 2)'],
  [{ kind: 'in', value: a, list: [one, integer(2)], negated: false }, '("t"."a" IN (1, 2))'],
  [{ kind: 'in_query', values: [a, a], query: inner, negated: true }, '(("t"."a", "t"."a") NOT IN (SELECT 1 AS "x"))'],
  [{ kind: 'exists', query: inner, negated: false }, '(EXISTS (SELECT 1 AS "x"))'],
  [{ kind: 'subquery', query: inner }, '(SELECT 1 AS "x")'],
  [
    { kind: 'quantified', operator: 'gte', value: a, quantifier: 'all', query: inner },
    '("t"."a" >= ALL (SELECT 1 AS "x"))',
  ],
  [{ kind: 'is_null', value: a, negated: true }, '("t"."a" IS NOT NULL)'],
  [{ kind: 'is_boolean', value: a, test: false, negated: true }, 'COALESCE(("t"."a" IS NOT FALSE), NULL)'],
  [
    { kind: 'like', value: a, pattern: text('x%'), escape: "'", caseInsensitive: true, negated: true },
    `("t"."a" NOT ILIKE 'x%' ESCAPE '''')`,
  ],
  [{ kind: 'json_path', value: a, path: ["k'/~", 0], as: 'text' }, `json_extract_string("t"."a", '/k''~1~0/0')`],
  [{ kind: 'interval', value: one, unit: 'week' }, 'to_days(7 * CAST(1 AS INTEGER))'],
  [{ kind: 'extract', part: 'isodow', value: a }, `date_part('isodow', "t"."a")`],
  [{ kind: 'array', items: [one] }, '[1]'],
  [{ kind: 'row', items: [one, a] }, 'ROW(1, "t"."a")'],
  [{ kind: 'struct', fields: [{ name: 'k', value: one }] }, 'struct_pack("k" := 1)'],
  [{ kind: 'field', value: a, name: "k'" }, `struct_extract("t"."a", 'k''')`],
  [{ kind: 'element', value: a, index: one }, 'list_extract("t"."a", 1)'],
];

describe('printing an expression', () => {
  const parameters = [
    { type: 'string', value: 'x' },
    { type: 'double', value: 1.5 },
  ];
  for (const [node, expected] of goldens) {
    test(`${node.kind}: ${expected}`, () => assert.equal(printDuckdbExpression(node, parameters), expected));
  }

  test('every kind of expression but the place of an output has a golden line', () => {
    const kinds = new Set(goldens.map(([node]) => node.kind));
    assert.deepEqual(
      Object.keys(expressionSchemas).filter((kind) => !kinds.has(kind as PlanExpression['kind'])),
      ['output'],
    );
  });

  test('every comparison has a sign', () => {
    const signs = comparisonOperators.map((operator) => printDuckdbExpression(compare(operator, a, one)));
    assert.equal(new Set(signs).size, comparisonOperators.length);
  });

  const wrong: readonly (readonly [string, PlanExpression])[] = [
    ['a number that is none', literal('bigint', '1; DROP TABLE t')],
    ['a decimal with a letter', literal('decimal(3,2)', '1e5')],
    ['a boolean that is a text', literal('boolean', 'TRUE')],
    ['a type with a space', cast(a, 'integer) --')],
    ['a NUL in a text', text('a\0b')],
    ['a NUL in a name', column('t', 'a\0')],
    ['a function that is not known', call('read_csv', text('x'))],
    ['a parameter without a value', { kind: 'parameter', index: 9 }],
  ];
  for (const [name, node] of wrong) {
    test(`refuses ${name}`, () =>
      assert.throws(() => printDuckdbExpression(node, parameters), {
        name: 'HybridStoreError',
        code: 'invalid_request',
      }));
  }
});

describe('printing a query', () => {
  const scan = { kind: 'scan', source: 'events', alias: 'e', columns: ['id', 'kind'] } as const;
  const query: PlanQuery = {
    kind: 'query',
    with: { recursive: true, entries: [{ name: 'c', columns: ['n'], query: inner }] },
    body: {
      kind: 'select',
      distinct: { kind: 'rows' },
      projections: [{ name: 'kind', value: column('e', 'kind') }],
      from: {
        kind: 'join',
        first: scan,
        steps: [
          {
            type: 'left',
            right: { kind: 'cte', name: 'c', alias: 'c1' },
            on: compare('eq', column('e', 'id'), column('c1', 'n')),
          },
          {
            type: 'cross',
            right: { kind: 'unnest', value: { kind: 'array', items: [one] }, alias: 'u', column: 'v', ordinality: 'o' },
          },
        ],
      },
      where: compare('gt', column('e', 'id'), one),
      groupBy: [{ kind: 'rollup', sets: [[column('e', 'kind')], []] }],
      having: compare('gt', call('count'), one),
    },
    orderBy: [{ value: { kind: 'output', index: 0 }, direction: 'asc', nulls: 'last' }],
    limit: integer(10),
    offset: integer(5),
  };

  test('prints clauses in the order of SQL, and no name of the plan where an engine reads it', () => {
    const { sql } = printDuckdb(finishPlan(query), { names: new MadeUpNames() });
    assert.equal(
      sql,
      'WITH RECURSIVE "_w0"("_c0") AS (SELECT 1 AS "_c1") SELECT DISTINCT "_r0"."_c2" AS "_c2" FROM "_s0" AS "_r0" ' +
        'LEFT JOIN "_w0" AS "_r1" ON ("_r0"."_c3" = "_r1"."_c0") CROSS JOIN LATERAL (SELECT unnest([1]) AS "_c5", generate_subscripts([1], 1) AS "_c4") AS "_r2" ' +
        'WHERE ("_r0"."_c3" > 1) GROUP BY ROLLUP (("_r0"."_c2"), ()) HAVING (count(*) > 1) ORDER BY 1 ASC NULLS LAST LIMIT 10 OFFSET 5',
    );
  });

  test('draws the same as a tree', () => {
    assert.equal(
      printTree(finishPlan(query)),
      `with recursive c(n)
  select
    x := 1
limit 10 offset 5
  order by output 1 asc nulls last
    select distinct
      kind := "e"."kind"
      having (count(*) > 1)
      group by rollup (("e"."kind"), ())
      where ("e"."id" > 1)
      join
        scan events as e (id, kind)
        left on ("e"."id" = "c1"."n")
          cte c as c1
        cross
          unnest [1] as u(v)`,
    );
  });
});

describe('the table of functions', () => {
  test('has each name once, and no name that reads files, settings or catalogs', () => {
    const names = planFunctions.map((known) => known.name);
    assert.equal(new Set(names).size, names.length);
    assert.deepEqual(
      names.filter((name) =>
        /^(read_|glob|getenv|current_(setting|user|schema|database)|duckdb_|pragma_|pg_|query|parquet_|sniff_|nextval|set)/.test(
          name,
        ),
      ),
      [],
    );
    assert.equal(functionNamed('getenv'), undefined);
  });
});

describe('columns that are stored as another type', () => {
  const at = column('e', 'at');
  const doc = column('e', 'doc');
  const from = { kind: 'scan', source: 'events', alias: 'e', columns: ['at', 'doc', 'price'] } as const;
  const forms: StoredForms = (source, name) => {
    if (source !== 'events') return undefined;
    if (name === 'price') return { kind: 'decimal', precision: 10, scale: 2 };
    return name === 'at' ? { kind: 'timestamp' } : { kind: 'json' };
  };
  const print = (body: Omit<SelectBody, 'kind' | 'from'>, more: Partial<PlanQuery> = {}, storedForms = forms) =>
    printDuckdb(finishPlan({ kind: 'query', body: { kind: 'select', from, ...body }, ...more }), {
      names: new MadeUpNames(),
      storedForms,
    });
  const path: PlanExpression = { kind: 'json_path', value: doc, path: ['a'], as: 'text' };
  const first = {
    orderBy: [{ value: { kind: 'output', index: 0 }, direction: 'desc', nulls: 'last' }],
    limit: one,
  } as const;

  test('are read as they are stored where the answer is the same', () => {
    const projections = [
      { name: 'm', value: call('max', at) },
      { name: 'p', value: call('min', column('e', 'price')) },
      { name: 'n', value: call('count', doc) },
    ];
    const { sql, storedColumns } = print({ projections, where: { kind: 'is_null', value: doc, negated: true } });
    assert.equal(
      sql,
      'SELECT make_timestamp(epoch_us(max("_r0"."_p0"))) AS "_c0", CAST(min("_r0"."_p1") AS DECIMAL(10, 2)) AS "_c1", ' +
        'count("_r0"."_p2") AS "_c2" FROM "_s0" AS "_r0" WHERE ("_r0"."_p2" IS NOT NULL)',
    );
    assert.deepEqual(storedColumns, [
      { scan: 'e', column: 'at', as: '_p0' },
      { scan: 'e', column: 'price', as: '_p1' },
      { scan: 'e', column: 'doc', as: '_p2' },
    ]);
    const projected = print(
      {
        projections: [
          { name: 'at', value: at },
          { name: 'a', value: path },
        ],
      },
      first,
    ).sql;
    assert.match(
      projected,
      /^SELECT "_r0"\."_c0" AS "_c0", json_extract_string\("_r0"\."_p0", .*ORDER BY "_r0"\."_p1" DESC NULLS LAST LIMIT 1$/,
    );
  });

  test('are read as what they are everywhere else', () => {
    const plain = (printed: { readonly sql: string; readonly storedColumns: readonly unknown[] }) => {
      assert.doesNotMatch(printed.sql, /_p\d/);
      assert.deepEqual(printed.storedColumns, []);
    };
    const projections = [{ name: 'at', value: at }];
    plain(print({ projections }, { orderBy: first.orderBy }));
    plain(print({ projections, distinct: { kind: 'rows' } }, first));
    plain(print({ projections, groupBy: [{ kind: 'key', value: at }] }, first));
    plain(print({ projections: [{ name: 'a', value: path }], groupBy: [{ kind: 'sets', sets: [[doc], []] }] }));
    plain(print({ projections: [{ name: 'n', value: { ...call('count', at), distinct: true } }] }));
    plain(
      print({ projections: [{ name: 'n', value: { ...call('max', at), over: { partitionBy: [], orderBy: [] } } }] }),
    );
    plain(print({ projections: [{ name: 'n', value: call('max', at) }] }, {}, () => undefined));
  });
});
