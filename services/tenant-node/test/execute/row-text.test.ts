import assert from 'node:assert/strict';
import { it } from 'node:test';
import { DuckDBInstance, FLOAT } from '@duckdb/node-api';
import { wrapStatement } from '../../src/execute/child/row-text.ts';

it('a number of 32 bits is written with all digits where it is whole, and as short as it can be where it is not', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const values = ['2147483648', '16777217', '123456789', '-1e10', '0.1', '-2.5', '1e30', 'NULL', "'nan'", "'inf'"];
  const rows = values.map((value) => `(CAST(${value} AS FLOAT))`).join(', ');
  const wrapped = wrapStatement(`SELECT * FROM (VALUES ${rows})`, [{ name: 'x', type: FLOAT }], 'array');
  const reader = await connection.runAndReadAll(`SELECT decode(row) FROM (${wrapped}) AS rows(row)`);
  assert.deepEqual(reader.getRowsJson().flat(), [
    '[2147483648.0]',
    '[16777216.0]',
    '[123456792.0]',
    '[-10000000000.0]',
    '[0.1]',
    '[-2.5]',
    '[1.0000000150474662e+30]',
    '[null]',
    '["NaN"]',
    '["Infinity"]',
  ]);
  connection.closeSync();
});
