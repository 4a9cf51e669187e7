import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dialects } from '@hybridstore/contracts';
import { crossCheckTables } from '../src/parsing/cross-check.ts';

const compare = (text: string, sources: readonly string[], commonTables: readonly string[] = []) =>
  dialects.map((dialect) => crossCheckTables({ text, dialect }, { sources, commonTables }));
const agreed = dialects.map(() => 'agreed');

describe('the cross-check parser', () => {
  test('agrees on the tables of subqueries, joins and set operations, whatever their case', () => {
    const text = 'SELECT a FROM T CROSS JOIN u WHERE a IN (SELECT b FROM v UNION SELECT c FROM w)';
    assert.deepEqual(compare(text, ['t', 'u', 'v', 'w']), agreed);
  });

  test('takes the names of common tables for no sources', () => {
    assert.deepEqual(compare('WITH c AS (SELECT a FROM t) SELECT a FROM c', ['t'], ['c']), agreed);
  });

  const disagreements = [
    ['a table that the first parser did not see', 'SELECT (SELECT MAX(b) FROM v) FROM t', ['t'], ['v', 't']],
    ['a table that only the first parser saw', 'SELECT a FROM t', ['t', 'u'], ['t']],
    ['other tables', 'SELECT a FROM t', ['u'], ['t']],
  ] as const;
  for (const [what, text, sources, actual] of disagreements)
    for (const dialect of dialects)
      test(`refuses ${what} in ${dialect}, and names both lists`, () => {
        assert.throws(() => crossCheckTables({ text, dialect }, { sources, commonTables: [] }), {
          code: 'invalid_request',
          message: /two parsers of the statement disagree about its tables/,
          details: { field: 'query', expected: sources, actual },
        });
      });

  test('says that it cannot read what it does not know, and leaves it to the checks that follow', () => {
    assert.deepEqual(
      compare('FROM t SELECT a', ['t']),
      dialects.map(() => 'cannot_read'),
    );
  });
});
