import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Column, formatDate, parseTimestamp } from '@hybridstore/contracts';
import { exactNumber, isHybridStoreError } from '@hybridstore/runtime';
import fc from 'fast-check';
import { decodeBatch } from '../../src/batch/batch-codec.ts';
import { BatchEncoder } from '../../src/batch/batch-encoder.ts';
import { batchRows, valueAt } from '../../src/batch/batch-rows.ts';
import { parseDecimal } from '../../src/batch/parse-decimal.ts';

const columns: readonly Column[] = [
  { name: 'id', type: 'bigint', nullable: false },
  { name: 'small', type: 'integer' },
  { name: 'price', type: 'decimal(20,3)' },
  { name: 'ratio', type: 'double' },
  { name: 'day', type: 'date' },
  { name: 'at', type: 'timestamp' },
  { name: 'ok', type: 'boolean' },
  { name: 'label', type: 'string' },
  { name: 'extra', type: 'json' },
];
const encoder = new BatchEncoder({ columns, partitionColumns: ['label'], isDocument: false });

function roundTrip(fields: Record<string, unknown>[], reservedBytes = 0): Record<string, unknown>[] {
  const bytes = encoder.encode(
    fields.map((record) => ({ fields: record })),
    reservedBytes,
  );
  return batchRows(decodeBatch(bytes.subarray(reservedBytes)), columns);
}

function refusal(column: Column, value: unknown): string {
  const single = new BatchEncoder({ columns: [column], partitionColumns: [], isDocument: false });
  try {
    single.encode([{ fields: { [column.name]: value } }]);
  } catch (error) {
    assert.ok(isHybridStoreError(error, 'invalid_request'));
    return error.message;
  }
  return assert.fail(`${JSON.stringify(value)} was accepted as ${column.type}`);
}

test('every type comes back as it went in', () => {
  const row = {
    id: '9223372036854775807',
    small: -2147483648,
    price: '12345678901234567.125',
    ratio: 0.1,
    day: '2024-02-29',
    at: '2024-05-01T12:30:00.500000Z',
    ok: true,
    label: 'größer als 48 Zeichen, damit der Aufruf und nicht die Schleife schreibt ✓',
    extra: { a: [1, null, 'x'], b: {} },
  };
  assert.deepEqual(roundTrip([row]), [row]);
});

test('absent and null fields are null, and each row keeps its own', () => {
  const rows = roundTrip([{ id: 1, ok: false }, { id: 2, label: null, small: 7 }, { id: -3 }], 64);
  const empty = {
    small: null,
    price: null,
    ratio: null,
    day: null,
    at: null,
    ok: null,
    label: null,
    extra: null,
  };
  assert.deepEqual(rows, [
    { ...empty, id: 1, ok: false },
    { ...empty, id: 2, small: 7 },
    { ...empty, id: -3 },
  ]);
});

test('decode(encode(rows)) = rows', () => {
  const wellFormed = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 });
  const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
  const row = fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(plain),
    small: nullable(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    price: nullable(fc.bigInt({ min: -(10n ** 20n) + 1n, max: 10n ** 20n - 1n }).map(thousandths)),
    ratio: nullable(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
    day: nullable(fc.integer({ min: -719_162, max: 2_932_896 }).map(formatDate)),
    at: nullable(
      fc
        .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
        .map((date) => `${date.toISOString().slice(0, -1)}123Z`),
    ),
    ok: nullable(fc.boolean()),
    label: nullable(wellFormed),
    extra: nullable(
      fc.jsonValue().filter((value) => value !== null && !/\\ud|\\u0000|__proto__|-0/i.test(JSON.stringify(value))),
    ),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 130 }), (rows) => {
      const expected = rows.map((record) => ({ ...record, extra: JSON.parse(JSON.stringify(record.extra)) }));
      assert.deepEqual(JSON.parse(JSON.stringify(roundTrip(rows))), JSON.parse(JSON.stringify(expected)));
    }),
    { numRuns: 200 },
  );
});

function plain(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function thousandths(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(4, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

test('a value outside its type is refused with expected and actual', () => {
  const cases: [string, unknown, RegExp][] = [
    ['integer', 2147483648, /an integer from -2147483648 to 2147483647, got 2147483648$/],
    ['integer', 1.5, /got 1.5$/],
    ['integer', '1', /got "1"$/],
    ['bigint', 2 ** 63, /an integer of 64 bits, got 9223372036854776000$/],
    ['bigint', exactNumber('9223372036854775808'), /got 9223372036854775808$/],
    ['bigint', exactNumber('1.00000000000000001'), /got 1.00000000000000001$/],
    ['integer', exactNumber('9007199254740993'), /got 9007199254740993$/],
    ['double', exactNumber('1e400'), /a number, or "NaN", "Infinity" or "-Infinity", got 1e400$/],
    ['decimal(38,2)', exactNumber('0.12345678901234567'), /38 digits, 2 of them after the point/],
    ['string', exactNumber('9007199254740993'), /text, got 9007199254740993$/],
    ['timestamp', '0001-01-01T00:00:00+01:00', /ISO 8601/],
    ['timestamp', '9999-12-31T23:59:59.999999-00:01', /ISO 8601/],
    ['bigint', '9223372036854775808', /got "9223372036854775808"$/],
    ['bigint', '1e3', /got "1e3"$/],
    ['double', '1', /a number, or "NaN", "Infinity" or "-Infinity", got "1"$/],
    ['double', Number.POSITIVE_INFINITY, /a number/],
    ['decimal(5,2)', 1.005, /at most 5 digits, 2 of them after the point, got 1.005$/],
    ['decimal(5,2)', '1000.00', /got "1000.00"$/],
    ['date', '2023-02-29', /a date as YYYY-MM-DD, got "2023-02-29"$/],
    ['date', '2023-02-28T00:00:00Z', /a date/],
    ['timestamp', 1700000000, /ISO 8601/],
    ['timestamp', '2024-13-01T00:00:00Z', /ISO 8601/],
    ['timestamp', '2024-01-01T00:00:00.1234567Z', /at most microseconds/],
    ['timestamp', '2024-01-01T24:00:00Z', /ISO 8601/],
    ['timestamp', '2024-01-01 10:00:00 CET', /ISO 8601/],
    ['boolean', 'true', /true or false, got "true"$/],
    ['string', 5, /text, got 5$/],
    ['string', 'a\ud800b', /without lone UTF-16 surrogates/],
    ['string', `${'x'.repeat(100)}\udc00`, /without lone UTF-16 surrogates/],
    ['json', { a: '\ud800' }, /without lone UTF-16 surrogates/],
    ['string', 'a\0b', /without NUL characters/],
    ['string', `${'x'.repeat(100)}\0`, /without NUL characters/],
    ['json', { a: ['\0'] }, /without NUL characters/],
    ['json', { 'a\0': 1 }, /without NUL characters/],
  ];
  for (const [type, value, message] of cases) assert.match(refusal({ name: 'c', type }, value), message);
});

test('numbers that a double would change keep every digit, and are rounded in a column of doubles alone', () => {
  const columns = [
    { name: 'long', type: 'bigint' },
    { name: 'real', type: 'double' },
    { name: 'price', type: 'decimal(38,10)' },
    { name: 'doc', type: 'json' },
  ];
  const text = '1234567890123456789';
  const fields = {
    long: exactNumber(text),
    real: exactNumber(text),
    price: exactNumber(`${text}.0123456789`),
    doc: { deep: [exactNumber(`${text}.5`)] },
  };
  const wide = new BatchEncoder({ columns, partitionColumns: [], isDocument: false });
  const { columns: batch } = decodeBatch(wide.encode([{ fields }]));
  assert.deepEqual(
    batch.map((column) => valueAt(column, 0)),
    [text, 1234567890123456800, `${text}.0123456789`, `{"deep":[${text}.5]}`],
  );
});

test('a number in any spelling is the same number in a column, and as it is written in a document', () => {
  const spellings: readonly [string, number][] = [
    ['1e2', 100],
    ['1.00E+2', 100],
    ['100.0', 100],
    ['-0', 0],
    ['-0.00', 0],
    ['0e5', 0],
    ['1e0005', 100_000],
  ];
  const columns = ['integer', 'bigint', 'double', 'decimal(18,2)', 'json'].map((type) => ({ name: type, type }));
  const any = new BatchEncoder({ columns, partitionColumns: [], isDocument: false });
  for (const [text, number] of spellings) {
    const fields = Object.fromEntries(columns.map(({ name }) => [name, exactNumber(text)]));
    const values = decodeBatch(any.encode([{ fields }])).columns.map((column) => valueAt(column, 0));
    assert.deepEqual(
      values.map(Number),
      Array.from({ length: 5 }, () => Number(text))
        .with(0, number)
        .with(1, number)
        .with(3, number),
    );
    assert.equal(values.at(-1), text);
  }
});

test('null in a column that is not nullable is refused', () => {
  assert.equal(
    refusal({ name: 'c', type: 'string', nullable: false }, null),
    'records[0].fields.c: expected string, not null, got null',
  );
});

test('text beyond its bound is refused', () => {
  assert.match(refusal({ name: 'c', type: 'string' }, 'ü'.repeat(4 * 1024 * 1024 + 1)), /at most 8388608 bytes/);
});

test('an escaped backslash before ud800 is no surrogate, and none before u0000 is NUL', () => {
  const json = new BatchEncoder({
    columns: [{ name: 'c', type: 'json' }],
    partitionColumns: [],
    isDocument: false,
  });
  assert.ok(json.encode([{ fields: { c: '\\ud800' } }, { fields: { c: '\\u0000' } }]));
});

test('the error names the first bad record, whatever its column', () => {
  const records = [{ id: 1 }, { id: 2, extra: 1, label: 7 }, { id: 'x' }].map((fields) => ({ fields }));
  assert.throws(() => encoder.encode(records), {
    code: 'invalid_request',
    message: 'records[1].fields.label: expected text, got 7',
    details: {
      field: 'records[1].fields.label',
      index: 1,
      column: 'label',
      expected: 'text',
      actual: '7',
    },
  });
});

test('an unknown field is refused by name', () => {
  assert.throws(() => encoder.encode([{ fields: { id: 1 } }, { fields: { id: 2, nope: 3 } }]), {
    message:
      'records[1].fields.nope: expected one of the columns id, small, price, ratio, day, at, ok, label, extra, got 3',
  });
});

test('an empty partition value is refused', () => {
  assert.throws(() => encoder.encode([{ fields: { id: 1, label: '' } }]), /text that is not empty/);
});

test('a column called like an inherited property is null when absent', () => {
  const odd = [
    { name: 'constructor', type: 'string' },
    { name: 'toString', type: 'integer' },
  ];
  const bytes = new BatchEncoder({ columns: odd, partitionColumns: [], isDocument: false }).encode([
    { fields: { toString: 4 } },
  ]);
  assert.equal(JSON.stringify(batchRows(decodeBatch(bytes), odd)), '[{"constructor":null,"toString":4}]');
});

test('records without a declared schema become one JSON document each', () => {
  const documents = new BatchEncoder({
    columns: [{ name: 'doc', type: 'json', nullable: false }],
    partitionColumns: [],
    isDocument: true,
  });
  const bytes = documents.encode([{ fields: { b: 1, a: { c: null } } }, { fields: {} }]);
  assert.deepEqual(batchRows(decodeBatch(bytes), [{ name: 'doc', type: 'json' }]), [
    { doc: { b: 1, a: { c: null } } },
    { doc: {} },
  ]);
});

test('times with and without zone mean one instant', () => {
  const instant = parseTimestamp('2024-05-01T12:30:00Z');
  for (const text of [
    '2024-05-01 12:30',
    '2024-05-01T14:30:00.000+02:00',
    '2024-05-01T14:30+02',
    '2024-05-01t07:00:00,0-0530',
    '2024-05-01T12:30:00.000000000Z',
  ])
    assert.deepEqual(parseTimestamp(text), instant, text);
  assert.deepEqual(parseTimestamp('1969-12-31'), { seconds: -86_400, micros: 0 });
  assert.deepEqual(parseTimestamp('1969-12-31T23:59:59.25Z'), { seconds: -1, micros: 250_000 });
});

test('dates agree with the calendar of the platform', () => {
  for (let days = -719_162; days <= 2_932_896; days += 997)
    assert.equal(formatDate(days), new Date(days * 86_400_000).toISOString().slice(0, 10));
});

test('decimals are exact or refused', () => {
  assert.equal(parseDecimal('1.50', 5, 2), 150n);
  assert.equal(parseDecimal('1e2', 5, 2), 10_000n);
  assert.equal(parseDecimal('123e-1', 5, 1), 123n);
  assert.equal(parseDecimal('-0.000', 5, 2), 0n);
  assert.equal(parseDecimal('99999999999999999999999999999999999999', 38, 0), 10n ** 38n - 1n);
  assert.equal(parseDecimal('0.001', 5, 2), undefined);
  assert.equal(parseDecimal('', 5, 2), undefined);
  assert.equal(parseDecimal('1.', 5, 2), undefined);
  assert.equal(parseDecimal('1e999', 5, 2), undefined);
});

test('bytes that are no batch are corrupt, at every truncation', () => {
  const bytes = encoder.encode([{ fields: { id: 1, label: 'abc' } }]);
  for (let length = 0; length < bytes.length - 8; length += 1)
    assert.throws(() => decodeBatch(bytes.subarray(0, length)), { code: 'corrupt' });
});
