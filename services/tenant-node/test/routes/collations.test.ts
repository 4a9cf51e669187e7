import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import {
  type Column,
  type Dialect,
  type DslQuery,
  dialects,
  type LogicalPlan,
  type QueryStats,
} from '@hybridstore/contracts';
import type { PlanSchemas } from '@hybridstore/plan';
import { compileDsl } from '@hybridstore/sql/dsl';
import { parseSql } from '@hybridstore/sql/parsing';
import { createNodeUnderTest, type NodeUnderTest, tenant } from './node-under-test.ts';

/*
 * Bounds of files, partition values and row groups speak of bytes; a column that declares a collation is compared by keys.
 * So rows must be found wherever they lie, through whatever door, as a model of the keys finds them.
 */

const columns: Column[] = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: 'name', type: 'string', collation: 'nocase_noaccent' },
  { name: 'tag', type: 'string', collation: 'nocase' },
  { name: 'bare', type: 'string' },
];
const definition = { columns, partition_columns: ['tag'], index_columns: ['name'], primary_key: ['name'] };

type Row = { readonly id: number; readonly name: string | null; readonly tag: string | null };

const names = [
  'ann',
  'ANN',
  'Änn',
  'bob',
  'BOB',
  'Zoë',
  'zoe',
  'ärger',
  'Ärger',
  '',
  null,
  'Ann ',
  'straße',
  'STRASSE',
];
const tags = ['red', 'RED', 'Blue', null, 'blue', 'rêd'];
const rows: readonly Row[] = Array.from({ length: 60 }, (_, index) => ({
  id: index + 1,
  name: names[(index * 5) % names.length] ?? null,
  tag: tags[(index * 7) % tags.length] ?? null,
}));

/** Sizes of the parts that are flushed, and what stays fresh. */
const layouts = {
  one_file: { flushed: [60], fresh: 0 },
  files_and_fresh: { flushed: [20, 20], fresh: 20 },
  all_fresh: { flushed: [], fresh: 60 },
  compacted: { flushed: [20, 20, 20], fresh: 0 },
} as const;
const sources = Object.keys(layouts);
const schemas: PlanSchemas = new Map(sources.map((source) => [source, { columns }]));

const keys = {
  name: ({ name }: Row) => fold(name),
  tag: ({ tag }: Row) => tag?.toLowerCase() ?? null,
};
const fold = (text: string | null) => text?.toLowerCase().normalize('NFD').replaceAll(/\p{M}/gu, '') ?? null;
const probes = ['ANN', 'änn', 'zoë', 'ÄRGER', '', 'ann ', 'straße', 'nobody'];

const idsWhere = (matches: (row: Row) => boolean) => rows.filter(matches).map(({ id }) => id);
/** NULL matches nothing. */
const idsOfNames = (matches: (key: string) => boolean) =>
  idsWhere((row) => {
    const key = keys.name(row);
    return key !== null && matches(key);
  });
const quoted = (text: string) => `'${text}'`;

describe('a declared collation, wherever rows lie', () => {
  let node: NodeUnderTest;
  before(async () => {
    node = await createNodeUnderTest();
    for (const source of sources) await fill(source);
  });
  after(() => node.close());

  async function fill(source: string): Promise<void> {
    await call('/sources/add', { source_id: source, ...definition });
    const { flushed, fresh } = layouts[source as keyof typeof layouts]; // sources are its keys
    let at = 0;
    for (const size of [...flushed, fresh]) {
      const records = rows.slice(at, at + size).map((row) => ({ fields: { ...row, bare: row.name } }));
      if (records.length > 0) await node.engine.append({ sourceId: source, records });
      at += size;
      if (at <= 60 - fresh) await node.engine.flush(source);
    }
    if (source === 'compacted') await compact(source);
    assert.equal((await node.engine.stats(source)).unflushed_rows, fresh);
  }

  async function compact(source: string): Promise<void> {
    const { files } = await node.engine.snapshot(source);
    const byTag = Map.groupBy(files, ({ partition }) => partition['tag'] ?? null);
    const groups = [...byTag.values()].map((group) => ({ paths: group.map(({ path }) => path) }));
    await node.engine.compact(source, { groups, file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  }

  for (const source of sources) {
    for (const dialect of source === 'files_and_fresh' ? dialects : (['mysql'] as const))
      it(`is compared alike by ${dialect} in ${source}`, async () => {
        for (const probe of probes) {
          const key = fold(probe) ?? '';
          const wanted = idsOfNames;
          const cases: readonly (readonly [string, readonly number[]])[] = [
            [`name = ${quoted(probe)}`, wanted((own) => own === key)],
            [`name <> ${quoted(probe)}`, wanted((own) => own !== key)],
            [`name IN (${quoted(probe)}, 'Bob')`, wanted((own) => own === key || own === 'bob')],
            [`name LIKE ${quoted(`${probe}%`)}`, wanted((own) => own.startsWith(key))],
            [`name >= ${quoted(probe)}`, wanted((own) => own >= key)],
            [`name < ${quoted(probe)}`, wanted((own) => own < key)],
            [`name BETWEEN ${quoted(probe)} AND 'BOBBY'`, wanted((own) => own >= key && own <= 'bobby')],
          ];
          for (const [condition, expected] of cases) {
            const sql = `SELECT id FROM ${source} WHERE ${condition} ORDER BY id`;
            assert.deepEqual(await ids(parse(sql, dialect)), expected, sql);
          }
        }
      });

    it(`prunes no partition and no file of ${source} by bytes`, async () => {
      for (const probe of ['RED', 'red', 'Red', 'BLUE', 'RÊD'])
        for (const sql of [`tag = ${quoted(probe)}`, `tag IN (${quoted(probe)})`, `tag LIKE ${quoted(`${probe}%`)}`]) {
          const expected = idsWhere((row) => keys.tag(row) === probe.toLowerCase());
          assert.deepEqual(await ids(parse(`SELECT id FROM ${source} WHERE ${sql} ORDER BY id`)), expected, sql);
        }
      const bytes = idsWhere(({ tag }) => tag === 'red');
      const binary = `SELECT id FROM ${source} WHERE tag COLLATE utf8mb4_bin = 'red' ORDER BY id`;
      assert.deepEqual(await ids(parse(binary)), bytes);
    });

    it(`groups, sorts and joins ${source} by its keys`, async () => {
      const groups = Map.groupBy(rows, keys.name);
      const least = (of: readonly Row[]) =>
        of.map(({ name }) => name).reduce((a, b) => ((b ?? '') < (a ?? '') ? b : a));
      const ordered = [...groups].sort(([a], [b]) => (a === null ? -1 : b === null ? 1 : a < b ? -1 : 1));
      assert.deepEqual(
        await table(parse(`SELECT name, COUNT(*) FROM ${source} GROUP BY name ORDER BY name`)),
        ordered.map(([, of]) => [bytesLeast(of) ?? least(of), of.length]),
      );
      assert.deepEqual(
        await table(parse(`SELECT DISTINCT name FROM ${source} ORDER BY name DESC`)),
        ordered.map(([, of]) => [bytesLeast(of)]).reverse(),
      );
      const known = ordered.filter(([key]) => key !== null);
      assert.deepEqual(await table(parse(`SELECT COUNT(DISTINCT name), MIN(name), MAX(name) FROM ${source}`)), [
        [known.length, '', bytesGreatest(known.at(-1)?.[1] ?? [])],
      ]);
      const pairs = known.reduce((sum, [, of]) => sum + of.length ** 2, 0);
      assert.deepEqual(await table(parse(`SELECT COUNT(*) FROM ${source} a JOIN ${source} b ON a.name = b.name`)), [
        [pairs],
      ]);
      const head = rows.toSorted((a, b) => compareKeys(keys.name(a), keys.name(b)) || a.id - b.id).map(({ id }) => id);
      for (const count of [1, 7, 20])
        assert.deepEqual(
          await ids(parse(`SELECT id FROM ${source} ORDER BY name, id LIMIT ${count}`)),
          head.slice(0, count),
        );
    });

    it(`means the same in the DSL over ${source}`, async () => {
      const filter = (operator: string, value: unknown) =>
        dsl({
          query_type: 'filter',
          source,
          columns: ['id'],
          conditions: [{ field: 'name', operator, value }],
          order_by: [{ field: 'id' }],
        } as DslQuery);
      for (const probe of probes) {
        const key = fold(probe) ?? '';
        const wanted = idsOfNames;
        assert.deepEqual(
          await ids(filter('eq', probe)),
          wanted((own) => own === key),
          probe,
        );
        assert.deepEqual(
          await ids(filter('in', [probe])),
          wanted((own) => own === key),
          probe,
        );
        assert.deepEqual(
          await ids(filter('starts_with', probe)),
          wanted((own) => own.startsWith(key)),
          probe,
        );
        assert.deepEqual(
          await ids(filter('lt', probe)),
          wanted((own) => own < key),
          probe,
        );
      }
      const grouped = dsl({
        query_type: 'aggregate',
        source,
        group_by: ['tag'],
        aggregations: [{ function: 'count', field: '*' }],
        order_by: [{ field: 'tag' }],
      } as DslQuery);
      const groups = Map.groupBy(rows, keys.tag);
      const ordered = [...groups].sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : a < b ? -1 : 1));
      assert.deepEqual(
        (await table(grouped)).map(([, count]) => count),
        ordered.map(([, of]) => of.length),
      );
    });

    it(`means the same in a search over ${source}`, async () => {
      const answer = await call('/data/search', {
        source_id: source,
        filter: { field: 'name', operator: 'eq', value: 'ZOË' },
        columns: ['id'],
        order_by: [{ field: 'name' }, { field: 'id' }],
      });
      const found = (answer['records'] as readonly { fields: { id: number } }[]).map(({ fields }) => fields.id);
      assert.deepEqual(
        found,
        idsWhere((row) => keys.name(row) === 'zoe'),
      );
      assert.deepEqual((answer['stats'] as QueryStats).warnings, []);
    });
  }

  it('holds for a search over several sources as well', async () => {
    const answer = await call('/data/search', {
      source_ids: ['one_file', 'all_fresh'],
      filter: { field: 'name', operator: 'in', value: ['ANN', 'bob'] },
      columns: ['name'],
      order_by: [{ field: 'name' }],
      limit: 1_000,
    });
    const found = (answer['records'] as readonly { fields: { name: string } }[]).map(({ fields }) => fold(fields.name));
    const once = rows.map(keys.name).filter((key) => key === 'ann' || key === 'bob');
    assert.deepEqual(found, [...once, ...once].sort());
  });

  it('can change, since it says nothing of stored bytes', async () => {
    const source = 'changing';
    await call('/sources/add', {
      source_id: source,
      columns: [
        { name: 'id', type: 'bigint' },
        { name: 'name', type: 'string' },
      ],
    });
    await call('/data/write', {
      source_id: source,
      records: [{ fields: { id: 1, name: 'Ann' } }, { fields: { id: 2, name: 'ann' } }],
    });
    await node.engine.flush(source);
    const asked = async () => {
      const { columns: now } = await node.engine.source(source);
      const { plan } = parseSql(
        `SELECT id FROM ${source} WHERE name = 'ann' ORDER BY id`,
        new Map([[source, { columns: now }]]),
        { dialect: 'mysql', isStrict: true },
        [],
      );
      return ids(plan);
    };
    const before = await node.engine.snapshot(source);
    assert.deepEqual(await asked(), [2]);
    for (const [collation, expected] of [
      ['nocase', [1, 2]],
      ['binary', [2]],
      ['nocase_noaccent', [1, 2]],
    ] as const) {
      await call('/sources/add', { source_id: source, columns: [{ name: 'name', type: 'string', collation }] });
      assert.deepEqual(await asked(), expected, collation);
    }
    const { files } = await node.engine.snapshot(source);
    assert.deepEqual(
      files.map(({ path }) => path),
      before.files.map(({ path }) => path),
    );
  });

  it('is refused by name for a column that holds no texts, and when it does not exist', async () => {
    for (const [column, message] of [
      [
        { name: 'n', type: 'bigint', collation: 'nocase' },
        /columns\[0\]\.collation: expected none, since only a string column has one/,
      ],
      [{ name: 'n', type: 'string', collation: 'swedish' }, /collation/],
    ] as const) {
      const answer = await post('/sources/add', { source_id: 'bad', columns: [column] });
      assert.equal(answer.statusCode, 400);
      assert.match(answer.body, message);
    }
  });

  it('that is missing is a warning of the answer', async () => {
    const warningsOf = async (sql: string, dialect: Dialect = 'mysql') =>
      (await execute(parse(sql, dialect))).stats.warnings;
    const [only, ...more] = (await warningsOf("SELECT id FROM one_file WHERE bare = 'ann' OR bare = name")) ?? [];
    assert.deepEqual([only?.code, more], ['binary_text_comparison', []]);
    assert.match(only?.message ?? '', /^texts of bare are compared byte by byte/);
    assert.deepEqual(await warningsOf("SELECT id FROM one_file WHERE name = 'ann'"), []);
    assert.deepEqual(await warningsOf("SELECT id FROM one_file WHERE bare = 'ann'", 'postgresql'), []);
  });

  function bytesLeast(of: readonly Row[]): string | null {
    return of.map(({ name }) => name).reduce((a, b) => (compareBytes(b, a) < 0 ? b : a));
  }

  function bytesGreatest(of: readonly Row[]): string | null {
    return of.map(({ name }) => name).reduce((a, b) => (compareBytes(b, a) > 0 ? b : a));
  }

  function compareBytes(a: string | null, b: string | null): number {
    return Buffer.compare(Buffer.from(a ?? ''), Buffer.from(b ?? ''));
  }

  function compareKeys(a: string | null, b: string | null): number {
    if (a === b) return 0;
    if (a === null || b === null) return a === null ? -1 : 1;
    return compareBytes(a, b);
  }

  function parse(sql: string, dialect: Dialect = 'mysql'): LogicalPlan {
    return parseSql(sql, schemas, { dialect, isStrict: true }, []).plan;
  }

  function dsl(query: DslQuery): LogicalPlan {
    return compileDsl(query, schemas);
  }

  type Answer = { readonly rows: readonly (readonly unknown[])[]; readonly stats: QueryStats };

  async function execute(plan: LogicalPlan): Promise<Answer> {
    const body = {
      query_id: `q-${randomUUID().replaceAll('-', '')}`,
      plan,
      consistency: 'strict',
      format: 'rows_json',
      deadline_ms: 60_000,
      result_rows_max: 1_000,
    };
    return (await call('/internal/execute', body)) as Answer; // as its schema promises
  }

  async function table(plan: LogicalPlan): Promise<readonly (readonly unknown[])[]> {
    return (await execute(plan)).rows;
  }

  async function ids(plan: LogicalPlan): Promise<readonly unknown[]> {
    return (await table(plan)).map(([id]) => id);
  }

  function post(url: string, payload: object) {
    const headers = { authorization: `Bearer ${node.issuer.userToken(tenant)}` };
    return node.server.app.inject({ method: 'POST', url, headers, payload });
  }

  async function call(url: string, payload: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await post(url, payload);
    assert.ok(answer.statusCode < 300, `${url} ${answer.body}`);
    return answer.json();
  }
});
