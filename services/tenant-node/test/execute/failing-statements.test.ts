import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { isHybridStoreError, silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import type { StatementRequest } from '../../src/domain/ports.ts';
import { ExecutorPool } from '../../src/execute/executor-pool.ts';

const never = new AbortController().signal;
/** Stands in values only, so no message may hold it. */
const canary = 'canary';

/** Expressions that the pinned engine refuses, and what is said of them; a statement where it begins with SELECT. */
const failing: readonly (readonly [string, string])[] = [
  ['2147483647::INTEGER + 1::INTEGER', 'overflow in addition of integer'],
  ['9223372036854775807 * 2', 'overflow in multiplication of bigint'],
  ['170141183460469231731687303715884105727::HUGEINT + 1', 'overflow in addition of hugeint'],
  ['99999999999999999999999999999999999999::DECIMAL(38,0) + 1', 'overflow in addition of decimal'],
  ['abs(-9223372036854775808)', 'overflow in abs'],
  ['-9223372036854775808 // -1', 'overflow in division'],
  ['1 << 100', 'a value is out of range for a shift'],
  ['-1 << 3', 'a value is out of range for a shift'],
  [`CAST('${canary}' AS INTEGER)`, 'a text does not convert to integer'],
  [`CAST('${canary}' AS BIGINT)`, 'a text does not convert to bigint'],
  [`CAST('${canary}' AS DOUBLE)`, 'a text does not convert to double'],
  [`CAST('${canary}' AS BOOLEAN)`, 'a text does not convert to boolean'],
  [`CAST('${canary}' AS DECIMAL(12,2))`, 'a text does not convert to decimal(12,2)'],
  [`CAST(['${canary}'] AS INTEGER[])`, 'a text does not convert to integer'],
  ['CAST(300 AS TINYINT)', 'a value of type integer is out of range for tinyint'],
  ['CAST(1e30 AS BIGINT)', 'a value of type double is out of range for bigint'],
  ['CAST(123456 AS DECIMAL(5,2))', 'a value does not fit decimal(5,2)'],
  ['CAST(1 AS DATE)', 'integer does not convert to date'],
  ['CAST(true AS TIMESTAMPTZ)', 'boolean does not convert to timestamp'],
  ["1 = 'x'", 'a text does not convert to integer'],
  ["1 = DATE '2024-01-01'", 'integer does not convert to date'],
  [`CAST('{${canary}' AS JSON)`, 'a text is no JSON'],
  [`json_extract('{${canary}', '$.a')`, 'a text is no JSON'],
  [`json_extract('{}', '$.${canary}[')`, 'a JSON path cannot be read'],
  [`CAST('"${canary}"'::JSON AS INTEGER)`, 'a JSON value is no number'],
  ['sqrt(-1)', 'cannot take square root of a negative number'],
  ['ln(0)', 'cannot take logarithm of zero'],
  [`regexp_matches('a', '(${canary}')`, 'a regular expression cannot be read: missing )'],
  ["regexp_matches('a', '[z-a]')", 'a regular expression cannot be read: invalid character class range'],
  ["regexp_extract_all('a', '*')", 'a regular expression cannot be read: no argument for repetition operator'],
  ["regexp_matches('a', 'a{1001}')", 'a regular expression cannot be read: invalid repetition size'],
  ["regexp_matches('a', 'a', 'q')", 'a regular expression has an option that is not known'],
  ["'ab' LIKE 'a!' ESCAPE '!'", 'a LIKE pattern ends with its escape character'],
  ["'ab' NOT LIKE 'a!' ESCAPE '!'", 'a LIKE pattern ends with its escape character'],
  ["'a' LIKE 'a' ESCAPE '!!'", 'the escape of a LIKE pattern is longer than one character'],
  ["CAST('2024-02-30' AS DATE)", 'a text is no date'],
  ["CAST('25:00:00' AS TIME)", 'a text is no time'],
  [`CAST('${canary}' AS TIMESTAMP)`, 'a text is no timestamp'],
  [`CAST('2024-01-01 00:00:00 ${canary}/Zone' AS TIMESTAMPTZ)`, 'a time zone is not known'],
  ["DATE '2024-01-01' + INTERVAL 10000000 YEAR", 'a date is out of range'],
  ["TIMESTAMP '294246-01-01' + INTERVAL 100 YEAR", 'a timestamp is out of range'],
  ['make_date(2024, 13, 1)', 'a date is out of range'],
  ['epoch_ms(9223372036854775807)', 'a timestamp is out of range'],
  [`date_trunc('${canary}', DATE '2024-01-01')`, 'a part of a date is not known by that name'],
  [`strptime('${canary}', '%Y')`, 'a text does not follow its format'],
  [`strptime('2024', '%Q${canary}')`, 'the format of a date cannot be read'],
  ["repeat('x', 9223372036854775807)", 'a text would be too long'],
  ["json_extract('{}', 5::DOUBLE)", 'json_extract takes no arguments of the types string, double'],
  ["like_escape(1, 'x', true)", 'a function takes no arguments of the types integer, string, boolean'],
  ['[1] - 1', '- takes no arguments of the types integer[], integer'],
  ['(SELECT _c0 FROM range(3) _r0(_c0))', 'a subquery that stands for a value gives more than one row'],
  ['acos(2)', 'a function was given a value that it does not take'],
  ["sin('inf'::DOUBLE)", 'a value is out of range'],
  [
    'SELECT count(DISTINCT repeat(CAST(_c0 AS VARCHAR), 200)) FROM range(40000000) _r0(_c0)',
    'the statement needs more memory than it is granted',
  ],
  [
    `SELECT CAST(CASE WHEN _c0 = 90000 THEN '${canary}' ELSE '1' END AS INTEGER) FROM range(100000) _r0(_c0)`,
    'a text does not convert to integer',
  ],
];
/** Words of SQL that stand in messages of ours; any other word in capitals would be the engine's. */
const ownCapitals = /\b(?:JSON|LIKE)\b/g;

describe('a statement that fails', () => {
  const folder = createTemporaryFolder('failing-statements');
  let pool: ExecutorPool;

  before(() => {
    pool = new ExecutorPool({
      session: { memoryLimit: '256MB', threads: 2 },
      disk: systemDisk,
      filesFolder: folder.path,
      newSecret: () => randomBytes(16).toString('hex'),
      dataKibMax: undefined,
      clock: systemClock,
      logger: silentLogger,
    });
  });
  after(async () => {
    await pool.close();
    folder[Symbol.dispose]();
  });

  for (const [text, expected] of failing)
    it(`is refused in our words: ${text}`, async () => {
      const child = await pool.acquire(never);
      const execution = child.run(statement(text.startsWith('SELECT') ? text : `SELECT ${text}`));
      const error: unknown = await execution.ended.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(isHybridStoreError(error), 'it fails');
      assert.equal(error.message, expected);
      assert.equal(error.code, expected.includes('memory') ? 'too_large' : 'invalid_request');
      const shown = JSON.stringify([error.message, error.details]);
      assert.doesNotMatch(shown.replaceAll(ownCapitals, ''), /canary|[A-Z]{2}|_c0|DuckDB|exception/);
      assert.equal(child.isGone, false);
    });
});

function statement(text: string): StatementRequest {
  return {
    text,
    parameters: [],
    outputs: [{ name: 'v', type: undefined }],
    views: [],
    shape: 'array',
    separator: ',',
    rowsMax: 1_000_000,
    bytesMax: 100_000_000,
  };
}
