import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialects } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import { parseSql } from '../src/parsing/index.ts';
import { corpusSchemas } from './corpus-data.ts';

const whole = [
  'SELECT order_id, SUM(amount) AS total FROM sales WHERE customer_id IN (SELECT customer_id FROM customers) AND amount BETWEEN 1 AND 9 GROUP BY order_id HAVING SUM(amount) > 3 ORDER BY total DESC LIMIT 5',
  "WITH a AS (SELECT CAST(price AS DOUBLE) AS p, CASE WHEN active THEN 'x' ELSE 'y' END AS c FROM sales) SELECT p, c FROM a UNION ALL SELECT 1, 'z'",
  'SELECT SUM(amount) OVER (PARTITION BY customer_id ORDER BY day) AS s, COUNT(DISTINCT note) FROM sales JOIN customers USING (customer_id)',
];
const signs = [')', '(', ',', '= =', '@@', '#', '{', ']', "'", '"', '`', '€', 'SELECT', 'FROM', '\\', '$'];

/** Cut behind every word, and with a sign that does not belong there. */
function badTexts(): readonly string[] {
  return whole.flatMap((text) => {
    const parts = text.split(' ');
    const cut = parts.map((_, index) => parts.slice(0, index).join(' '));
    const spoiled = parts.map((_, index) => parts.with(index, signs[index % signs.length] ?? ')').join(' '));
    return [...cut, ...spoiled];
  });
}

const internals =
  /\b(RParen|LParen|RBracket|LBracket|LBrace|RBrace|Var|Hash|Plus|Star|Comma|Eq|Semicolon|Parse error|Tokenization|Unexpected token|end of input|near \[)\b|\b[A-Z] [A-Z] [A-Z]\b|__|_[srwcjp]\d|undefined|\[object/;

describe('a text that is no statement', () => {
  it('is refused in words of its writer, in every dialect', () => {
    const texts = badTexts();
    assert.ok(texts.length >= 100);
    let refused = 0;
    for (const dialect of dialects)
      for (const text of texts) {
        try {
          parseSql(text, corpusSchemas, { dialect, isStrict: true }, []);
        } catch (error) {
          refused += 1;
          assert.ok(isHybridStoreError(error, 'invalid_request'), `${dialect} ${text}: ${error}`);
          assert.doesNotMatch(error.message, internals, `${dialect}: ${text}`);
        }
      }
    assert.ok(refused >= 200, `${refused}`);
  });

  it('is refused with what stands at the place, and what is expected where that is known', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['SELECT (1', 'syntax error near "1": expected ) (line 1, column 9)'],
      ['SELECT [1, 2', 'syntax error near "2": expected ] (line 1, column 12)'],
      ['WITH a AS SELECT 1', 'syntax error near "SELECT": expected ( (line 1, column 16)'],
      ["SELECT 'abc", "a quotation that begins with ' is not closed (line 1, column 8)"],
      ['SELECT 1 FROM', 'syntax error near "FROM": expected a table or a query in parentheses (line 1, column 13)'],
      [
        'SELECT a FROM sales WHERE',
        'syntax error near "WHERE": the statement cannot be read from here (line 1, column 25)',
      ],
    ];
    for (const [text, message] of cases)
      assert.throws(() => parseSql(text, corpusSchemas, { dialect: 'postgresql', isStrict: true }, []), { message });
  });
});
