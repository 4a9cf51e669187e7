import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareRow } from '../src/load/prepare-row.ts';

const columns = new Map(
  (['bigint', 'integer', 'double', 'boolean', 'string', 'date', 'timestamp', 'decimal(10,2)'] as const).map((type) => [
    type.replace(/\(.*/, ''),
    { name: type, type },
  ]),
);

describe('preparing a row', () => {
  it('gives text from CSV the type of its column', () => {
    const row = {
      bigint: '9007199254740993',
      integer: '-7',
      double: '1e3',
      boolean: 'True',
      string: '12',
      date: '2024-01-15',
      decimal: '10.50',
      other: '5',
    };
    assert.deepEqual(prepareRow(row, columns, true), {
      bigint: '9007199254740993',
      integer: -7,
      double: 1_000,
      boolean: true,
      string: '12',
      date: '2024-01-15',
      decimal: '10.50',
      other: '5',
    });
  });

  it('takes an empty cell for null, but for a string column for the empty text', () => {
    assert.deepEqual(prepareRow({ bigint: '', string: '', timestamp: '' }, columns, true), {
      bigint: null,
      string: '',
      timestamp: null,
    });
  });

  it('leaves text that is no number as it is, so that the platform names it', () => {
    assert.deepEqual(prepareRow({ bigint: 'many', double: 'n/a', boolean: 'maybe' }, columns, true), {
      bigint: 'many',
      double: 'n/a',
      boolean: 'maybe',
    });
  });

  it('writes what JSON lacks in forms that the wire knows', () => {
    const row = {
      bigint: 2n ** 60n,
      integer: 5n,
      double: Number.NaN,
      bytes: new Uint8Array([1, 2]),
      nested: { list: [1n] },
    };
    assert.deepEqual(prepareRow(row, columns, false), {
      bigint: '1152921504606846976',
      integer: 5,
      double: 'NaN',
      bytes: 'AQI=',
      nested: { list: [1] },
    });
  });

  it('has no form for what is not finite in a document', () => {
    assert.deepEqual(prepareRow({ double: Number.POSITIVE_INFINITY }, undefined, false), { double: null });
  });

  it('leaves it to the server to refuse what is not finite where a column cannot keep it', () => {
    const row = { integer: Number.NaN, decimal: Number.NEGATIVE_INFINITY };
    assert.deepEqual(prepareRow(row, columns, false), { integer: 'NaN', decimal: '-Infinity' });
  });

  it('takes a midnight for its day where the column is one, and no other time', () => {
    assert.deepEqual(
      ['2024-01-15T00:00:00Z', '2024-01-15T00:00:01Z'].map((date) => prepareRow({ date }, columns, false)),
      [{ date: '2024-01-15' }, { date: '2024-01-15T00:00:01Z' }],
    );
  });
});
