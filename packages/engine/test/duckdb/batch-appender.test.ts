import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Column } from '@hybridstore/contracts';
import { decodeBatch } from '../../src/batch/batch-codec.ts';
import { BatchEncoder } from '../../src/batch/batch-encoder.ts';
import { BatchAppender } from '../../src/duckdb/batch-appender.ts';
import { tableColumnsSql } from '../../src/duckdb/column-types.ts';

const columns: readonly Column[] = [
  { name: 'id', type: 'bigint' },
  { name: 'price', type: 'decimal(10,2)' },
  { name: 'at', type: 'timestamp' },
  { name: 'day', type: 'date' },
  { name: 'ok', type: 'boolean' },
  { name: 'ratio', type: 'double' },
  { name: 'label', type: 'string' },
  { name: 'extra', type: 'json' },
];

function batchOf(records: Record<string, unknown>[], known = columns) {
  const encoder = new BatchEncoder({ columns: known, partitionColumns: [], isDocument: false });
  return decodeBatch(encoder.encode(records.map((fields) => ({ fields }))));
}

test('values of every type, nulls, short and long text arrive in DuckDB', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`set timezone='UTC'; create table t (${tableColumnsSql(columns)})`);
  const appender = await BatchAppender.create(connection, { name: 't' }, columns);
  appender.append(
    batchOf([
      {
        id: '-9223372036854775808',
        price: '-12345678.90',
        at: '1969-12-31T23:59:59.999999Z',
        day: '0001-01-01',
        ok: true,
        ratio: -0.5,
        label: 'twelve bytes',
        extra: [1, 'zwölf und mehr Bytes'],
      },
      { label: '', ok: false },
      { label: 'thirteen byte', id: 3 },
    ]),
  );
  appender.close();
  const result = await connection.runAndReadAll(
    'select * replace (cast("at" as varchar) as "at", price::varchar as price, "day"::varchar as "day") from t',
  );
  assert.deepEqual(result.getRows(), [
    [
      -9223372036854775808n,
      '-12345678.90',
      '1969-12-31 23:59:59.999999+00',
      '0001-01-01',
      true,
      -0.5,
      'twelve bytes',
      '[1,"zwölf und mehr Bytes"]',
    ],
    [null, null, null, null, false, null, '', null],
    [3n, null, null, null, null, null, 'thirteen byte', null],
  ]);
  connection.closeSync();
});

test('many batches of odd sizes keep their rows, nulls and order, over vector boundaries', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const all = columns.slice(0, 1).concat(columns.slice(6, 7), { name: 'late', type: 'string' });
  await connection.run(`create table t (${tableColumnsSql(all)})`);
  const appender = await BatchAppender.create(connection, { name: 't' }, all);
  let id = 0;
  for (const size of [1, 2047, 2048, 2049, 63, 65, 5000]) {
    const records = Array.from({ length: size }, () => {
      id += 1;
      return { id, label: id % 3 === 0 ? null : `row ${'x'.repeat(id % 17)}${id}` };
    });
    appender.append(batchOf(records, all.slice(0, 2)));
  }
  appender.close();
  const check = await connection.runAndReadAll(
    `select count(*), sum(id), count(label), count(late), bool_and(label is null or label = 'row ' || repeat('x', (id % 17)::int) || id),
            bool_and((label is null) = (id % 3 = 0)), bool_and(rowid + 1 = id) from t`,
  );
  assert.deepEqual(check.getRows()[0], [
    BigInt(id),
    (BigInt(id) * BigInt(id + 1)) / 2n,
    BigInt(id - Math.floor(id / 3)),
    0n,
    true,
    true,
    true,
  ]);
  connection.closeSync();
});
