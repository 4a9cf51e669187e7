import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type PlanSchemas, printDuckdb } from '@hybridstore/plan';
import { parseSql } from '@hybridstore/sql/parsing';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { lockedSettings } from '../../src/execute/child/session-settings.ts';
import { Random } from '../hostile/random.ts';

/*
 * What docs/internals/engine-defects.md lists, in the engine as a node sets it and in the text as a plan is printed. An
 * upgrade of the engine runs all of it again. Longer: `DEFECT_PREDICATES=100000 DEFECT_SEED=7`.
 */

const predicates = Number(process.env['DEFECT_PREDICATES'] ?? 1_500);
const seed = Number(process.env['DEFECT_SEED'] ?? 20_261_130);

/** Of both the tables of fresh rows and the files; the files have small row groups, of which some hold nothing but NULL. */
const rows = `
  SELECT i AS id,
    CASE WHEN i >= 4096 AND i % 5 > 0 THEN i % 7 END AS whole,
    CASE WHEN i >= 4096 AND i % 3 > 0 THEN 'k' || (i % 7) END AS words,
    CASE WHEN i >= 4096 AND i % 4 > 0 THEN i % 2 = 0 END AS flag,
    CASE WHEN i >= 4096 AND i % 6 > 0 THEN (i % 7) / 2.0::DOUBLE END AS real,
    NULL::BIGINT AS nothing
  FROM range(6144) r(i)`;
const columns = [
  { name: 'id', type: 'bigint' },
  { name: 'whole', type: 'bigint' },
  { name: 'words', type: 'string' },
  { name: 'flag', type: 'boolean' },
  { name: 'real', type: 'double' },
  { name: 'nothing', type: 'bigint' },
];
const sources = ['fresh', 'stored', 'empty', 'many', 'many_stored', 'few'];
const schemas: PlanSchemas = new Map(sources.map((source) => [source, { columns }]));

describe('the engine, as it is set and spoken to', () => {
  const folder = createTemporaryFolder('defects');
  const filesFolder = join(folder.path, 'files');
  const instances: DuckDBInstance[] = [];
  let ours: DuckDBConnection;
  /** The same engine without an optimizer: slow, and right. */
  let plain: DuckDBConnection;

  before(async () => {
    mkdirSync(filesFolder);
    ours = await open();
    await ours.run(`COPY (${rows}) TO '${filesFolder}/rows.parquet' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    const many = 'SELECT i AS id, i % 1000 AS whole FROM range(200000) r(i)';
    await ours.run(`COPY (${many}) TO '${filesFolder}/many.parquet' (FORMAT parquet, ROW_GROUP_SIZE 8192)`);
    plain = await open();
    for (const connection of [ours, plain]) {
      await connection.run(`CREATE VIEW stored AS SELECT * FROM read_parquet('${filesFolder}/rows.parquet')`);
      await connection.run(`CREATE TABLE fresh AS ${rows}`);
      await connection.run(`CREATE TABLE many AS ${many}`);
      await connection.run('CREATE TABLE few AS SELECT * FROM (VALUES (150000::BIGINT), (190000), (500)) AS few(id)');
      await connection.run(`CREATE VIEW many_stored AS SELECT * FROM read_parquet('${filesFolder}/many.parquet')`);
      await connection.run('CREATE TABLE empty AS SELECT * FROM fresh LIMIT 0');
    }
    await plain.run('PRAGMA disable_optimizer');
    for (const setting of lockedSettings({ filesFolder, secret: '', memoryLimit: '512MB', threads: 2 }))
      await ours.run(setting);
  });
  after(() => {
    for (const instance of instances) instance.closeSync();
    folder[Symbol.dispose]();
  });

  const defects: readonly (readonly [string, string, unknown])[] = [
    ['duckdb#25158', 'SELECT CAST(id AS INTEGER) AS x FROM stored ORDER BY x DESC LIMIT 2', [[6143], [6142]]],
    ['duckdb#25158', 'SELECT TRY_CAST(id AS SMALLINT) AS x FROM stored ORDER BY x DESC LIMIT 1', [[6143]]],
    ['duckdb#25884', 'SELECT count(*) FROM stored WHERE whole IS DISTINCT FROM 5 OR whole = 5', [['6144']]],
    ['duckdb#25884', 'SELECT count(*) FROM fresh WHERE nothing IS DISTINCT FROM 5 OR nothing = 5', [['6144']]],
    ['duckdb#25884', 'SELECT count(*) FROM stored WHERE flag IS TRUE OR flag IS NOT TRUE', [['6144']]],
    [
      'duckdb#24624',
      `SELECT count(*) FROM (
         SELECT s.id FROM (SELECT id, flag FROM stored WHERE id = 4097) AS s LEFT JOIN (SELECT words FROM fresh WHERE id = 4097) AS f ON true
           WHERE NOT ((NOT s.flag) AND (substring(f.words, 1, 1) <> f.words))
         UNION ALL
         SELECT s.id FROM (SELECT id, flag FROM stored WHERE id = 4097) AS s LEFT JOIN (SELECT words FROM fresh WHERE id = 4097) AS f ON true
           WHERE ((NOT s.flag) AND (substring(f.words, 1, 1) <> f.words)) IS NULL
       ) AS u`,
      undefined,
    ],
    [
      'duckdb#23679',
      "SELECT 'a' AS q, count(*) AS c FROM stored WHERE whole > 1 UNION ALL SELECT 'b', count(*) FROM stored WHERE id > 1 ORDER BY q",
      undefined,
    ],
    [
      'duckdb#24363',
      'SELECT c FROM (SELECT whole, row_number() OVER (PARTITION BY whole ORDER BY nothing) AS c FROM fresh WHERE whole = 3) AS u WHERE c <= 2 ORDER BY c',
      [['1'], ['2']],
    ],
    [
      'duckdb#23588',
      'SELECT l.words FROM (SELECT words, whole FROM fresh WHERE id = 4100) AS l JOIN (SELECT whole, id FROM stored WHERE id IN (4100, 4107)) AS r ON l.whole = r.whole QUALIFY row_number() OVER (ORDER BY r.id DESC NULLS LAST) <= 2',
      undefined,
    ],
    [
      'duckdb#21757',
      'WITH c AS (SELECT DISTINCT whole FROM fresh) SELECT count(*) FROM c LEFT JOIN empty AS e ON c.whole = e.whole',
      [['8']],
    ],
    [
      'duckdb#24542',
      'SELECT * FROM (SELECT a.id, b.real FROM stored AS a LEFT JOIN fresh AS b ON a.id = b.nothing ORDER BY b.real DESC NULLS FIRST, a.id LIMIT 2) AS s WHERE s.real <= 20',
      [],
    ],
  ];
  for (const [id, sql, right] of defects)
    it(`is right about ${id}: ${sql.replaceAll(/\s+/g, ' ').slice(0, 100)}`, async () => {
      const expected = right ?? (await ask(plain, printed(sql)));
      assert.deepEqual(await ask(ours, printed(sql)), expected);
      assert.deepEqual(await ask(plain, printed(sql)), expected);
    });

  const limited = (source: string) => `(SELECT id, whole FROM ${source} ORDER BY id LIMIT 100)`;
  const few = '(SELECT id FROM few)';
  const joins: readonly ((source: string) => string)[] = [
    (source) => `SELECT count(*) FROM ${limited(source)} AS a JOIN ${few} AS b ON a.id = b.id`,
    (source) =>
      `SELECT count(*) FROM (SELECT id FROM ${limited(source)} AS i WHERE id > 5) AS a JOIN ${few} AS b ON a.id = b.id`,
    (source) => `SELECT count(*), count(a.id) FROM ${limited(source)} AS a RIGHT JOIN ${few} AS b ON a.id = b.id`,
    (source) => `SELECT count(*) FROM ${limited(source)} AS a WHERE a.id IN ${few}`,
    (source) => `WITH a AS ${limited(source)} SELECT count(*) FROM a JOIN ${few} AS b ON a.id = b.id`,
    (source) =>
      `SELECT count(*) FROM (SELECT id FROM ${source} WHERE id > 6000 UNION ALL SELECT id FROM ${limited(source)} AS i) AS a JOIN ${few} AS b ON a.id = b.id`,
    (source) =>
      `SELECT count(*) FROM (SELECT id FROM ${source} ORDER BY id OFFSET 199900) AS a JOIN ${few} AS b ON a.id = b.id`,
  ];
  for (const [index, join] of joins.entries())
    it(`is right about duckdb#22924 every time, in shape ${index + 1}`, async () => {
      for (const source of ['many', 'many_stored']) {
        const text = printed(join(source));
        const expected = await ask(plain, text);
        for (let time = 0; time < 20; time += 1) assert.deepEqual(await ask(ours, text), expected, text.sql);
      }
    });

  it(`finds what it finds without its optimizer, in ${predicates} predicates of seed ${seed}`, async () => {
    const random = new Random(seed);
    for (let made = 0; made < predicates; made += 1) {
      const source = random.pick(['fresh', 'stored']);
      const sql = `SELECT count(*), sum(id) FROM ${source} WHERE ${predicate(random, 3)}`;
      const text = printed(sql);
      assert.deepEqual(await ask(ours, text), await ask(plain, text), `${sql}\n${text.sql}`);
    }
  });

  async function open(): Promise<DuckDBConnection> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    instances.push(instance);
    return instance.connect();
  }

  function printed(sql: string) {
    return printDuckdb(parseSql(sql, schemas, { dialect: 'duckdb', isStrict: true }, []).plan);
  }

  async function ask(connection: DuckDBConnection, { sql }: { readonly sql: string }): Promise<unknown> {
    return (await connection.runAndReadAll(sql)).getRowsJson();
  }
});

/** Of the shapes that an engine looks through to the statistics of a scan. */
function predicate(random: Random, depth: number): string {
  if (depth === 0 || random.below(4) === 0) return comparison(random);
  const one = () => predicate(random, depth - 1);
  switch (random.below(4)) {
    case 0:
      return `(${one()} AND ${one()})`;
    case 1:
      return `(${one()} OR ${one()})`;
    case 2:
      return `(NOT ${one()})`;
    default:
      return `((${one()}) IS ${random.pick(['', 'NOT '])}${random.pick(['TRUE', 'FALSE', 'NULL'])})`;
  }
}

const constants: Readonly<Record<string, readonly string[]>> = {
  id: ['0', '4095', '4096', '6143', '-1', '1e3'],
  whole: ['3', '0', '9', 'NULL'],
  words: ["'k3'", "''", "'z'", 'NULL'],
  flag: ['TRUE', 'FALSE', 'NULL'],
  real: ['1.5', '0', '-0.5', 'NULL'],
  nothing: ['5', 'NULL'],
};

function comparison(random: Random): string {
  const column = random.pick(Object.keys(constants));
  const constant = () => random.pick(constants[column]!);
  switch (random.below(8)) {
    case 0:
      return `${column} IS ${random.pick(['', 'NOT '])}NULL`;
    case 1:
      return `${column} ${random.pick(['', 'NOT '])}IN (${constant()}, ${constant()}, ${constant()})`;
    case 2:
      return column === 'flag' ? 'flag' : `${column} BETWEEN ${constant()} AND ${constant()}`;
    case 3:
      return `${column} IS ${random.pick(['', 'NOT '])}DISTINCT FROM ${constant()}`;
    case 4:
      return column === 'flag' ? 'NOT flag' : `CAST(${column} AS VARCHAR) ${random.pick(['=', '<>'])} '3'`;
    default:
      return `${column} ${random.pick(['=', '<>', '<', '<=', '>', '>='])} ${constant()}`;
  }
}
