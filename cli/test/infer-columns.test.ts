import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exactNumber } from '@hybridstore/runtime';
import { inferColumns } from '../src/load/infer-columns.ts';
import { parseTimestampFormat } from '../src/load/timestamp-format.ts';

async function typeOf(values: readonly unknown[], isText: boolean, rules = {}): Promise<string | undefined> {
  const rows = values.map((value, index) => ({
    ...({ unit: 'row', position: index + 1, bytesRead: 0 } as const),
    fields: { value },
  }));
  const [column] = await inferColumns(each(rows), { isText, rules });
  return column?.type;
}

async function* each<T>(rows: readonly T[]): AsyncGenerator<T> {
  yield* rows;
}

describe('columns for the first rows', () => {
  const texts: readonly (readonly [values: readonly string[], type: string])[] = [
    [['1', '', '-20'], 'bigint'],
    [['1', '2.5'], 'double'],
    [['1e3', '2'], 'double'],
    [['9007199254740993', '0.5'], 'decimal(38,1)'],
    [['12345678901234567.89'], 'decimal(38,2)'],
    [['12345678901234567890'], 'decimal(38,0)'],
    [['1'.repeat(39)], 'string'],
    [['007', '10'], 'string'],
    [['true', 'FALSE'], 'boolean'],
    [['true', '1'], 'string'],
    [['2024-01-15'], 'date'],
    [['2024-01-15', '2024-01-15 10:00'], 'timestamp'],
    [['2024-01-15T10:00:00+02:00'], 'string'],
    [['0x1F'], 'string'],
    [['', '\u00a0'], 'string'],
  ];
  for (const [values, type] of texts)
    it(`are ${type} for ${values.join(' and ')}`, async () => assert.equal(await typeOf(values, true), type));

  it('keep the kinds of typed files', async () => {
    assert.equal(await typeOf([1, 2n ** 60n], false), 'bigint');
    assert.equal(await typeOf([2n ** 64n - 1n], false), 'decimal(38,0)');
    assert.equal(await typeOf([exactNumber('0.1234567890123456789')], false), 'decimal(38,19)');
    assert.equal(await typeOf([0.5, null], false), 'double');
    assert.equal(await typeOf(['1'], false), 'string');
    assert.equal(await typeOf([' 2024-01-15'], false), 'string');
    assert.equal(await typeOf([{ a: 1 }, 'x'], false), 'json');
    assert.equal(await typeOf([[1]], false), 'json');
  });

  it('follow what the command line says about the values', async () => {
    assert.equal(await typeOf(['1,5', '1.000'], true, { hasDecimalComma: true }), 'double');
    assert.equal(await typeOf(['1', 'NA'], true, { nullTexts: ['NA'] }), 'bigint');
    assert.equal(await typeOf(['3.7.2024'], true, { readTimestamp: parseTimestampFormat('%d.%m.%Y') }), 'date');
  });
});
