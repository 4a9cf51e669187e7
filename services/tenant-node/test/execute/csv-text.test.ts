import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { outputOf } from '../../src/execute/child/row-output.ts';
import type { OutputColumn } from '../../src/execute/child/row-text.ts';
import type { Statement } from '../../src/execute/messages.ts';

describe('rows as CSV', () => {
  const folder = createTemporaryFolder('csv');
  let connection: DuckDBConnection;

  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run("SET TimeZone = 'UTC'");
  });
  after(() => {
    connection.closeSync();
    folder[Symbol.dispose]();
  });

  async function csv(sql: string, names: readonly string[] = []): Promise<string> {
    const prepared = await connection.prepare(sql);
    const columns: OutputColumn[] = Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: names[index] ?? prepared.columnName(index),
      type: prepared.columnType(index),
    }));
    const { text, head, tail, writer } = await outputOf({ ...statement, text: sql }, columns);
    assert.equal(tail, undefined);
    const result = await connection.stream(text);
    const parts = [head!];
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      for (const { bytes } of writer.write(chunk)) parts.push(bytes);
    }
    return Buffer.concat(parts).toString();
  }

  it('have a line of names, an empty cell for NULL, and quotes for the empty text and where they are needed', async () => {
    const texts = [
      "'plain'",
      'NULL',
      "''",
      "'a,b'",
      `'say "x"'`,
      "'a' || chr(10) || 'b'",
      "'a' || chr(13)",
      "' 1 '",
      "'=1+1'",
    ];
    const sql = `SELECT * FROM (VALUES ${texts.map((text, index) => `(${index}, ${text})`).join(', ')}) AS t(n, t)`;
    assert.equal(
      await csv(sql, ['n', 'say "x", y']),
      [
        'n,"say ""x"", y"',
        '0,plain',
        '1,',
        '2,""',
        '3,"a,b"',
        '4,"say ""x"""',
        '5,"a\nb"',
        '6,"a\r"',
        '7, 1 ',
        '8,=1+1',
        '',
      ].join('\r\n'),
    );
    assert.equal(await csv('SELECT 1 AS a, 2 AS b LIMIT 0'), 'a,b\r\n');
  });

  it('have values as JSON has them, without its quotes, and every digit', async () => {
    const values: Readonly<Record<string, string>> = {
      true: 'true',
      '170141183460469231731687303715884105727': '170141183460469231731687303715884105727',
      "CAST('2147483648' AS FLOAT)": '2147483648.0',
      "CAST('nan' AS DOUBLE)": 'NaN',
      "CAST('-inf' AS DOUBLE)": '-Infinity',
      'CAST(1.50 AS DECIMAL(9,2))': '1.50',
      "DATE '2024-02-29'": '2024-02-29',
      "TIMESTAMP '2024-02-29 01:02:03'": '2024-02-29T01:02:03.000Z',
      "TIMESTAMPTZ '2024-02-29 01:02:03.000004+00'": '2024-02-29T01:02:03.000004Z',
      "CAST('ab' AS BLOB)": 'YWI=',
      'CAST(\'{"a": [1]}\' AS JSON)': '"{""a"": [1]}"',
      '[1, NULL, 9007199254740993]': '"[1,null,""9007199254740993""]"',
      "{'a': 'x,\"'}": '"{""a"":""x,\\""""}"',
      "map {'k': 1}": '"{""k"":1}"',
      NULL: '',
      'CAST(NULL AS DOUBLE)': '',
      'CAST(NULL AS TIMESTAMP)': '',
      'CAST(NULL AS JSON)': '',
      'CAST(NULL AS INTEGER[])': '',
      'CAST(NULL AS BLOB)': '',
    };
    for (const [value, cell] of Object.entries(values))
      assert.equal(await csv(`SELECT ${value} AS v`), `v\r\n${cell}\r\n`);
  });

  it('are read back as what they were', async () => {
    const text = fc.option(
      fc.string({ unit: fc.constantFrom('a', ' ', '"', ',', '\r', '\n', 'ü', '😀', "'", '\\', '-') }),
    );
    const rows = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 60 });
    const path = join(folder.path, 'rows.csv');
    const options =
      "header = true, all_varchar = true, allow_quoted_nulls = false, quote = '\"', escape = '\"', delim = ',', auto_detect = false, new_line = '\\r\\n', columns = {n: 'VARCHAR', a: 'VARCHAR', b: 'VARCHAR'}";
    const literal = (value: string | null) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
    const check = async (given: readonly (readonly [string | null, string | null])[]) => {
      const values = given.map(([a, b], index) => `('${index}', ${literal(a)}, ${literal(b)})`);
      writeFileSync(path, await csv(`SELECT * FROM (VALUES ${values.join(', ')}) AS t(n, a, b)`));
      const reader = await connection.runAndReadAll(`FROM read_csv('${path}', ${options}) ORDER BY CAST(n AS INTEGER)`);
      assert.deepEqual(
        reader.getRowsJson(),
        given.map(([a, b], index) => [String(index), a, b]),
      );
    };
    await fc.assert(fc.asyncProperty(rows, check), { numRuns: 40 });
  });

  it('are refused where a text has the character that CSV has no place for, or is broken', async () => {
    await assert.rejects(csv("SELECT 'a' || chr(0) AS t"), { message: /U\+0000/ });
    assert.equal(await csv("SELECT ['a' || chr(0)] AS t"), 't\r\n"[""a\\u0000""]"\r\n');
  });
});

const statement: Statement = {
  query: 1,
  text: '',
  parameters: [],
  outputs: [],
  views: [],
  shape: 'csv',
  separator: '\n',
  rowsMax: 1_000_000,
  bytesMax: 1_000_000_000,
};
