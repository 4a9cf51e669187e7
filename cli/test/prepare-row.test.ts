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

  it('refuses infinity in a document by its name, and makes null of NaN with a word', () => {
    for (const nested of [Number.NEGATIVE_INFINITY, [Number.NEGATIVE_INFINITY]])
      assert.throws(
        () => prepareRow({ nested }, undefined, false),
        /nested: expected a finite number .* got "-Infinity"/,
      );
    const words: string[] = [];
    const rules = { onNotANumber: () => void words.push('NaN') };
    assert.deepEqual(prepareRow({ deep: [{ double: Number.NaN }] }, undefined, false, rules), {
      deep: [{ double: null }],
    });
    assert.equal(words.length, 1);
  });

  it('takes a blank cell for null and no other spelling for a number, whatever blanks it is made of', () => {
    for (const blank of [' ', '\u00a0', '\t \u2007'])
      for (const name of ['bigint', 'integer', 'double', 'decimal', 'boolean', 'date', 'timestamp'])
        assert.deepEqual(prepareRow({ [name]: blank }, columns, true), { [name]: null });
    assert.deepEqual(prepareRow({ string: '\u00a0' }, columns, true), { string: '\u00a0' });
    for (const text of ['0x1F', '0b1', '1_000', '1,5', '1e999', 'Infinity', '--1', '1 2'])
      assert.deepEqual(prepareRow({ double: text, bigint: text }, columns, true), { double: text, bigint: text });
    assert.deepEqual(prepareRow({ double: ' 1.5\u00a0', integer: '+7', decimal: '.5' }, columns, true), {
      double: 1.5,
      integer: 7,
      decimal: '0.5',
    });
  });

  it('reads a decimal comma when it is said, and no point beside it', () => {
    const rules = { hasDecimalComma: true };
    assert.deepEqual(
      prepareRow({ double: '-1.234,5', decimal: '1.234.567,89', integer: '1.000' }, columns, true, rules),
      {
        double: -1_234.5,
        decimal: '1234567.89',
        integer: 1_000,
      },
    );
    for (const text of ['1.5', '1,234.5', '12.34,5'])
      for (const name of ['double', 'decimal', 'bigint'])
        assert.throws(
          () => prepareRow({ [name]: text }, columns, true, rules),
          /expected a number with a decimal comma/,
        );
  });

  it('reads the texts that stand for null, in every column', () => {
    const rules = { nullTexts: ['NA', ''] };
    assert.deepEqual(prepareRow({ string: 'NA', double: 'NA', other: '', bigint: '1' }, columns, true, rules), {
      string: null,
      double: null,
      other: null,
      bigint: 1,
    });
  });

  it('reads numbers since 1970 in the unit that is said, exactly', () => {
    const read = (epoch: 's' | 'ms' | 'us', timestamp: unknown, isText = false) =>
      prepareRow({ timestamp }, columns, isText, { epoch })['timestamp'];
    assert.equal(read('s', 1_705_312_800), '2024-01-15T10:00:00Z');
    assert.equal(read('ms', -1), '1969-12-31T23:59:59.999Z');
    assert.equal(read('us', '1705312800123456', true), '2024-01-15T10:00:00.123456Z');
    assert.equal(read('us', 1_705_312_800_123_456n), '2024-01-15T10:00:00.123456Z');
    assert.deepEqual(prepareRow({ date: '86400' }, columns, true, { epoch: 's' }), { date: '1970-01-02' });
    assert.deepEqual(prepareRow({ timestamp: 5, bigint: 5 }, columns, false), { timestamp: 5, bigint: 5 });
  });

  it('cuts what is finer than a microsecond with a word, or leaves it to be refused', () => {
    const words: string[] = [];
    const fine = { timestamp: '2024-01-15T10:00:00.123456789Z', string: '2024-01-15T10:00:00.123456789Z' };
    assert.deepEqual(prepareRow(fine, columns, false, { onTruncated: () => void words.push('cut') }), {
      ...fine,
      timestamp: '2024-01-15T10:00:00.123456Z',
    });
    assert.equal(words.length, 1);
    assert.deepEqual(prepareRow(fine, columns, false, { refusesNanoseconds: true }), fine);
  });

  it('writes unsigned integers of 64 bits in a document digit by digit', () => {
    assert.equal(
      JSON.stringify(prepareRow({ a: 2n ** 64n - 1n, b: [9_007_199_254_740_993n] }, undefined, false)),
      '{"a":18446744073709551615,"b":[9007199254740993]}',
    );
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
