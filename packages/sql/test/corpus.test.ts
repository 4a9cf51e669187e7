import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { checkPlan, optimizePlan, stepsOfLevel } from '@hybridstore/plan';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { readCases } from './corpus-cases.ts';
import { comparable, corpusSchemas, openCorpus, runPlan, runText } from './corpus-data.ts';

const cases = readCases();

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
