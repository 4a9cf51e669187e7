import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  type Condition,
  columnNameBytesMax,
  type Dialect,
  dialects,
  findColumnNameProblem,
  foldColumnName,
  type LogicalPlan,
} from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl } from '@hybridstore/sql/dsl';
import { parseSql } from '@hybridstore/sql/parsing';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { Random } from '../hostile/random.ts';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * A column may have any name a file has, and every door knows it by that name, wherever its rows lie. Longer:
 * `NAMES=50 NAMES_SEED=7`.
 */

const sources = Number(process.env['NAMES'] ?? 3);
const seed = Number(process.env['NAMES_SEED'] ?? 20_261_130);
const columnsPerSource = 10;

/** What names are made of: what some language, path or reader on the way gives a meaning to. */
const fragments = [
  ...[
    'a',
    'b',
    'Z',
    '0',
    '9',
    ' ',
    '  ',
    '.',
    ',',
    ';',
    ':',
    '::',
    '=',
    '%',
    '%41',
    '/',
    '\\',
    '..',
    '-',
    '--',
    '/*',
    '*/',
  ],
  ...['"', "'", '`', '""', '``', '[', ']', '(', ')', '{', '}', '<', '>', '*', '?', '$1', '$', '#', '@', '!', '|', '&'],
  ...['é', 'ß', 'İ', 'ı', 'ñ', '日本', '🙂', '\u{10ffff}', 'א', '\u00a0', '\u200d', '\ud7ff', 'ﬁ'],
  ...['select', 'FROM', 'null', 'hs_', '_c0', 'x y', '$x', '\\u0041', '\\n', '&amp;'],
];
/** Whole names that something on the way uses itself. */
const taken = [
  ...[
    'rowid',
    'filename',
    'file_row_number',
    'file_index',
    'duckdb_schema',
    'lsn',
    'c0',
    'c1',
    '_c0',
    '_s0',
    '_r0',
    'incoming',
  ],
  ...[
    'constructor',
    'toString',
    'hasOwnProperty',
    '*',
    '?',
    '1',
    '007',
    '-1',
    'true',
    'null',
    'select',
    'doc',
    'fields',
  ],
  ...[
    'source_id',
    'a.b',
    'a b',
    'Unit Price (€)',
    'größe = [n]',
    ' leading',
    'trailing ',
    'add.stats',
    'partition',
    'present',
  ],
  ...[
    'path',
    'data',
    'key',
    'value',
    'result',
    'table',
    'order',
    'group',
    'limit',
    'desc',
    'case',
    'end',
    '"',
    '""',
    '`',
    "'",
  ],
  'x'.repeat(columnNameBytesMax),
  '🙂'.repeat(columnNameBytesMax / 4),
];

function makeNames(random: Random): readonly string[] {
  const names = new Map<string, string>();
  while (names.size < columnsPerSource) {
    const isTaken = random.below(3) === 0;
    const parts = Array.from({ length: 1 + random.below(5) }, () => random.pick(fragments));
    const name = (isTaken ? random.pick(taken) : parts.join('')).normalize('NFC');
    if (findColumnNameProblem(name) === undefined) names.set(foldColumnName(name), name);
  }
  return [...names.values()];
}

type Source = {
  readonly id: string;
  readonly names: readonly string[];
  readonly schemas: PlanSchemas;
  rows: number;
};

const folder = createTemporaryFolder('names');
let node: NodeUnderTest;
const random = new Random(seed);
const made: Source[] = [];

before(async () => {
  node = await createNodeUnderTest({}, undefined, folder.path);
  for (let index = 0; index < sources; index += 1) {
    const names = makeNames(random);
    const columns = names.map((name, place) => ({ name, type: place % 3 === 2 ? 'bigint' : 'string' }));
    const id = `things_${index}`;
    const layout = index % 2 === 0 ? {} : { partition_columns: [names[0]!], index_columns: [names[1]!] };
    // One column comes later: the first files lack it.
    await call('/sources/add', { source_id: id, columns: columns.slice(0, -1), ...layout });
    const source = { id, names, schemas: new Map([[id, { columns }]]), rows: 0 };
    await write(source, names.slice(0, -1));
    if (index > 1) await node.engine.flush(id);
    await call('/sources/add', { source_id: id, columns });
    await write(source, names);
    made.push(source);
  }
});
after(async () => {
  await node.close();
  folder[Symbol.dispose]();
});

it('while rows are fresh', askAll);

it('when they are flushed', async () => {
  for (const { id } of made) await node.engine.flush(id);
  await askAll();
});

it('when their files were merged', async () => {
  for (const source of made) {
    await write(source, source.names);
    await node.engine.flush(source.id);
    const groups = new Map<string, string[]>();
    for (const { path, partition } of (await node.engine.snapshot(source.id)).files) {
      const key = JSON.stringify(partition);
      groups.set(key, [...(groups.get(key) ?? []), path]);
    }
    await node.engine.compact(source.id, {
      groups: [...groups.values()].map((paths) => ({ paths })),
      file_bytes_max: 1_048_576,
      retain_snapshots_hours: 1,
    });
  }
  await askAll();
});

it('after a restart', async () => {
  await node.close();
  node = await createNodeUnderTest({}, undefined, folder.path);
  await askAll();
});

it('and to whoever opens a file by itself', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const { id, names } of made) {
    const state = await node.engine.snapshot(id);
    const paths = await node.engine.bringToLocal(state.files.map(({ path }) => `${state.location}/${path}`));
    for (const path of paths) {
      const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${path}')`);
      assert.deepEqual(reader.deduplicatedColumnNames(), names);
    }
  }
});

it('beside keys of documents, which may be anything and differ by case', async () => {
  const documents = [
    {
      'a.b': { c: 1 },
      a: { b: { c: 2 } },
      Key: 3,
      key: 4,
      '0': 5,
      items: [6, 7],
      '': 8,
      '"q"': 9,
      '*': 10,
      'x y': { '1': 11 },
    },
    { A: 1 },
  ];
  await call('/sources/add', { source_id: 'documents' });
  await call('/data/write', { source_id: 'documents', records: documents.map((fields) => ({ fields })) });
  const columns = [
    { name: 'doc', type: 'json' },
    { name: 'doc.a', type: 'string' },
    { name: 'a.b', type: 'json' },
  ];
  await call('/sources/add', { source_id: 'columns', columns });
  const fields = { doc: { a: 1, 'a.b': 2 }, 'doc.a': 'column', 'a.b': { c: 3 } };
  await call('/data/write', { source_id: 'columns', records: [{ fields }] });
  const cases: readonly (readonly [source: string, field: string, value: string | number])[] = [
    ['documents', 'a.b.c', 2],
    ['documents', '"a.b".c', 1],
    ['documents', 'doc."a.b".c', 1],
    ['documents', 'Key', 3],
    ['documents', 'key', 4],
    ['documents', '0', 5],
    ['documents', 'items.1', 7],
    ['documents', '""', 8],
    ['documents', '"""q"""', 9],
    ['documents', '"*"', 10],
    ['documents', 'x y.1', 11],
    ['documents', 'x y."1"', 11],
    ['columns', 'doc.a', 'column'],
    ['columns', 'doc."a"', 1],
    ['columns', 'doc."a.b"', 2],
    ['columns', '"a.b".c', 3],
    ['columns', '"doc.a"', 'column'],
  ];
  for (const flushed of [false, true]) {
    for (const [source_id, field, value] of cases) {
      const body = { source_id, columns: [field], conditions: [{ field, operator: 'eq', value }] };
      const { records } = JSON.parse(await call('/data/search', body)) as { readonly records: readonly object[] };
      assert.deepEqual(records, [{ source_id, fields: { [field]: value } }], `${source_id} ${field} ${flushed}`);
    }
    // A step in quotes is a key, and a list has none.
    const condition = { field: 'items."1"', operator: 'exists', value: true };
    const found = await call('/data/search', { source_id: 'documents', conditions: [condition] });
    assert.deepEqual((JSON.parse(found) as { readonly records: unknown }).records, []);
    for (const source of ['documents', 'columns']) await node.engine.flush(source);
  }
});

it('a path that is none is refused by its name', async () => {
  for (const field of ['doc."a', 'doc..a', 'doc.', '.a', 'doc."a"b', '"']) {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    const payload = { source_id: 'columns', conditions: [{ field, operator: 'eq', value: 1 }] };
    const answer = await node.server.app.inject({ method: 'POST', url: '/data/search', headers, payload });
    assert.equal(answer.statusCode, 400, field);
    assert.ok(answer.json().error.message.startsWith(`field ${field}: expected a step after`), answer.body);
  }
});

/** Even rows hold one value in each column, odd rows another, so that a partition is no single row. */
function cellOf({ schemas, id }: Source, place: number, row: number): string | number {
  const type = schemas.get(id)?.columns[place]?.type;
  return type === 'bigint' ? (row % 2) * 1_000 + place : `${place} ${row % 2} =/%41 ü`;
}

async function write(source: Source, names: readonly string[]): Promise<void> {
  const first = source.rows;
  source.rows += 2;
  const records = [first, first + 1].map((row) => ({
    fields: Object.fromEntries(names.map((name, place) => [name, cellOf(source, place, row)])),
  }));
  await call('/data/write', { source_id: source.id, records });
}

/** What a column holds, row by row: the first two rows were written before the last column was there. */
function expectedValues(source: Source, place: number): readonly (string | number | null)[] {
  const isLast = place === source.names.length - 1;
  return Array.from({ length: source.rows }, (_, row) => (isLast && row < 2 ? null : cellOf(source, place, row)));
}

const quoted: Readonly<Record<Dialect, (name: string) => string>> = {
  mysql: (name) => `\`${name.replaceAll('`', '``')}\``,
  postgresql: (name) => `"${name.replaceAll('"', '""')}"`,
  duckdb: (name) => `"${name.replaceAll('"', '""')}"`,
};

async function askAll(): Promise<void> {
  for (const source of made) {
    for (const place of source.names.keys()) await ask(source, place);
    for (const dialect of dialects) {
      const everything = await run(sqlPlan(source, dialect, `SELECT * FROM ${source.id}`));
      assert.deepEqual(
        (everything.columns ?? []).map(({ name }) => name),
        source.names,
      );
    }
  }
}

/** One name, as each language says it; one of its ways at a time, since there are many names. */
async function ask(source: Source, place: number): Promise<void> {
  const name = source.names[place]!;
  // Without quotes, a star is all columns.
  const field = name === '*' || random.below(2) === 0 ? quoted.postgresql(name) : name;
  await askSql(source, place, random.pick(dialects));
  await askFilter(source, place, field);
  await askGroups(source, place, field);
  await askSearch(source, place, field);
}

function countOf(source: Source, place: number): number {
  return expectedValues(source, place).filter((value) => value === cellOf(source, place, 0)).length;
}

async function askSql(source: Source, place: number, dialect: Dialect): Promise<void> {
  const { id, names } = source;
  const [name, other] = [names[place]!, names[(place + 1) % names.length]!];
  const [column, alias] = [name, other].map(quoted[dialect]);
  const value = cellOf(source, place, 0);
  const sql = `SELECT t.${column}, count(${column}) AS ${alias} FROM ${id} AS t WHERE ${column} = ? GROUP BY ${column} ORDER BY t.${column} DESC`;
  const answer = await run(sqlPlan(source, dialect, sql, [value]));
  assert.deepEqual(answer.rows, [[value, countOf(source, place)]], `${dialect}: ${sql}`);
  assert.deepEqual(
    answer.columns?.map((described) => described.name),
    [name, other],
  );
}

async function askFilter(source: Source, place: number, field: string): Promise<void> {
  const value = cellOf(source, place, 0);
  const conditions: Condition[] = [{ field, operator: 'eq', value }];
  const plan = compileDsl({ query_type: 'filter', source: source.id, columns: [field], conditions }, source.schemas);
  assert.deepEqual((await run(plan)).rows, Array(countOf(source, place)).fill([value]), `filter of ${field}`);
}

async function askGroups(source: Source, place: number, field: string): Promise<void> {
  const plan = compileDsl(
    {
      query_type: 'aggregate',
      source: source.id,
      group_by: [field],
      aggregations: [{ function: 'count', field: '*', alias: 'how many rows' }],
      having: [{ field, operator: 'is_null', value: false }],
      order_by: [{ field }],
    },
    source.schemas,
  );
  const held = Map.groupBy(expectedValues(source, place), (value) => value);
  held.delete(null);
  const expected = [0, 1].map((row) => cellOf(source, place, row)).map((value) => [value, held.get(value)?.length]);
  assert.deepEqual((await run(plan)).rows, expected, `groups of ${field}`);
}

async function askSearch(source: Source, place: number, field: string): Promise<void> {
  const { id, names } = source;
  const value = cellOf(source, place, 0);
  const found = await call('/data/search', {
    source_id: id,
    conditions: [{ field, operator: 'eq', value }],
    limit: 100,
  });
  const { records } = JSON.parse(found) as { readonly records: readonly { readonly fields: object }[] };
  assert.equal(records.length, countOf(source, place), `search of ${field}`);
  for (const { fields } of records) {
    assert.deepEqual(new Set(Object.keys(fields)), new Set(names));
    assert.deepEqual(Object.getOwnPropertyDescriptor(fields, names[place]!)?.value, value);
  }
}

function sqlPlan(
  source: Source,
  dialect: Dialect,
  sql: string,
  values: readonly (string | number)[] = [],
): LogicalPlan {
  return parseSql(sql, source.schemas, { dialect, isStrict: true }, values).plan;
}

type Answer = {
  readonly columns?: readonly { readonly name: string }[];
  readonly rows?: readonly (readonly (string | number | null)[])[];
};

async function run(plan: LogicalPlan): Promise<Answer> {
  const text = await call('/internal/execute', {
    query_id: `q-${randomUUID().replaceAll('-', '')}`,
    plan,
    consistency: 'strict',
    format: 'rows_json',
    deadline_ms: 60_000,
    result_rows_max: 1_000,
  });
  return JSON.parse(text) as Answer;
}

async function call(url: string, payload: object): Promise<string> {
  const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
  const answer = await node.server.app.inject({ method: 'POST', url, headers, payload });
  assert.ok(answer.statusCode < 300, `${url} ${answer.body} ${JSON.stringify(payload).slice(0, 2_000)}`);
  return answer.body;
}
