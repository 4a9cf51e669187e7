import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exactNumber } from '@hybridstore/runtime';
import fc from 'fast-check';
import { BatchEncoder } from '../../src/batch/batch-encoder.ts';
import type { EncoderSchema } from '../../src/batch/encoded-column.ts';
import { NdjsonEncoder } from '../../src/batch/ndjson-encoder.ts';

const columns = [
  { name: 'i', type: 'integer' },
  { name: 'b', type: 'bigint' },
  { name: 'd', type: 'double' },
  { name: 'm', type: 'decimal(20,3)' },
  { name: 't', type: 'boolean' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 's', type: 'string' },
  { name: 'key "ä"', type: 'string' },
  { name: 'j', type: 'json' },
];
const schema: EncoderSchema = { columns, partitionColumns: [], isDocument: false };

/** As the careful way reads a line: numbers keep what was written. */
function readLine(line: string): Record<string, unknown> {
  return JSON.parse(line, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? exactNumber(context.source)
      : value,
  ) as Record<string, unknown>;
}

function careful(lines: readonly string[], of = schema): Buffer {
  return new BatchEncoder(of).encode(
    lines.map((line) => ({ fields: readLine(line) })),
    16,
  );
}

function quick(lines: readonly string[], of = schema): Buffer | undefined {
  return new NdjsonEncoder(of).encode(Buffer.from(lines.join('\n')), lines.length, 16);
}

const space = fc.constantFrom('', '', '', ' ', '\t', '  ');
const digits = fc.stringMatching(/^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,24})?([eE][-+]?[0-9]{1,3})?$/);
const whole = fc.oneof(fc.integer().map(String), fc.bigInt(-(2n ** 64n), 2n ** 64n).map(String), digits);
const text = fc
  .oneof(fc.string({ unit: 'binary' }), fc.string(), fc.string({ minLength: 60, maxLength: 300 }))
  .map((one) => JSON.stringify(one));
const moment = fc
  .tuple(
    fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true }),
    fc.constantFrom('', '.5', '.123456', '.1234567', '.120000000', ','),
    fc.constantFrom('Z', '', '+02:00', 'z', ' ', '-1830'),
    fc.constantFrom('T', ' ', 't', '-'),
  )
  .map(([date, fraction, offset, separator]) => {
    const [day, time = ''] = date.toISOString().split('T');
    return JSON.stringify(`${day}${separator}${time.slice(0, 8)}${fraction}${offset}`);
  });
const day = fc.stringMatching(/^"(0000|1[6-9]\d\d|20\d\d)-[01]\d-[0-3]\d"$/);
const anything = fc.oneof(fc.json(), digits, text, fc.constantFrom('nul', 'tru', '-', '01', '1.', '"\\x"', '"a', '+1'));
const usual: Readonly<Record<string, fc.Arbitrary<string>>> = {
  integer: fc.oneof(fc.integer().map(String), whole),
  bigint: whole,
  double: fc.oneof(digits, fc.double({ noNaN: true, noDefaultInfinity: true }).map(String)),
  'decimal(20,3)': digits,
  boolean: fc.constantFrom('true', 'false'),
  date: day,
  timestamp: fc.oneof(moment, day),
  string: text,
  json: fc.json(),
};

const cell = (type: string) =>
  fc.oneof(
    { weight: 60, arbitrary: usual[type]! },
    { weight: 6, arbitrary: fc.constant('null') },
    { weight: 1, arbitrary: anything },
  );
const line = fc
  .tuple(
    fc.shuffledSubarray(columns.slice(0, 9), { minLength: 0 }),
    fc.tuple(...columns.map(({ type }) => cell(type))),
    space,
    fc.oneof(
      { weight: 30, arbitrary: fc.constant('') },
      { weight: 1, arbitrary: fc.constantFrom(',"s":1', ',"none":1', '}', ' x', ',') },
    ),
  )
  .map(([some, cells, gap, odd]) => {
    const fields = some.map(
      (column) => `${gap}${JSON.stringify(column.name)}${gap}:${gap}${cells[columns.indexOf(column)]}${gap}`,
    );
    return `${gap}{${fields.join(',')}${odd}${gap}}${gap}`;
  });

describe('NdjsonEncoder', () => {
  it('gives the bytes of the careful way, or leaves the batch to it', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 4 }), (lines) => {
        const batch = quick(lines);
        if (batch === undefined) return;
        taken += 1;
        assert.deepEqual(batch, careful(lines));
      }),
      { numRuns: 3_000 },
    );
    assert.ok(taken > 100, `only ${taken} batches were taken`);
  });

  it('takes the values of every type', () => {
    const lines = [
      '{"i":-2147483648,"b":9223372036854775807,"d":-0.0,"m":-12345678901234567.891,"t":true,"day":"1600-02-29","at":"2024-01-01T00:00:00.5Z","s":"","key \\"ä\\"":null}',
      '{"b":-1,"i":2147483647,"d":211.91505791505793,"m":1.5,"t":false,"at":"9999-12-31 23:59:59+01:00","s":"a\\n\\u00e4ö"}',
    ];
    assert.deepEqual(quick([lines[1]!]), careful([lines[1]!]));
    assert.equal(quick(lines), undefined, 'a key with an escape');
    const plain = lines.map((one) => one.replace(',"key \\"ä\\"":null', ''));
    assert.deepEqual(quick(plain), careful(plain));
  });

  for (const [what, one] of Object.entries({
    'a key that stands twice': '{"i":1,"i":1}',
    'a key that is no column': '{"i":1,"x":null}',
    'an integer beyond 32 bits': '{"i":2147483648}',
    'an integer beyond 64 bits': '{"b":9223372036854775808}',
    'a negative zero among integers': '{"b":-0}',
    'a number too large for a double': '{"d":1e999}',
    'a decimal of too many digits': '{"m":1.2345}',
    'a day that no month has': '{"day":"2023-02-29"}',
    'a time finer than microseconds': '{"at":"2024-01-01T00:00:00.1234567Z"}',
    'a NUL in a text': '{"s":"a\\u0000"}',
    'half a surrogate pair': '{"s":"\\ud800"}',
    'a control character in a text': '{"s":"a\tb"}',
    'a text without an end': '{"s":"abc',
    'a text that ends with its escape': '{"s":"abc\\',
    'two objects in a line': '{"i":1}{"i":1}',
    'an array': '[1]',
    'nothing behind a comma': '{"i":1,}',
    'a document': '{"j":{"a":1}}',
  }))
    it(`leaves ${what} to the careful way`, () => assert.equal(quick([one]), undefined));

  it('passes over blank lines, and minds the number of rows', () => {
    const bytes = Buffer.from('\r\n{"i":1}\r\n \n\n{"i":2}\n');
    assert.deepEqual(new NdjsonEncoder(schema).encode(bytes, 2, 16), careful(['{"i":1}', '{"i":2}']));
    assert.equal(new NdjsonEncoder(schema).encode(bytes, 1, 16), undefined);
    assert.equal(new NdjsonEncoder(schema).encode(bytes, 3, 16), undefined);
  });

  it('leaves a row without a value that must be there', () => {
    const strict = { ...schema, columns: [{ name: 'i', type: 'integer', nullable: false }] };
    assert.equal(quick(['{"i":1}', '{}'], strict), undefined);
    assert.deepEqual(quick(['{"i":1}'], strict), careful(['{"i":1}'], strict));
  });

  it('leaves an empty partition value, and refuses too many of them', () => {
    const partitioned = { ...schema, partitionColumns: ['s'] };
    assert.equal(quick(['{"s":""}'], partitioned), undefined);
    const lines = Array.from({ length: 2_001 }, (_, row) => `{"s":"${row}"}`);
    const refusal = { code: 'too_large', message: /at most 2000 partition values, found 2001/ };
    assert.throws(() => quick(lines, partitioned), refusal);
    assert.throws(() => careful(lines, partitioned), refusal);
  });
});
