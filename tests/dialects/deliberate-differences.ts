import type { Dialect } from '@hybridstore/contracts';

/** `expressions` are whole expressions of the cases, with constants for columns. */
export type Difference = { readonly dialect: Dialect; readonly expressions: RegExp; readonly reason: string };

/** The difference that an expression is an example of, over constants or over columns. */
export function deliberateDifference(expression: string, dialect: Dialect): Difference | undefined {
  const text = withConstants(expression);
  return deliberateDifferences.find((one) => one.dialect === dialect && one.expressions.test(text));
}

/** `(SELECT f(c0) FROM (SELECT 1 AS c0) v)` as `f(1)`. */
function withConstants(expression: string): string {
  const [, body, columns] = /^\(SELECT (.*) FROM \(SELECT (.*)\) v\)$/.exec(expression) ?? [];
  if (body === undefined || columns === undefined) return expression;
  const values = columns.split(/ AS c\d+(?:, |$)/);
  return body.replaceAll(/\bc(\d+)\b/g, (name, place: string) => values[Number(place)] ?? name);
}

/** Where this store answers otherwise on purpose. One that is met no more fails the comparison. */
export const deliberateDifferences: readonly Difference[] = [
  {
    dialect: 'mysql',
    expressions: /^REPLACE\(.*, NULL\)$/,
    reason: 'null as MySQL has it; MariaDB gives the text where nothing is to be replaced',
  },
  {
    dialect: 'mysql',
    expressions: /^REGEXP_SUBSTR\(/,
    reason: 'null where there is no match, as in MySQL; MariaDB gives an empty text',
  },
  {
    dialect: 'mysql',
    expressions: /^JSON_VALUE\('true'/,
    reason: 'true as in MySQL; MariaDB gives 1',
  },
  {
    dialect: 'mysql',
    expressions: /^JSON_CONTAINS\(.*, '\$\.[ab]'\)$/,
    reason: 'null where a path leads nowhere, as in MySQL; MariaDB gives 0',
  },
  {
    dialect: 'mysql',
    expressions: /^STR_TO_DATE\('(2024-02-30|2024-02-29 extra|)', '%Y-%m-%d'\)$/,
    reason: 'null for a day that no calendar has, and for a text that goes on behind its format',
  },
  {
    dialect: 'mysql',
    expressions: /^CAST\(TIMESTAMP '2024-02-29 23:59:59.123456' AS (DATETIME|TIME)\)$/,
    reason: 'a moment keeps its microseconds; MariaDB cuts and MySQL rounds them',
  },
  {
    dialect: 'mysql',
    expressions: /^UNIX_TIMESTAMP\(TIMESTAMP '2024-02-29 23:59:59.123456'\)$/,
    reason: 'whole seconds: every timestamp here has microseconds, none in MySQL unless it is declared',
  },
  {
    dialect: 'mysql',
    expressions: /^(CAST\('2024-02-29' AS TIME\)|(MINUTE|SECOND|TIME)\('2024-02-29'\))$/,
    reason: 'a text that is a date is one; MySQL reads 20:24 in it where a time is wanted',
  },
  {
    dialect: 'mysql',
    expressions: /^(DATE_ADD|DATE_SUB|TIMESTAMPADD)\(.*'2024-02-29'/,
    reason: 'a text of a row and an interval make a timestamp, since rows share one type; MySQL makes a text of each',
  },
  {
    dialect: 'mysql',
    expressions: /^\(SELECT (ANY_VALUE|GROUP_CONCAT\(r .*(LAG|LEAD)\(a, 1, 9\))/,
    reason: 'MySQL has ANY_VALUE, and a default of LAG and LEAD; MariaDB 10.11 has neither',
  },
  {
    dialect: 'mysql',
    expressions: /^UPPER\(0x6d\)$/,
    reason: 'a hexadecimal literal is a text; in MySQL it is one of bytes, which have no capitals',
  },
  {
    dialect: 'mysql',
    expressions: /^(PI\(\)|\(SELECT STDDEV_SAMP\(a\) .*)$/,
    reason: 'all digits of a double, of which MariaDB shows a few',
  },
  {
    dialect: 'mysql',
    expressions: /^(JSON_UNQUOTE\(JSON_EXTRACT\(.*'\$\.b'|JSON_ARRAY\(TRUE, 2\.50\))/,
    reason: 'JSON is written without spaces between its parts and without zeros behind a fraction',
  },
  {
    dialect: 'mysql',
    expressions: /^JSON_UNQUOTE\(JSON_EXTRACT\(.*'\$\.b\[2\]\.c'/,
    reason: 'a JSON null has no value here, so its text is null',
  },
  {
    dialect: 'mysql',
    expressions: /^CONVERT_TZ\('(1960|2150)-/,
    reason: 'converted; MySQL leaves times as they are that are not of 1970 to 2038 (of 3000 on later systems)',
  },
  {
    dialect: 'mysql',
    expressions: /^JSON_CONTAINS\('\[9007199254740992\]'/,
    reason: 'long numbers are compared exactly, as in MySQL; MariaDB compares doubles',
  },
  {
    dialect: 'mysql',
    expressions: /^FROM_DAYS\(/,
    reason: 'null where MySQL has a day of zeros, which no date here is',
  },
  {
    dialect: 'mysql',
    expressions: /^TIME_TO_SEC\(('01:01:01\.7'|SEC_TO_TIME\(1\.5\))\)$/,
    reason: 'whole seconds as in MySQL; MariaDB keeps the fraction',
  },
  {
    dialect: 'mysql',
    expressions: /^TIMEDIFF\(TIMESTAMP '2024-02-29 23:59:59\.5', /,
    reason: 'the longest time is 838:59:59 as in MySQL; MariaDB adds a fraction to it',
  },
  {
    dialect: 'mysql',
    expressions: /^(SUBSTR|LEFT)\('abcdef', 9223372036854775807\)$/,
    reason: 'places in a text are counted with 32 bits, and more fail',
  },
  {
    dialect: 'mysql',
    expressions: /INTERVAL 3000000 YEAR\)$|INTERVAL \(1e20\) DAY$/,
    reason:
      'an interval that ends 290,000 years from now, or is no number of 32 bits, fails; nearer ones that leave the calendar are NULL',
  },
  {
    dialect: 'mysql',
    expressions: /^\('2024-02-29'\) \+ INTERVAL 1 DAY$/,
    reason: 'a text of a column is a timestamp, not a date, when an interval is added',
  },
  {
    dialect: 'mysql',
    expressions: /^TIME_TO_SEC\('2024-02-29'\)$/,
    reason: 'a date is midnight; MySQL reads its first digits as a time',
  },
  {
    dialect: 'postgresql',
    expressions: /^(0\.00001 \/ 3|\(10\.0 \/ 3\)::text)$/,
    reason: 'a quotient has 20 digits behind its point, and writes all of them as a text',
  },
  {
    dialect: 'postgresql',
    expressions: /^CASE NULL WHEN TRUE THEN/,
    reason: 'NULL is of any type; PostgreSQL takes it for a text here, which is no condition',
  },
  {
    dialect: 'postgresql',
    expressions: /^(round|trunc)\(9223372036854775807\)$/,
    reason: 'a whole number stays exact; PostgreSQL makes a double of it',
  },
  {
    dialect: 'postgresql',
    expressions: /^12345678901234567890\.123 \* 12345678901234567890\.123$/,
    reason: 'exact numbers have 38 digits; a product with more fails',
  },
  {
    dialect: 'postgresql',
    expressions: /^'("text"|5)'::jsonb ->> 0$/,
    reason: 'a scalar has no elements; PostgreSQL keeps it as an array of one',
  },
  {
    dialect: 'postgresql',
    expressions: /::jsonb ->> 'b'$/,
    reason: 'JSON is written without spaces between its parts',
  },
];
