import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dialects } from '@hybridstore/contracts';
import { compareAnswers } from './compare-answers.ts';
import { deliberateDifference, deliberateDifferences } from './deliberate-differences.ts';
import { readRecord } from './dialect-record.ts';
import { OwnAnswers } from './own-answer.ts';
import { caseFiles, readCases } from './read-cases.ts';

describe('expressions of a dialect', () => {
  let own: OwnAnswers;
  before(async () => {
    own = await OwnAnswers.open();
  });
  after(() => own.close());

  for (const dialect of dialects) {
    it(`of ${dialect} have the value that its own engine gives them, or are refused by name`, async (t) => {
      const record = caseFiles(dialect).flatMap((file) => [...readRecord(file)]);
      const differences = deliberateDifferences.filter((one) => one.dialect === dialect);
      const met = new Set<RegExp>();
      const wrong: string[] = [];
      const counts = { same: 0, refused: 0, deliberate: 0 };
      for (const [expression, recorded] of record) {
        const answer = await own.answer(expression, dialect);
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
      for (const file of caseFiles(dialect)) assert.deepEqual([...readRecord(file).keys()], readCases(file));
    });
  }
});
