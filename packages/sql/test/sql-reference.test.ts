import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type Dialect, dialects, isHybridStoreError } from '@hybridstore/contracts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { corpusSchemas } from './corpus-data.ts';

const page = readFileSync(new URL('../../../docs/reference/sql.md', import.meta.url), 'utf8');

/** The statements that the page says a dialect takes. */
function statementsOf(dialect: Dialect): readonly string[] {
  const rows = [...page.matchAll(/^\| [^|]+ \| ([a-z, ]+) \| `(SELECT|WITH)(.*)` \|$/gm)];
  return rows
    .filter(([, named = '']) => named === 'all' || named.split(', ').includes(dialect))
    .map(([, , word = '', rest = '']) => `${word}${rest.replaceAll('\\|', '|')}`);
}

function outcomeOf(sql: string, dialect: Dialect): string {
  try {
    parseSql(sql, corpusSchemas, { dialect, isStrict: true }, sql.includes('?') ? ['C1'] : []);
    return 'taken';
  } catch (error) {
    return isHybridStoreError(error) ? error.message : String(error);
  }
}

/** Names that are called in a function's row of the page, with no argument and with far too many. */
function functionsOf(chapter: string): readonly string[] {
  const text = page.split(`### In ${chapter}\n`)[1]?.split(/^##/m)[0] ?? '';
  return [...text.matchAll(/^\| `([a-z0-9_]+)\(/gm)].map(([, name = '']) => name);
}

describe('the reference of SQL', () => {
  for (const dialect of dialects) {
    it(`names statements that ${dialect} takes, each of them`, () => {
      const statements = statementsOf(dialect);
      assert.ok(statements.length > 10, `${statements.length} statements`);
      const refused = statements
        .map((sql) => `${sql}: ${outcomeOf(sql, dialect)}`)
        .filter((line) => !line.endsWith(': taken'));
      assert.deepEqual(refused, []);
    });

    it(`names functions that ${dialect} knows, each of them`, () => {
      const names = [...functionsOf('every dialect'), ...functionsOf(dialect)];
      assert.ok(names.length > 150, `${names.length} functions`);
      const unknown = names.filter((name) => outcomeOf(`SELECT ${name}() AS x`, dialect).includes('does not exist'));
      assert.deepEqual(unknown, []);
    });
  }

  it('names no function twice for a dialect', () => {
    for (const dialect of dialects) {
      const names = [...functionsOf('every dialect'), ...functionsOf(dialect)];
      assert.equal(new Set(names).size, names.length);
    }
  });
});
