import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dialects } from '@hybridstore/contracts';
import { compareAnswers, isRecordedError } from './compare-answers.ts';
import { deliberateDifference, deliberateDifferences } from './deliberate-differences.ts';
import { type DialectRecord, readRecord } from './dialect-record.ts';
import { OwnAnswers } from './own-answer.ts';
import { readCases } from './read-cases.ts';

describe('expressions of a dialect', () => {
  let own: OwnAnswers;
  before(async () => {
    own = await OwnAnswers.open();
  });
  after(() => own.close());

  for (const dialect of dialects) {
    it(`of ${dialect} have the value that its own engine gives them, or are refused by name`, async (t) => {
      const record = readRecord(dialect);
      const differences = deliberateDifferences.filter((one) => one.dialect === dialect);
      const met = new Set<RegExp>();
      const wrong: string[] = [];
      const counts = { same: 0, refused: 0, deliberate: 0 };
      const together = await own.answersTogether(expressionsWithValue(record), dialect);
      for (const [expression, recorded] of record) {
        let answer = together.get(expression) ?? (await own.answer(expression, dialect));
        // What stands beside an expression is not its fault.
        if (compareAnswers(recorded, answer, dialect) === 'wrong') answer = await own.answer(expression, dialect);
        const outcome = compareAnswers(recorded, answer, dialect);
        const difference = deliberateDifference(expression, dialect);
        if (outcome !== 'wrong') counts[outcome] += 1;
        else if (difference) {
          counts.deliberate += 1;
          met.add(difference.expressions);
        } else wrong.push(`${expression}: expected ${JSON.stringify(recorded)}, found ${JSON.stringify(answer)}`);
      }
      t.diagnostic(
        `${dialect}: ${counts.same} same, ${counts.refused} refused by name, ${counts.deliberate} deliberate, ${wrong.length} wrong`,
      );
      assert.deepEqual(wrong, []);
      assert.deepEqual(
        differences.filter(({ expressions }) => !met.has(expressions)).map(({ reason }) => reason),
        [],
        'differences that are none any more',
      );
    });

    it(`of ${dialect} are all on record`, () => {
      assert.deepEqual([...readRecord(dialect).keys()], readCases(dialect));
    });
  }
});

/** What its own engine refuses is mostly refused here too, together with all that stands beside it. */
function expressionsWithValue(record: DialectRecord): readonly string[] {
  return [...record].filter(([, recorded]) => !isRecordedError(recorded)).map(([expression]) => expression);
}
