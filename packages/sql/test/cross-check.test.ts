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
    ['a table that the first parser did not see', 'SELECT (SELECT MAX(b) FROM v) FROM t', ['t'], ['v', 't'], 28],
    ['a table that only the first parser saw', 'SELECT a FROM t', ['t', 'u'], ['t'], 15],
    ['other tables', 'SELECT a FROM t', ['u'], ['t'], 15],
  ] as const;
  for (const [what, text, sources, actual, place] of disagreements)
    for (const dialect of dialects)
      test(`refuses ${what} in ${dialect}, and names both lists`, () => {
        assert.throws(() => crossCheckTables({ text, dialect }, { sources, commonTables: [] }), {
          code: 'invalid_request',
          message:
            /the parsers of the statement disagree about its tables: one reads .+, another .+ \(line 1, column \d+\)/,
          details: { field: 'query', line: 1, column: place, expected: sources, actual },
        });
      });

  const rightly = [
    ['a comma behind JOIN … ON', 'SELECT 1 FROM t JOIN u ON t.a = u.a, v', ['t', 'u', 'v']],
    ['tables joined in parentheses', 'SELECT 1 FROM (t AS a CROSS JOIN u AS b)', ['t', 'u']],
    [
      'tables joined in parentheses before a comma',
      'SELECT 1 FROM (t JOIN (u JOIN v ON 1 = 1) ON 1 = 1), w',
      ['t', 'u', 'v', 'w'],
    ],
    [
      'a UNION behind a subquery',
      'SELECT 1 FROM t WHERE a = (SELECT MAX(b) FROM u) UNION SELECT 1 FROM v',
      ['t', 'u', 'v'],
    ],
    [
      'a UNION in parentheses',
      'SELECT 1 FROM ((SELECT 1 FROM t) UNION (SELECT 2 FROM u)) x JOIN v ON 1 = 1, w',
      ['t', 'u', 'v', 'w'],
    ],
  ] as const;
  for (const [what, text, sources] of rightly)
    test(`refuses no statement for faults of its own: ${what}`, () => {
      assert.deepEqual(compare(text, sources), agreed);
    });

  test('alone on its side, refuses nothing; two that read other tables than the binder do', () => {
    assert.throws(() => compare('SELECT 1 FROM (t AS a CROSS JOIN u AS b)', ['t']), { code: 'invalid_request' });
    assert.throws(() => compare('SELECT 1 FROM t JOIN u ON t.a = u.a, v', ['t', 'u']), { code: 'invalid_request' });
  });

  test('cannot read: the third reader has to read the same tables', () => {
    assert.throws(() => compare('FROM t SELECT a', ['u']), {
      code: 'invalid_request',
      details: { field: 'query', line: 1, column: 6, expected: ['u'], actual: ['t'] },
    });
  });

  test('says that it cannot read what it does not know, and leaves it to the checks that follow', () => {
    assert.deepEqual(
      compare('FROM t SELECT a', ['t']),
      dialects.map(() => 'cannot_read'),
    );
  });
});
