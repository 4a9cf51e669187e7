import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutTextUp, roundedTimestamp } from '../../src/segment/segment-statistics.ts';
import { decodeDeltaStatistics, encodeDeltaStatistics } from '../../src/table-log/delta-statistics.ts';

const byCodePoints = (left: string, right: string) => Buffer.compare(Buffer.from(left), Buffer.from(right));

test('a cut maximum is never below the text it stands for', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 0, maxLength: 60 }), (text) => {
      const bound = cutTextUp(text);
      assert.ok(bound === null || byCodePoints(bound, text) >= 0);
      assert.ok(bound === null || [...bound].length <= 32);
    }),
  );
  assert.equal(cutTextUp('\u{10ffff}'.repeat(33)), null);
  assert.equal(cutTextUp(`a${'\u{10ffff}'.repeat(40)}`), 'b');
  assert.equal(cutTextUp(`${'a'.repeat(31)}\ud7ffzz`), `${'a'.repeat(31)}\ue000`);
});

test('timestamps are rounded outwards to milliseconds, and dropped beyond the year 9999', () => {
  assert.equal(roundedTimestamp(-1n, 'min'), '1969-12-31T23:59:59.999Z');
  assert.equal(roundedTimestamp(-1n, 'max'), '1970-01-01T00:00:00.000Z');
  assert.equal(roundedTimestamp(1_000n, 'max'), '1970-01-01T00:00:00.001Z');
  assert.equal(roundedTimestamp(253_402_300_799_999_999n, 'max'), null);
});

test('statistics keep every digit through their JSON', () => {
  const columns = [
    { name: 'n', type: 'bigint' },
    { name: 'd', type: 'decimal(38,10)' },
    { name: 'f', type: 'double' },
    { name: 's', type: 'string' },
  ];
  const statistics = {
    rows: 3,
    columns: {
      n: { min: '-9223372036854775808', max: '9223372036854775807', nulls: 0 },
      d: { min: '0.1000000000', max: '1234567890123456789012345678.1234567890', nulls: 1 },
      f: { min: '-1e+300', max: '0.1', nulls: 0 },
      s: { min: '"', max: '12345678901234567890', nulls: 2 },
    },
  };
  const text = encodeDeltaStatistics(statistics, columns);
  assert.match(text, /"d":0\.1000000000/);
  assert.deepEqual(decodeDeltaStatistics(text), {
    rows: 3,
    columns: { ...statistics.columns, f: { min: '-1e+300', max: '0.1', nulls: 0 } },
  });
});

test('statistics of other writers that cannot be read are no statistics', () => {
  for (const text of [undefined, '', 'no json', '[]', '{"numRecords":-1}', '{"numRecords":"x"}'])
    assert.equal(decodeDeltaStatistics(text), undefined);
});
