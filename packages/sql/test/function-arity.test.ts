import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Dialect, dialects, isHybridStoreError } from '@hybridstore/contracts';
import { functionOfDialect } from '@hybridstore/plan';
import { translators } from '../src/functions/translators.ts';
import { parseSql } from '../src/parsing/parse-sql.ts';
import { declaredNames, kindAt, type Signature, signatureOf } from '../src/syntax/function-signatures.ts';

/** What stands for an argument of each kind, so that nothing but the number of arguments is wrong. */
const samples: Readonly<Record<string, string>> = {
  number: '1.5',
  whole: '1',
  moment: "TIMESTAMP '2024-01-01 00:00:00'",
  condition: '1 = 1',
  interval: "INTERVAL '1' DAY",
  json: "'[1]'",
  list: '[1]',
  unit: "'day'",
  format: "'x'",
  path: "'$.a'",
};

function callOf(name: string, signature: Signature, count: number): string {
  const given = Array.from({ length: count }, (_, index) => samples[kindAt(signature, index)] ?? "'a'");
  return `SELECT ${name}(${given.join(', ')}) AS x`;
}

function refusalOf(sql: string, dialect: Dialect): string {
  try {
    parseSql(sql, new Map(), { dialect, isStrict: true }, []);
    return 'taken';
  } catch (error) {
    return isHybridStoreError(error) ? error.message : String(error);
  }
}

const isWithinGroup = (name: string) => name.startsWith('percentile_') || name === 'mode';
/** Ends far above what a text may hold, and is not tried. */
const triedMax = 100;

const columns = 'value key limit separator ignore respect returning passing position first last'.split(' ');
const named = new Map([['t', { columns: columns.map((name) => ({ name, type: 'string' })) }]]);

describe('a call of a function', () => {
  for (const name of ['value', 'separator', 'ignore', 'respect', 'returning', 'position'])
    it(`takes a column that is called ${name}, a word of some grammar`, () => {
      for (const expression of [`LENGTH(${name})`, `UPPER(t.${name})`, `CONCAT('a', ${name}, t.${name})`]) {
        const sql = `SELECT ${expression} AS x FROM t`;
        const { plan } = parseSql(sql, named, { dialect: 'mysql', isStrict: true }, []);
        assert.match(JSON.stringify(plan.query), new RegExp(`"name":"${name}"`), sql);
      }
    });

  it('counts bytes in MySQL whatever its argument is called', () => {
    const { plan } = parseSql('SELECT LENGTH(value) AS x FROM t', named, { dialect: 'mysql', isStrict: true }, []);
    assert.match(JSON.stringify(plan.query), /"function":"strlen"/);
  });

  for (const dialect of dialects) {
    const names = declaredNames(dialect).filter(
      (name) => translators(dialect, name) ?? functionOfDialect(name, dialect),
    );

    it(`is refused by name and place in ${dialect} with one argument too many or too few`, () => {
      const wrong: string[] = [];
      for (const name of names) {
        const signature = signatureOf(name, dialect);
        if (!signature || name === 'error' || isWithinGroup(name)) continue;
        const counts = [signature.argumentsMin - 1, signature.argumentsMax + 1].filter((n) => n >= 0 && n < triedMax);
        for (const count of counts) {
          const refusal = refusalOf(callOf(name, signature, count), dialect);
          const isNamed = refusal.toLowerCase().includes(name) && /\(line 1, column \d+\)$/.test(refusal);
          if (!isNamed) wrong.push(`${name} with ${count}: ${refusal}`);
        }
      }
      assert.deepEqual(wrong, []);
    });

    it(`keeps every argument that ${dialect} takes`, () => {
      const wrong: string[] = [];
      for (const name of names) {
        const signature = signatureOf(name, dialect);
        if (!signature || isWithinGroup(name)) continue;
        for (const count of [signature.argumentsMin, signature.argumentsMax].filter((n) => n < triedMax)) {
          const refusal = refusalOf(callOf(name, signature, count), dialect);
          if (/takes .* argument|syntax error/.test(refusal)) wrong.push(`${name} with ${count}: ${refusal}`);
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
});
