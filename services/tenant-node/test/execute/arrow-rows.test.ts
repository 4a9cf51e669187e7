import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BLOB, type DuckDBConnection, DuckDBInstance, DuckDBTypeId, VARCHAR } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { arrowOutput } from '../../src/execute/child/arrow-rows.ts';
import type { OutputColumn } from '../../src/execute/child/row-text.ts';

/** A column of many rows `i`: what it is made of, what it should be as text, and what Arrow's own reader makes of a value. */
type Case = {
  readonly value: string;
  /** Of the column `x`, in SQL. */
  readonly expected: string;
  readonly type: string;
  readonly read: (value: never) => string;
};

const asText = 'CAST(x AS VARCHAR)';
const asJson = 'CAST(to_json(x) AS VARCHAR)';
const plain = (value: unknown) => String(value);
const json = (value: unknown) =>
  JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one?.toJSON ? one.toJSON() : one));
const days = (value: number) => plain(value / 86_400_000);
const perMs = (units: number) => (value: number) => plain(Math.round(value * units));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex').toUpperCase();
const text = `CASE WHEN i % 4 = 0 THEN 'short' || i WHEN i % 4 = 1 THEN 'a longer one ü ' || i WHEN i % 4 = 2 THEN '' ELSE repeat('ß', i % 70) END`;

/** 128 bits of two's complement, the low word first. */
const decimal =
  (scale: number) =>
  (words: Uint32Array): string => {
    const bits = words.reduceRight((all, word) => (all << 32n) | BigInt(word), 0n);
    const unscaled = BigInt.asIntN(128, bits);
    const digits = plain(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
    const whole = `${unscaled < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}`;
    return scale === 0 ? whole : `${whole}.${digits.slice(-scale)}`;
  };

const cases: Readonly<Record<string, Case>> = {
  boolean: { value: 'i % 3 = 0', expected: asText, type: 'Bool', read: plain },
  tinyint: { value: 'CAST(i % 256 - 128 AS TINYINT)', expected: asText, type: 'Int8', read: plain },
  usmallint: { value: 'CAST(i * 7 AS USMALLINT)', expected: asText, type: 'Uint16', read: plain },
  integer: { value: 'CAST(-i AS INTEGER)', expected: asText, type: 'Int32', read: plain },
  bigint: { value: '9223372036854775807 - i', expected: asText, type: 'Int64', read: plain },
  ubigint: { value: 'CAST(18446744073709551615 - i AS UBIGINT)', expected: asText, type: 'Uint64', read: plain },
  hugeint: {
    value: 'CAST(-99999999999999999999999999999999999999 AS HUGEINT) + i',
    expected: asText,
    type: 'Decimal[38e0]',
    read: decimal(0),
  },
  float: {
    value: 'CAST(i / 8 AS FLOAT)',
    expected: 'CAST(CAST(x * 8 AS BIGINT) AS VARCHAR)',
    type: 'Float32',
    read: (value: number) => plain(value * 8),
  },
  double: {
    value: 'i / 8',
    expected: 'CAST(CAST(x * 8 AS BIGINT) AS VARCHAR)',
    type: 'Float64',
    read: (value: number) => plain(value * 8),
  },
  decimalOf2: {
    value: 'CAST(i % 300 - 150 AS DECIMAL(4,1))',
    expected: asText,
    type: 'Decimal[4e+1]',
    read: decimal(1),
  },
  decimalOf4: { value: 'CAST(i - 3000 AS DECIMAL(9,3))', expected: asText, type: 'Decimal[9e+3]', read: decimal(3) },
  decimalOf8: {
    value: 'CAST((i - 9) * 10000000019 AS DECIMAL(18,2))',
    expected: asText,
    type: 'Decimal[18e+2]',
    read: decimal(2),
  },
  decimalOf16: {
    value: 'CAST((i - 9) * 10000000019 AS DECIMAL(38,6))',
    expected: asText,
    type: 'Decimal[38e+6]',
    read: decimal(6),
  },
  date: {
    value: `DATE '1969-06-01' + CAST(i AS INTEGER)`,
    expected: `CAST(x - DATE '1970-01-01' AS VARCHAR)`,
    type: 'Date32<DAY>',
    read: days,
  },
  timestamp: {
    value: `TIMESTAMP '2024-01-01 00:00:00.000001' + to_hours(i)`,
    expected: 'CAST(epoch_us(x) AS VARCHAR)',
    type: 'Timestamp<MICROSECOND, UTC>',
    read: perMs(1_000),
  },
  timestampTz: {
    value: `TIMESTAMPTZ '2024-01-01 00:00:00.000001+00' + to_hours(i)`,
    expected: 'CAST(epoch_us(x) AS VARCHAR)',
    type: 'Timestamp<MICROSECOND, UTC>',
    read: perMs(1_000),
  },
  timestampMs: {
    value: `CAST(TIMESTAMP '1960-01-01 00:00:00.001' + to_hours(i) AS TIMESTAMP_MS)`,
    expected: 'CAST(epoch_ms(x) AS VARCHAR)',
    type: 'Timestamp<MILLISECOND, UTC>',
    read: perMs(1),
  },
  timestampS: {
    value: `CAST(TIMESTAMP '1960-01-01' + to_hours(i) AS TIMESTAMP_S)`,
    expected: 'CAST(epoch_ms(x) AS VARCHAR)',
    type: 'Timestamp<SECOND, UTC>',
    read: perMs(1),
  },
  text: { value: text, expected: asText, type: 'Utf8', read: plain },
  blob: {
    value: `CAST(${text.replaceAll('ü', 'u').replaceAll('ß', 's')} AS BLOB)`,
    expected: 'hex(x)',
    type: 'Binary',
    read: hex,
  },
  uuid: { value: 'CAST(md5(CAST(i AS VARCHAR)) AS UUID)', expected: asText, type: 'Utf8', read: plain },
  interval: { value: 'to_days(CAST(i AS INTEGER))', expected: asText, type: 'Utf8', read: plain },
  document: { value: `CAST('{"n":' || i || ',"t":"ü"}' AS JSON)`, expected: asText, type: 'Utf8', read: plain },
  list: { value: 'range(i % 5)', expected: asJson, type: 'List<Int64>', read: json },
  texts: {
    value: `[${text}, NULL, 'one that is long enough ' || i]`,
    expected: asJson,
    type: 'List<Utf8>',
    read: json,
  },
  lists: {
    value: `[[{'q': i}], [], [{'q': NULL}, {'q': i + 1}]]`,
    expected: asJson,
    type: 'List<List<Struct<{q:Int64}>>>',
    read: json,
  },
  struct: {
    value: `{'n': i, 't': ${text}, 'b': i % 2 = 0}`,
    expected: asJson,
    type: 'Struct<{n:Int64, t:Utf8, b:Bool}>',
    read: json,
  },
  map: {
    value: `map {'k' || i: i, 'a key of some length ' || i: NULL}`,
    expected: asJson,
    type: 'Map<{key:Utf8, value:Int64}>',
    read: json,
  },
};
const names = Object.keys(cases);

describe('rows as an Arrow stream', () => {
  let connection: DuckDBConnection;

  before(async () => {
    connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await connection.run("SET TimeZone = 'UTC'");
  });
  after(() => connection.closeSync());

  async function columnsOf(sql: string): Promise<readonly OutputColumn[]> {
    const prepared = await connection.prepare(sql);
    return Array.from({ length: prepared.columnCount }, (_, index) => ({
      name: prepared.columnName(index),
      type: prepared.columnType(index),
    }));
  }

  async function stream(sql: string, columns?: readonly OutputColumn[]): Promise<Buffer> {
    const { text, head, tail, writer } = arrowOutput(sql, columns ?? (await columnsOf(sql)));
    const result = await (await connection.prepare(text)).stream();
    const parts = [head!];
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      for (const { bytes } of writer.write(chunk)) parts.push(bytes);
    }
    for (const { bytes } of writer.flush()) parts.push(bytes);
    return Buffer.concat([...parts, tail!]);
  }

  it('have the types of their columns, and documents are marked', async () => {
    const sql = `SELECT ${names.map((name) => `${cases[name]!.value} AS ${name}`).join(', ')} FROM range(0) t(i)`;
    const { schema, numRows } = tableFromIPC(await stream(sql));
    assert.equal(numRows, 0);
    assert.deepEqual(
      schema.fields.map(({ name, type }) => [name, plain(type)]),
      names.map((name) => [name, cases[name]!.type]),
    );
    const marked = schema.fields.filter(({ metadata }) => metadata.get('ARROW:extension:name') === 'arrow.json');
    assert.deepEqual(
      marked.map(({ name }) => name),
      ['document'],
    );
  });

  it('are what the engine has, wherever a NULL stands and however many rows come at once', async () => {
    const shapes = fc.record({
      rows: fc.integer({ min: 0, max: 5_000 }),
      nullEach: fc.integer({ min: 1, max: 9 }),
      keptOf: fc.integer({ min: 1, max: 13 }),
      kept: fc.integer({ min: 1, max: 13 }),
    });
    const check = async ({
      rows,
      nullEach,
      keptOf,
      kept,
    }: {
      rows: number;
      nullEach: number;
      keptOf: number;
      kept: number;
    }) => {
      const from = `FROM range(${rows}) t(i) WHERE hash(i) % ${keptOf} < ${kept}`;
      const withNulls = (name: string, index: number) =>
        `CASE WHEN (i + ${index}) % ${nullEach} <> 0 OR ${nullEach} = 1 THEN ${cases[name]!.value} END`;
      const values = names.map((name, index) => `${withNulls(name, index)} AS ${name}`);
      const table = tableFromIPC(await stream(`SELECT ${values.join(', ')} ${from}`));
      const texts = names.map((name) => `${cases[name]!.expected.replaceAll(/\bx\b/g, name)} AS t_${name}`);
      const reader = await connection.runAndReadAll(
        `SELECT ${texts.join(', ')} FROM (SELECT ${values.join(', ')} ${from})`,
      );
      const expected = reader.getColumns();
      assert.equal(table.numRows, reader.currentRowCount);
      for (const [index, name] of names.entries()) {
        const column = table.getChildAt(index)!;
        // Each case reads what its type gives.
        const read = cases[name]!.read as (value: unknown) => string;
        const found = Array.from({ length: column.length }, (_, row) => {
          const value: unknown = column.get(row);
          return value === null ? null : read(value);
        });
        assert.deepEqual(found, table.numRows === 0 ? [] : expected[index], name);
      }
    };
    await check({ rows: 5_000, nullEach: 1, keptOf: 1, kept: 1 });
    await fc.assert(fc.asyncProperty(shapes, check), { numRuns: 12 });
  });

  it('show nothing of what stands in the place of a NULL', async () => {
    const sql = 'SELECT CASE WHEN i % 2 = 0 THEN j END AS v FROM (SELECT i, 7777 + i AS j FROM range(3000) t(i))';
    const table = tableFromIPC(await stream(sql));
    const values = table.getChildAt(0)!.data.flatMap((data) => [...(data.values as BigInt64Array)]);
    assert.equal(values.filter((value) => value !== 0n).length, 1_500);
  });

  it('of fixed length, of rows without names, and of nothing at all are arrays, numbered structs and nulls', async () => {
    const sql = `SELECT [i, i + 1]::INTEGER[2] AS a, row(i, 'x') AS r, NULL::"NULL" AS n, ['a text that is long', 't' || i]::VARCHAR[2] AS t FROM range(3) t(i)`;
    const table = tableFromIPC(await stream(sql, [...(await columnsOf(sql))]));
    assert.deepEqual(
      table.schema.fields.map(({ type }) => plain(type)).filter((_, index) => index !== 2),
      ['FixedSizeList[2]<Int32>', 'Struct<{1:Int64, 2:Utf8}>', 'FixedSizeList[2]<Utf8>'],
    );
    assert.equal(json(table.toArray()[2]), '{"a":[2,3],"r":{"1":2,"2":"x"},"n":null,"t":["a text that is long","t2"]}');
  });

  it('are refused where a number has more than 38 digits', async () => {
    const sql = 'SELECT CAST(100000000000000000000000000000000000000 AS HUGEINT) AS h FROM range(1)';
    await assert.rejects(async () => {
      const { text } = arrowOutput(sql, await columnsOf(sql));
      await connection.run(text);
    }, /Could not cast value/);
  });

  it('are refused where a text is broken, alone or because another one follows it', async () => {
    const broken = (hexadecimal: string) =>
      stream(`SELECT unhex('${hexadecimal}') AS t`, [{ name: 't', type: VARCHAR }]);
    await assert.rejects(broken('FF'), { message: 'a text of the result is not valid UTF-8' });
    await assert.rejects(broken('C3'), { message: 'a text of the result is not valid UTF-8' });
    const halves = `SELECT unnest([unhex('61C3'), unhex('BC62')]) AS t`;
    await assert.rejects(stream(halves, [{ name: 't', type: VARCHAR }]), {
      message: 'a text of the result is not valid UTF-8',
    });
    assert.equal(BLOB.typeId, DuckDBTypeId.BLOB);
    assert.equal(tableFromIPC(await stream(halves, [{ name: 't', type: BLOB }])).numRows, 2);
  });

  it('have names as they are, twice or empty or in any script', async () => {
    const columns = ['a', 'a', '', 'größe "x"'].map((name) => ({ name, type: VARCHAR }));
    const { schema } = tableFromIPC(await stream(`SELECT 'a', 'b', 'c', 'd'`, columns));
    assert.deepEqual(
      schema.fields.map(({ name }) => name),
      ['a', 'a', '', 'größe "x"'],
    );
  });
});
