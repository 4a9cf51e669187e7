/** A statement that a dialect takes, over the tables `sales`, `customers` and `movies`; a test asks each of them. */
type Example = { readonly what: string; readonly sql: string; readonly dialects: string };

const all = 'all';

const examples: readonly Example[] = [
  { what: 'columns, aliases, `*`', sql: 'SELECT s.*, price * quantity AS total FROM sales s', dialects: all },
  { what: 'without a table', sql: 'SELECT 1 + 1 AS two', dialects: all },
  { what: 'DISTINCT', sql: 'SELECT DISTINCT customer_id FROM sales', dialects: all },
  {
    what: 'DISTINCT ON',
    sql: 'SELECT DISTINCT ON (customer_id) customer_id, day FROM sales ORDER BY customer_id, day DESC',
    dialects: 'postgresql, duckdb',
  },
  {
    what: 'joins: INNER, LEFT, RIGHT, CROSS; ON, USING, commas',
    sql: 'SELECT c.name FROM sales s LEFT JOIN customers c USING (customer_id)',
    dialects: all,
  },
  {
    what: 'FULL JOIN',
    sql: 'SELECT c.name FROM sales s FULL JOIN customers c ON s.customer_id = c.customer_id',
    dialects: 'postgresql, duckdb',
  },
  {
    what: 'a query as a table; LATERAL',
    sql: 'SELECT t.m FROM customers c, LATERAL (SELECT max(amount) AS m FROM sales s WHERE s.customer_id = c.customer_id) t',
    dialects: all,
  },
  {
    what: 'WHERE, HAVING',
    sql: 'SELECT customer_id FROM sales WHERE amount > 1 GROUP BY customer_id HAVING count(*) > 1',
    dialects: all,
  },
  {
    what: 'GROUP BY ROLLUP, CUBE, GROUPING SETS',
    sql: 'SELECT customer_id, day, sum(amount) FROM sales GROUP BY ROLLUP (customer_id, day)',
    dialects: 'postgresql, duckdb',
  },
  {
    what: 'GROUP BY … WITH ROLLUP',
    sql: 'SELECT customer_id, sum(amount) FROM sales GROUP BY customer_id WITH ROLLUP',
    dialects: 'mysql',
  },
  {
    what: 'windows, named ones too',
    sql: 'SELECT sum(amount) OVER w FROM sales WINDOW w AS (PARTITION BY customer_id ORDER BY day)',
    dialects: all,
  },
  {
    what: 'QUALIFY',
    sql: 'SELECT order_id FROM sales QUALIFY row_number() OVER (ORDER BY day) = 1',
    dialects: 'duckdb',
  },
  { what: 'FILTER', sql: 'SELECT count(*) FILTER (WHERE amount > 1) FROM sales', dialects: 'postgresql, duckdb' },
  {
    what: 'ORDER BY, NULLS FIRST, LIMIT, OFFSET',
    sql: 'SELECT order_id FROM sales ORDER BY amount DESC LIMIT 10 OFFSET 5',
    dialects: all,
  },
  { what: 'FETCH FIRST', sql: 'SELECT order_id FROM sales FETCH FIRST 2 ROWS ONLY', dialects: 'postgresql' },
  {
    what: 'UNION, INTERSECT, EXCEPT, with ALL',
    sql: 'SELECT customer_id FROM sales UNION ALL SELECT customer_id FROM customers',
    dialects: all,
  },
  {
    what: 'WITH, WITH RECURSIVE',
    sql: 'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 6) SELECT n FROM t',
    dialects: all,
  },
  {
    what: 'queries as values: IN, EXISTS, ANY, ALL, a scalar',
    sql: 'SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM sales s WHERE s.customer_id = c.customer_id)',
    dialects: all,
  },
  { what: 'parameters: `?`, `$1`, `:name`', sql: 'SELECT order_id FROM sales WHERE customer_id = ?', dialects: all },
  { what: 'paths into documents', sql: 'SELECT movies.doc.rating.imdb FROM movies', dialects: all },
  {
    what: 'arrows into documents',
    sql: "SELECT doc->'title', doc->>'title' FROM movies",
    dialects: 'postgresql, duckdb',
  },
  { what: 'arrows into documents', sql: "SELECT doc->'$.title', doc->>'$.title' FROM movies", dialects: 'mysql' },
];

const head = `# SQL

\`POST /query/sql\` takes one \`SELECT\` statement in the words of MySQL, PostgreSQL or DuckDB. The text becomes a plan, which is checked and then runs on one engine; so a statement means what its own dialect says, and what cannot be said exactly is refused by name and place, never nearly answered.

## Dialects

\`dialect\` is \`mysql\` (the default), \`postgresql\` or \`duckdb\`. It decides how names and texts are quoted, what functions mean, whether \`7 / 2\` is 3, and in which order nulls come.

- Names of tables and columns ignore case. Of columns that differ in nothing else, the exact one is meant.
- Timestamps are UTC and have six digits of a second.
- Texts are compared and sorted byte by byte, in every dialect: \`'A' = 'a'\` is false, also in the \`mysql\` dialect, where MySQL's usual collations ignore case. \`LOWER\` on both sides compares without case.
- What MySQL reads leniently (\`'abc' = 0\`, \`YEAR('bad')\`) has [a page of its own](mysql-values.md).

## Statements

One \`SELECT\`; no statement writes, defines or sets anything. Each clause with an example that is asked in a test:

| clause | dialects | example |
| --- | --- | --- |
`;

const refusals = `
Everything else is refused with status 400 and the line and column of what is not understood; no word of a statement is dropped.

## Numbers

| | mysql | postgresql | duckdb |
| --- | --- | --- | --- |
NUMBERS
## Functions

The tables below are made from those by which calls are bound, so they are complete. A function that stands in none of them is refused: 400, \`function … does not exist or is not allowed\`, with its place and the nearest name, if one is near. Too many, too few or wrong arguments are refused by the same tables. No function reads files, settings, or anything but its arguments.

Kinds of arguments: \`text\`; \`number\`; \`whole\`, a whole number; \`moment\`, a date, a time or a text of one; \`json\`, a document or a text of one; \`list\`; \`interval\`; \`condition\`; \`unit\`, a word like \`DAY\`; \`any\`. \`format\`, \`pattern\`, \`path\` and \`key\` are constants. What stands in brackets may be left out, and dots mean any number more. Aggregates take \`DISTINCT\`, \`FILTER\` and \`OVER\`; windows need \`OVER\`.
`;

/** How numbers are reckoned with, by dialect. */
export const numberRules = `| \`7 / 2\` | 3.5000 | 3 | 3.5 |
| \`1.0 / 3\` | 0.33333: four digits more than the dividend | 0.33333333333333333333: 16 significant digits, at most 20 behind the point | 0.3333333333333333 |
| \`1 / 0\` | null | an error | infinite |
| \`AVG\` of exact numbers | a quotient: \`AVG\` of 1, 1, 2 is 1.3333 | a quotient of decimals and integers of 32 bits; of longs, a double | a double |
| a half of a double that is rounded | the even neighbour | the even neighbour | away from zero |
| a half of a decimal that is rounded | away from zero | away from zero | away from zero |

A decimal has at most 38 digits, and is a text in an answer of JSON, so that no reader rounds it; \`CAST(… AS DOUBLE)\` makes a number of it. A quotient of the \`mysql\` dialect is reckoned with in more digits than it shows, as MySQL does: \`1 / 3 * 3\` is 1.0000. Of numbers with more than 18 digits behind the point, and of a product of quotients, it is one of doubles.
`;

/** What is written by hand of the reference of SQL: before the functions, with its examples as a table. */
export function sqlChapters(numbers: string): string {
  const rows = examples.map(
    ({ what, sql, dialects }) => `| ${what} | ${dialects} | \`${sql.replaceAll('|', '\\|')}\` |`,
  );
  return `${head}${rows.join('\n')}\n${refusals.replace('NUMBERS', numbers)}`;
}
