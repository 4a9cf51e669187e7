import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTimestampFormat } from '../src/load/timestamp-format.ts';

describe('a timestamp format', () => {
  const read: readonly (readonly [format: string, text: string, expected: string | undefined])[] = [
    ['%d.%m.%Y', '3.7.2024', '2024-07-03'],
    ['%d/%m/%Y %H:%M', '31/12/1999 23:59', '1999-12-31T23:59:00Z'],
    ['%m/%d/%y %I:%M %p', '07/04/68 12:05 am', '2068-07-04T00:05:00Z'],
    ['%D %I:%M:%S %p', '07/04/69 12:05:09 PM', '1969-07-04T12:05:09Z'],
    ['%d %b %Y', '1 Feb 2024', '2024-02-01'],
    ['%B %e, %Y', 'February  9, 2024', '2024-02-09'],
    ['%F %T.%f', '2024-01-15 10:00:00.123456789', '2024-01-15T10:00:00.123456789Z'],
    ['%FT%T%z', '2024-01-15T10:00:00+0200', '2024-01-15T10:00:00+0200'],
    ['%Y%%%m%%%d', '2024%01%02', '2024-01-02'],
    ['%d.%m.%Y', '2024-01-15', undefined],
    ['%d.%m.%Y', '3.7.2024 x', undefined],
    ['%d %b %Y', '1 Foo 2024', undefined],
    ['%Y-%m-%d %I', '2024-01-01 5', undefined],
  ];
  for (const [format, text, expected] of read)
    it(`reads ${text} as ${format}: ${expected}`, () => assert.equal(parseTimestampFormat(format)(text), expected));

  it('is refused by name when it does not say a day, says it twice, or is unknown', () => {
    assert.throws(() => parseTimestampFormat('%H:%M'), /--timestamp-format: expected a year, a month and a day/);
    assert.throws(() => parseTimestampFormat('%Y-%m-%d %d'), /--timestamp-format: expected %d once, found it twice/);
    assert.throws(() => parseTimestampFormat('%Y-%m-%Q'), /--timestamp-format: expected .*, found %Q$/);
  });
});
