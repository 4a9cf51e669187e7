import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJson } from '@hybridstore/http';
import fc from 'fast-check';

const bounds = { depthMax: 8 };
const parse = (text: string) => parseJson(Buffer.from(text), bounds);

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
    assert.throws(() => parseJson(Buffer.from('['.repeat(1_000_000)), bounds), { message: /nested deeper/ });
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
