import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { type Dialect, dialects } from '@hybridstore/contracts';
import { checkPlan, optimizePlan, stepsOfLevel } from '@hybridstore/plan';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { comparable, corpusSchemas, openCorpus, runPlan, runText } from './corpus-data.ts';

type Case = { readonly dialect: Dialect; readonly sql: string; readonly reference: string };

/** Blocks apart by empty lines; `@` names the dialects of what follows, `=` the reference in DuckDB's words. */
function readCases(file: string): readonly Case[] {
  let current: readonly Dialect[] = [];
  const content = readFileSync(new URL(`corpus/${file}`, import.meta.url), 'utf8');
  return content.split(/\n\n+/).flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
    const header = lines[0]?.startsWith('@') ? lines.shift() : undefined;
    if (header) current = dialects.filter((dialect) => header.includes(dialect));
    const reference = lines.find((line) => line.startsWith('= '))?.slice(2);
    const sql = lines.filter((line) => !line.startsWith('= ')).join('\n');
    return sql === '' ? [] : current.map((dialect) => ({ dialect, sql, reference: reference ?? sql }));
  });
}

const cases = ['all-dialects.sql', 'mysql.sql', 'postgresql.sql', 'duckdb.sql'].flatMap(readCases);

describe('the corpus answers like DuckDB on equal data', () => {
  let connection: DuckDBConnection;
  before(async () => {
    connection = await openCorpus();
  });
  after(() => connection.closeSync());

  test('it holds at least 150 statements and every dialect', () => {
    assert.ok(new Set(cases.map((item) => item.sql)).size >= 150);
    assert.deepEqual([...new Set(cases.map((item) => item.dialect))].sort(), ['duckdb', 'mysql', 'postgresql']);
  });

  for (const { dialect, sql, reference } of cases) {
    test(`${dialect}: ${sql.replaceAll(/\s+/g, ' ')}`, async () => {
      const { plan } = parseSql(sql, corpusSchemas, { dialect, isStrict: true }, []);
      const isOrdered = / ORDER BY [^()]*$/i.test(sql) && / ORDER BY [^()]*$/i.test(reference);
      const expected = comparable(await runText(connection, reference), isOrdered);
      assert.deepEqual(comparable(await runPlan(connection, plan), isOrdered), expected);
      const rewritten = optimizePlan(plan, stepsOfLevel('aggressive')).plan;
      checkPlan(rewritten, corpusSchemas);
      assert.deepEqual(comparable(await runPlan(connection, rewritten), isOrdered), expected, 'after every rewrite');
    });
  }
});
