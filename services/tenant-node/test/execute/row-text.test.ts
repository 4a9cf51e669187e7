import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DuckDBConnection, DuckDBInstance, FLOAT } from '@duckdb/node-api';
import fc from 'fast-check';
import { type OutputColumn, wrapStatement } from '../../src/execute/child/row-text.ts';
import { plainObject, plainRow, plainText } from './plain-row-text.ts';

const rowsEach = 400;

describe('rows as text', () => {
  let connection: DuckDBConnection;

  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run("SET TimeZone = 'UTC'");
  });
  after(() => connection.closeSync());

  async function texts(sql: string): Promise<string[]> {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowsJson().map(([text]) => String(text));
  }

  it('have a number of 32 bits with all digits where it is whole, and as short as it can be where it is not', async () => {
    const values = ['2147483648', '16777217', '123456789', '-1e10', '0.1', '-2.5', '1e30', 'NULL', "'nan'", "'inf'"];
    const rows = values.map((value) => `(CAST(${value} AS FLOAT))`).join(', ');
    const form = { shape: 'array', separator: ',' } as const;
    const wrapped = wrapStatement(`SELECT * FROM (VALUES ${rows})`, [{ name: 'x', type: FLOAT }], form);
    assert.deepEqual(await texts(`SELECT decode(row) FROM (${wrapped}) AS rows(row)`), [
      ',[2147483648.0]',
      ',[16777216.0]',
      ',[123456792.0]',
      ',[-10000000000.0]',
      ',[0.1]',
      ',[-2.5]',
      ',[1.0000000150474662e+30]',
      ',[null]',
      ',["NaN"]',
      ',["Infinity"]',
    ]);
  });

  const exact = ['9007199254740991', '9007199254740992', '-9007199254740991', '-9007199254740992'].map(BigInt);
  const integer = (bits: bigint, isSigned: boolean) =>
    fc
      .oneof(
        fc.bigInt(
          isSigned ? { min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n } : { min: 0n, max: 2n ** bits - 1n },
        ),
        fc.bigInt(isSigned ? { min: -100n, max: 100n } : { min: 0n, max: 100n }),
        ...(bits >= 64n ? [fc.constantFrom(...(isSigned ? exact : exact.slice(0, 2)))] : []),
      )
      .map(String);
  const float = fc.oneof(
    fc.double().map((value) => `'${value}'`.replace('Infinity', 'inf')),
    fc.constantFrom('0', "'-0'", '1', '1e15', '1e16', '123456789012345680', '1e300', '0.1', '1e-5', "'nan'"),
  );
  /** Days, whole seconds, thousandths and millionths of them, in all years that the engine has. */
  const moment = fc.oneof(
    fc.constantFrom("'infinity'", "'-infinity'", "'0001-01-01'", "'9999-12-31 23:59:59.999999'"),
    fc.constantFrom("'10000-01-01 00:00:00.001'", "'0044-03-15 (BC) 01:02:03'", "'1969-12-31 23:59:59.999'"),
    fc
      .tuple(
        fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true }),
        fc.constantFrom('', '.1', '.12', '.120', '.123', '.999', '.0001', '.123456', '.999999'),
      )
      .map(([date, fraction]) => `'${date.toISOString().slice(0, 19)}${fraction}'`),
  );
  const characters = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom('', '"', '\\', '\n', '\t', '\u0001', '\u001f', '\u007f', '/', '\u2028', '😀', 'null', "'"),
    fc.string({ unit: 'grapheme-ascii', maxLength: 100 }),
  );
  const text = characters.map(literal);
  const document = fc.json().map(literal);
  const bytes = fc.uint8Array({ maxLength: 10 }).map((value) => `unhex('${Buffer.from(value).toString('hex')}')`);

  const types: Readonly<Record<string, fc.Arbitrary<string>>> = {
    BOOLEAN: fc.constantFrom('true', 'false'),
    TINYINT: integer(8n, true),
    SMALLINT: integer(16n, true),
    INTEGER: integer(32n, true),
    BIGINT: integer(64n, true),
    HUGEINT: integer(127n, true),
    UTINYINT: integer(8n, false),
    USMALLINT: integer(16n, false),
    UINTEGER: integer(32n, false),
    UBIGINT: integer(64n, false),
    UHUGEINT: integer(127n, false),
    FLOAT: fc.oneof(
      fc.float({ noDefaultInfinity: true, noNaN: true }).map((value) => `${value}`),
      fc.constant("'nan'"),
    ),
    DOUBLE: float,
    'DECIMAL(9, 2)': fc.integer({ min: -999_999_999, max: 999_999_999 }).map((value) => `${value / 100}`),
    'DECIMAL(38, 10)': integer(90n, true),
    DATE: moment.map((value) => value.replace(/[ T][^'(]*'/, "'")),
    TIME: fc.constantFrom("'00:00:00'", "'23:59:59.999999'", "'01:02:03.5'"),
    TIMESTAMP: moment,
    TIMESTAMP_S: moment,
    TIMESTAMP_MS: moment,
    TIMESTAMP_NS: fc.constantFrom("'2024-01-01 00:00:00.123456789'", "'1970-01-01'", "'2262-04-11 23:47:16'"),
    TIMESTAMPTZ: moment,
    INTERVAL: fc.constantFrom("'1 month'", "'-3 days 01:02:03.5'"),
    UUID: fc.uuid().map((value) => `'${value}'`),
    BLOB: bytes,
    VARCHAR: text,
    JSON: document,
    "ENUM('a', 'b\"')": fc.constantFrom("'a'", "'b\"'"),
    'BIGINT[]': list(integer(64n, true)),
    'VARCHAR[]': list(text),
    'TIMESTAMPTZ[]': list(moment.map((value) => `CAST(${value} AS TIMESTAMPTZ)`)),
    'STRUCT(a BIGINT, "b"" c" VARCHAR)': fc.tuple(integer(64n, true), text).map(([a, b]) => `row(${a}, ${b})`),
    'MAP(VARCHAR, BIGINT)': fc.tuple(text, integer(64n, true)).map(([key, value]) => `MAP {${key}: ${value}}`),
    'BIGINT[2]': fc.tuple(integer(64n, true), integer(64n, true)).map((pair) => `[${pair.join(', ')}]`),
    'STRUCT(a VARCHAR[], m MAP(VARCHAR, TIMESTAMP))[]': fc
      .tuple(text, moment)
      .map(([one, at]) => `[{'a': [${one}, NULL], 'm': MAP {${one}: ${at}}}, NULL]`),
  };

  for (const [type, value] of Object.entries(types))
    it(`are the same to the byte as in their plainest form: ${type}`, async () => {
      const values = fc.sample(fc.option(value, { nil: 'NULL', freq: 10 }), { numRuns: rowsEach, seed: 7 });
      const rows = values.map((one) => `(CAST(${one} AS ${type}))`).join(', ');
      const statement = `SELECT v AS a, v AS b FROM (VALUES ${rows}) t(v)`;
      const { columnTypes } = await describeOutputs(statement);
      const columns: OutputColumn[] = columnTypes.map((one, index) => ({
        name: ['a "quoted" \' name', 'b'][index] ?? '',
        type: one,
      }));
      const plain = columns.map((column, index) => plainText(`c${index}`, column.type));
      const names = columns.map((column) => column.name);
      const inPlain = async (row: string) => texts(`SELECT ${row} FROM (${statement}) AS result(c0, c1)`);
      const inForm = async (shape: 'array' | 'object', separator: ',' | '\n') =>
        texts(`SELECT decode(row) FROM (${wrapStatement(statement, columns, { shape, separator })}) AS rows(row)`);
      const arrays = await inPlain(plainRow(plain));
      assert.deepEqual(
        await inForm('array', ','),
        arrays.map((row) => `,${row}`),
      );
      const objects = await inPlain(plainObject(names, plain));
      assert.deepEqual(
        await inForm('object', '\n'),
        objects.map((row) => `${row}\n`),
      );
      for (const row of objects.filter((one) => !one.includes('\0'))) JSON.parse(row);
    });

  async function describeOutputs(statement: string) {
    const prepared = await connection.prepare(statement);
    const columnTypes = Array.from({ length: prepared.columnCount }, (_, index) => prepared.columnType(index));
    prepared.destroySync();
    return { columnTypes };
  }
});

function list(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(fc.option(value, { nil: 'NULL' }), { maxLength: 4 }).map((values) => `[${values.join(', ')}]`);
}

/** Of SQL. It cannot hold the character 0, nor halves of those beyond 16 bits. */
function literal(value: string): string {
  const parts = value.toWellFormed().split('\0');
  return parts.map((part) => `'${part.replaceAll("'", "''")}'`).join(' || chr(0) || ');
}
