import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailedOperation } from '@hybridstore/contracts';
import { readEngineFailure } from '../../src/execute/child/engine-failure.ts';

const thrown = (exception_type: string, exception_message: string) =>
  readEngineFailure(new Error(`${exception_type} Error: ${JSON.stringify({ exception_type, exception_message })}`));
const secret = 'CANARY';

describe('a failure of the engine', () => {
  const said: readonly (readonly [kind: string, message: string, expected: string, failed?: FailedOperation])[] = [
    [
      'Conversion',
      `Could not convert string '${secret}' to INT32`,
      'a text does not convert to integer',
      { kind: 'cast', type: 'integer' },
    ],
    [
      'Conversion',
      `Could not convert string '${secret}' to INT64 when casting from source column ${secret}`,
      'a text does not convert to bigint',
      { kind: 'cast', type: 'bigint' },
    ],
    [
      'Conversion',
      `Could not convert string "${secret}" to DECIMAL(5,2)`,
      'a text does not convert to decimal(5,2)',
      { kind: 'cast', type: 'decimal(5,2)' },
    ],
    [
      'Conversion',
      "Type INT32 with value 300 can't be cast because the value is out of range for the destination type INT8",
      'a value of type integer is out of range for tinyint',
      { kind: 'cast', type: 'tinyint' },
    ],
    [
      'Conversion',
      `invalid date field format: "${secret}", expected format is (YYYY-MM-DD)`,
      'a text is no date',
      { kind: 'cast', type: 'date' },
    ],
    [
      'Conversion',
      `Malformed JSON at byte 0 of input: unexpected character.  Input: "${secret}"`,
      'a text is no JSON',
      { kind: 'cast', type: 'json' },
    ],
    [
      'Out of Range',
      'Overflow in addition of INT64 (9223372036854775807 + 1)!',
      'overflow in addition of bigint',
      { kind: 'arithmetic', operators: ['add'] },
    ],
    [
      'Binder',
      "No function matches the given name and argument types '+(JSON, INTEGER_LITERAL)'. You might need to add explicit type casts.\n\tCandidate functions: …",
      '+ takes no arguments of the types json, integer',
    ],
    ['Invalid Input', 'division by zero', 'division by zero', { kind: 'error', message: 'division by zero' }],
    [
      'Invalid Input',
      `Could not parse string "${secret}" according to format specifier "%Y"`,
      'a text does not follow its format',
      { kind: 'call', functions: ['strptime', 'try_strptime'] },
    ],
  ];
  for (const [kind, message, expected, failed] of said)
    it(`of the statement is said in words of ours: ${expected}`, () => {
      assert.deepEqual(thrown(kind, message), {
        code: 'invalid_request',
        message: expected,
        details: failed ? { failed } : {},
      });
    });

  it('that is not known by its words is said by its kind, and stands in the log', () => {
    assert.deepEqual(thrown('Binder', `Macro Function "${secret}" is odd\nCandidates: …`), {
      code: 'invalid_request',
      message: 'the parts of the statement do not fit together',
      details: {},
      internal: `Binder: Macro Function "${secret}" is odd`,
    });
  });

  it('never shows what it quotes, whatever its kind', () => {
    const kinds = [
      'Binder',
      'Catalog',
      'Conversion',
      'Invalid Input',
      'IO',
      'INTERNAL',
      'FATAL',
      'Permission',
      'constructor',
      '',
    ];
    const frames = [
      secret,
      `'${secret}'`,
      `Could not open file "${secret}"`,
      `No function matches the given name and argument types '${secret}(INTEGER)'`,
      `No function matches the given name and argument types 'abs(STRUCT("${secret}" INTEGER))'`,
      `Cannot compare values of type STRUCT("${secret}" INTEGER) and type INTEGER`,
      `Type INT32 with value 1 can't be cast because the value is out of range for the destination type ${secret}`,
      `division by zero ${secret}`,
    ];
    for (const kind of kinds) {
      for (const frame of frames) {
        const { message, details } = thrown(kind, frame);
        assert.doesNotMatch(JSON.stringify([message, details]), /CANARY|hybridstore/, `${kind}: ${frame}`);
      }
    }
    assert.doesNotMatch(readEngineFailure(new Error(secret)).message, /CANARY/);
  });

  it('of the engine itself ends its child, and spares who came after', () => {
    const broken = thrown('INTERNAL', `Attempted to access index 1\n\nStack Trace:\n${secret}`);
    assert.deepEqual([broken.code, broken.message, broken.breaksEngine], ['internal', 'internal error', true]);
    assert.equal(broken.internal, 'INTERNAL: Attempted to access index 1');
    const after = thrown('FATAL', 'Failed: database has been invalidated because of a previous fatal error.');
    assert.deepEqual([after.code, after.breaksEngine], ['interrupted', true]);
    assert.equal(thrown('Out of Memory', 'x').breaksEngine, undefined);
    assert.equal(thrown('IO', 'x').breaksEngine, undefined);
  });
});
