import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeReport, replaceSections } from '../markdown.ts';
import type { Report } from '../report.ts';

const report: Report = {
  name: 'ingest',
  ok: false,
  machine: '2 × chip',
  goals: [
    { what: 'rows/s', goal: '≥ 10', got: '12', ok: true },
    { what: 'a|b', goal: '0', got: '1', ok: false },
  ],
  sides: [
    { name: 'ours', figures: { 'rows/s': 123_456.7, errors: 'none' } },
    { name: 'theirs', figures: { 'rows/s': 9 } },
  ],
};

describe('the section of a report', () => {
  it('is its text, the machine, the goals and one table of the sides, where they are of the same', () => {
    assert.equal(
      describeReport(report, 'Writes.'),
      `## ingest

Writes.

On 2 × chip.

| goal | | measured | |
| --- | --- | --- | --- |
| rows/s | ≥ 10 | 12 | met |
| a\\|b | 0 | 1 | missed |

| | ours | theirs |
| --- | --- | --- |
| rows/s | 123,457 | 9 |
| errors | none | – |`,
    );
  });

  it('has more rows than columns', () => {
    const sides = ['a', 'b', 'c'].map((name, index) => ({ name, figures: { MB: index, CPU: index / 10 } }));
    assert.match(
      describeReport({ ...report, sides }, ''),
      /\n\| \| MB \| CPU \|\n\| --- \| --- \| --- \|\n\| a \| 0 \| 0 \|\n\| b \| 1 \| 0\.1 \|\n\| c \| 2 \| 0\.2 \|$/,
    );
  });

  it('has a table for each side where they are of other things, and no empty paragraph without a text', () => {
    const sides = [
      { name: 'a', figures: { x: 1 } },
      { name: 'b', figures: { y: 2 } },
    ];
    assert.equal(
      describeReport({ ...report, goals: [], sides }, ''),
      `## ingest

On 2 × chip.

| goal | | measured | |
| --- | --- | --- | --- |

| | a |
| --- | --- |
| x | 1 |

| | b |
| --- | --- |
| y | 2 |`,
    );
  });
});

describe('a page of sections', () => {
  const page = '# Benchmarks\n\nIntro.\n\n## a\n\nold a\n\n## c\n\nold c\n### deeper\n';

  it('keeps what is not of this run, and takes new ones in by the alphabet', () => {
    const sections = new Map([
      ['c', '## c\n\nnew c'],
      ['b', '## b\n\nnew b'],
    ]);
    const written = replaceSections(page, sections);
    assert.equal(written, '# Benchmarks\n\nIntro.\n\n## a\n\nold a\n\n## b\n\nnew b\n\n## c\n\nnew c\n');
    assert.equal(replaceSections(written, sections), written);
  });

  it('is the same without any', () => {
    assert.equal(replaceSections(page, new Map()), page);
  });
});
