import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJson } from '@hybridstore/http';
import { exactNumber, type HybridStoreError, isExactNumber } from '@hybridstore/runtime';
import fc from 'fast-check';

const bounds = { depthMax: 8 };
const parse = (text: string) => parseJson(Buffer.from(text), bounds);
const parseExact = (text: string) => parseJson(Buffer.from(text), { ...bounds, keepsNumbers: true });

/** What JSON.parse offers for the purpose, which is far too slow for texts of some size. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && String(value) !== source ? exactNumber(source) : value;
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('JSON of a body', () => {
  it('is what JSON.parse makes of it, for any value within the bound', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false }), fc.nat(3), (value, indent) => {
        fc.pre(depthOf(value) <= bounds.depthMax && !JSON.stringify(value).includes('__proto__'));
        const text = JSON.stringify(value, null, indent);
        assert.deepEqual(parse(text), JSON.parse(text));
      }),
    );
  });

  it('is refused exactly when JSON.parse refuses it, with a 400', () => {
    const byte = fc.constantFrom(...'{}[]",:\\0123456789.-+eEtrufalsn \n\t\u0000é😀');
    fc.assert(
      fc.property(fc.string({ unit: byte, minLength: 1, maxLength: 30 }), (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          assert.throws(() => parse(text), { code: 'invalid_request' });
          return;
        }
        fc.pre(depthOf(expected) <= bounds.depthMax);
        fc.pre(!/\d[\d.]{14}|\d[eE]/.test(text));
        assert.deepEqual(parse(text), expected);
      }),
      { numRuns: 500 },
    );
  });

  it('never fails otherwise than by a 400, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        try {
          parseJson(Buffer.from(bytes), bounds);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'invalid_request');
        }
      }),
    );
  });

  it('may be as deep as the bound and no deeper, and brackets in texts do not count', () => {
    const nest = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    assert.equal(depthOf(parse(nest(8))), 8);
    assert.throws(() => parse(nest(9)), { code: 'invalid_request', message: /nested deeper than 8/ });
    assert.equal(parse(JSON.stringify(`\\"${nest(1_000)}`)), `\\"${nest(1_000)}`);
    for (const pad of [' ', ' '.repeat(5_000)])
      assert.throws(() => parse(`[${pad}`.repeat(1_000) + ']'.repeat(1_000)), { message: /nested deeper than 8/ });
    assert.throws(() => parse(nest(1_000_000)), { message: /nested deeper than 8/ });
    assert.throws(() => parse('['.repeat(1_000_000)), { code: 'invalid_request' });
  });

  const plain = ['9007199254740992', '-0.0', '1e23', '1E+23', '100000000000000000000000', '0.30000000000000004'];
  for (const text of [
    ...plain,
    '1.50000000000000000000',
    '0.000000000000000000001',
    '0e999',
    '123456789012345',
    '5e-324',
  ])
    it(`holds ${text} as a number, which means the same, and as it is written where numbers are kept`, () => {
      const body = `{"a":[${text}]}`;
      assert.deepEqual(parse(body), { a: [Number(text)] });
      assert.equal(JSON.stringify(parseExact(body)), body);
    });

  const long = [
    '9007199254740993',
    '-9007199254740993',
    '0.12345678901234567890',
    '1e400',
    '1e-400',
    '12345678901.1234567',
  ];
  for (const text of [...long, '123456789012345678901234567890', '9.0071992547409930e15'])
    it(`holds ${text} digit by digit where numbers are kept, and is refused elsewhere`, () => {
      const body = `{"a":[{"b":${text}},"${text}"]}`;
      const kept = parseExact(body) as { a: [{ b: unknown }] };
      assert.ok(isExactNumber(kept.a[0].b));
      assert.equal(JSON.stringify(kept), body);
      assert.throws(() => parse(body), { code: 'invalid_request', message: /^b: the number .* send it as text$/ });
    });

  it('may hold any number of any length and spelling where numbers are kept', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'00123456789'), minLength: 1, maxLength: 30 });
    const whole = digits.map((text) => text.replace(/^0+(?=\d)/, ''));
    const fraction = fc.oneof(
      fc.constant(''),
      digits.map((text) => `.${text}`),
    );
    const power = fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e-0'), fc.integer({ min: 0, max: 330 }))
        .map((parts) => parts.join('')),
    );
    const number = fc.tuple(fc.constantFrom('', '-'), whole, fraction, power).map((parts) => parts.join(''));
    fc.assert(
      fc.property(number, fc.constantFrom('', '\\u0000', '\x7f'), (text, beside) => {
        const body = `[${text},"${beside}"]`;
        const value = parseExact(body) as [unknown];
        assert.equal(isExactNumber(value[0]) ? value[0].rawJSON : String(value[0]), text);
        assert.equal(JSON.stringify(value), body);
        assert.equal(JSON.stringify(parseExact(text)), text);
      }),
      { numRuns: 5_000 },
    );
  });

  it('takes no text for a number, whatever stands at its beginning', () => {
    for (const text of ['\x7f1.50', '\\u007f1.50', '\\u007F1', '\x7f'])
      assert.equal(
        JSON.stringify(parseExact(`["${text}",1.50,{"${text}":-0}]`)),
        JSON.stringify(JSON.parse(`["${text}"]`)).replace(
          /\]$/,
          `,1.50,{${JSON.stringify(JSON.parse(`"${text}"`))}:-0}]`,
        ),
      );
  });

  it('is called broken, not rounded, when it is both', () => {
    for (const read of [parse, parseExact])
      assert.throws(() => read('{"a":9007199254740993,}'), { message: /not valid JSON/ });
    assert.throws(() => parse('[1-2-3-4-5-6-7-8-9]'), { message: /not valid JSON/ });
  });

  it('may not hold __proto__ beside a long number either', () => {
    assert.throws(() => parseExact('{"a":9007199254740993,"__proto__":1}'), { message: /__proto__/ });
  });

  it('keeps every number as a reader of each one by itself would, wherever it stands', () => {
    const number = fc.oneof(
      fc.constantFrom(
        ...plain,
        ...long,
        '0.30000000000000004',
        '-1e400',
        '4.9e-324',
        '1e-330',
        '-0',
        '1.7976931348623159e308',
      ),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
    );
    const key = fc.constantFrom('a', '7', '12', '\\u0061', '_', 'é', '\\"', 'x'.repeat(200));
    const value = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        number,
        fc.string().map((text) => JSON.stringify(text)),
        fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(' ,')}]`),
        fc
          .array(fc.tuple(key, tie('value')), { maxLength: 4 })
          .map((fields) => `{${fields.map(([name, item]) => `"${name}" : ${item}`).join(',')}}`),
      ),
    })).value;
    fc.assert(
      fc.property(value, (text) => {
        assert.equal(JSON.stringify(parseExact(text)), JSON.stringify(JSON.parse(text, keepDigits)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('judges numbers at the ends of what doubles hold, and around powers of ten, like a reader of each one', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 19 });
    const power = fc.oneof(
      fc.integer({ min: -330, max: 330 }),
      fc.integer({ min: -326, max: -305 }),
      fc.integer({ min: 300, max: 312 }),
      fc.integer({ min: -24, max: 24 }),
    );
    fc.assert(
      fc.property(digits, power, (more, exponent) => {
        const text = `[${more[0]}${more.length > 1 ? `.${more.slice(1)}` : ''}e${exponent}]`;
        assert.equal(JSON.stringify(parseExact(text)), JSON.stringify(JSON.parse(text, keepDigits)), text);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is broken when a long number stands where a key should, or in a form that JSON does not have', () => {
    for (const text of [
      '{9007199254740993:1}',
      '{9007199254740993 : 1}',
      '[09007199254740993]',
      '[9007199254740993.]',
      '[9007199254740993e]',
      '[.9007199254740993]',
      '[+9007199254740993]',
      '[--9007199254740993]',
      '["a"9007199254740993]',
      '[9007199254740993"a"]',
      '9007199254740993 1',
    ])
      for (const read of [parse, parseExact])
        assert.throws(() => read(text), { code: 'invalid_request', message: /not valid JSON/ }, text);
  });

  it('names the key, or the place in its list, of a number that would be rounded', () => {
    const fields: readonly [string, string][] = [
      ['9007199254740993', 'body'],
      ['[1, "a,b", {"x": [1, 2]}, 9007199254740993]', '3'],
      ['{"a": {"b": 1}, "c": ["d", {"e\\"f": 9007199254740993}]}', 'e"f'],
      ['{"a": [[1, 2], 1], "é": 1e400}', 'é'],
    ];
    for (const [text, field] of fields)
      assert.throws(
        () => parse(text),
        (error: HybridStoreError) => error.details['field'] === field,
        text,
      );
  });

  it('ends a long text where JSON ends it, behind any escapes', () => {
    for (const length of [90, 95, 96, 97, 98, 150, 1_200, 5_000]) {
      for (const tail of ['', '\\\\', '\\"', '\\\\\\"', '\\u0022[[[[[[[[[[']) {
        const text = `[["${'x'.repeat(length)}${tail}${'y'.repeat(length)}"], {"${'z'.repeat(length)}${tail}": "__proto__"}]`;
        assert.deepEqual(parse(text), JSON.parse(text));
        assert.throws(() => parse(`[${text}, {"__proto__": 1}]`), { message: /__proto__/ });
      }
    }
  });

  it('holds no more arrays and objects than memory takes', () => {
    const lists = (count: number) => Buffer.from(`[${'[],'.repeat(count - 2)}[]]`);
    assert.throws(() => parseJson(lists(4_000_001), bounds), {
      code: 'too_large',
      message: 'body: holds more than 4000000 arrays and objects',
    });
    assert.ok(Array.isArray(parseJson(lists(1_000), bounds)));
  });

  it('is absent when there is none', () => {
    assert.equal(parse(''), undefined);
  });

  const spellings = [
    '__proto__',
    '\\u005f_proto__',
    '\\u005F\\u005f\\u0070roto__',
    '__pr\\u006Fto__',
    '__proto\\u005f_',
  ];
  for (const spelling of spellings) {
    it(`may not hold the key ${spelling}`, () => {
      for (const text of [`{"${spelling}": 1}`, `[{"a": {"${spelling}": {"b": 1}}}]`])
        assert.throws(() => parse(text), { code: 'invalid_request', message: /__proto__ is not a known field/ });
    });
  }

  it('may hold __proto__ as a text, and escapes of other keys', () => {
    assert.deepEqual(parse('{"a": "__proto__", "\\u0062": "\\u005f"}'), { a: '__proto__', b: '_' });
  });

  const invalid: readonly (readonly number[])[] = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]];
  for (const bytes of invalid) {
    it(`may not hold the bytes ${bytes.map((byte) => byte.toString(16)).join(' ')}, which are no UTF-8`, () => {
      const body = Buffer.concat([Buffer.from('"'), Buffer.from(bytes), Buffer.from('"')]);
      assert.throws(() => parseJson(body, bounds), { code: 'invalid_request', message: /not valid UTF-8/ });
    });
  }
});
