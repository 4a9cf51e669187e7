import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LogMarks } from '../../src/domain/log-marks.ts';

const log = 'hybridstore/acme-1/1';
const location = 'tables/events/1';

/** Notes marks as `[askedMs, acknowledgedLsn, committedLsn]`. */
function noted(...notes: readonly (readonly [number, number, number])[]) {
  const marks = new LogMarks();
  for (const [askedMs, acknowledgedLsn, committedLsn] of notes)
    marks.note('events', log, { askedMs, acknowledgedLsn, location }, committedLsn);
  return (lsn: number) => marks.newest('events', log, { location, lsn })?.askedMs;
}

describe('marks of a log', () => {
  it('are found by what is shown of the log: the newest up to it', () => {
    const newest = noted([1_000, 5, 0], [2_000, 7, 0], [3_000, 9, 0]);
    assert.deepEqual([4, 5, 6, 7, 8, 9, 99].map(newest), [undefined, 1_000, 1_000, 2_000, 2_000, 3_000, 3_000]);
  });

  it('of which the later says no more leave nothing to the earlier, whichever answer came first', () => {
    assert.equal(noted([1_000, 5, 0], [9_000, 5, 0])(5), 9_000);
    assert.equal(noted([9_000, 5, 0], [1_000, 7, 0])(7), 9_000);
    assert.deepEqual([5, 7].map(noted([9_000, 7, 0], [1_000, 5, 0])), [1_000, 9_000]);
  });

  it('speak of one life of the source and of one log', () => {
    const marks = new LogMarks();
    marks.note('events', log, { askedMs: 1, acknowledgedLsn: 5, location }, 0);
    assert.equal(marks.newest('events', log, { location: 'tables/events/2', lsn: 5 }), undefined);
    assert.equal(marks.newest('events', 'hybridstore/acme-1/2', { location, lsn: 5 }), undefined);
    assert.equal(marks.newest('orders', log, { location, lsn: 5 }), undefined);
    marks.note('events', log, { askedMs: 2, acknowledgedLsn: 0, location: 'tables/events/2' }, 0);
    assert.equal(marks.newest('events', log, { location, lsn: 5 }), undefined);
  });

  it('stay a second apart but for the newest, and the newest that a commit covers stays with those after it', () => {
    const often = Array.from({ length: 400 }, (_, index) => [index * 10, index + 1, 0] as const);
    const newest = noted(...often);
    assert.deepEqual([1, 101, 201, 301, 400].map(newest), [0, 1_000, 2_000, 3_000, 3_990]);
    assert.deepEqual([100, 200, 399].map(newest), [0, 1_000, 3_000]);
    const covered = noted(...often, [4_000, 401, 250]);
    assert.deepEqual([200, 250, 301].map(covered), [undefined, 2_000, 3_000]);
  });

  it('are bounded in number, the oldest and the newest ones stay', () => {
    const newest = noted(...Array.from({ length: 500 }, (_, index) => [index * 5_000, index + 1, 0] as const));
    assert.deepEqual([1, 400, 500].map(newest), [0, 0, 499 * 5_000]);
    const marks = new LogMarks();
    for (let source = 0; source < 8_193; source += 1)
      marks.note(`s${source}`, log, { askedMs: 1, acknowledgedLsn: 5, location }, 0);
    const isKnown = (source: number) => marks.newest(`s${source}`, log, { location, lsn: 5 }) !== undefined;
    assert.deepEqual([0, 1, 8_192].map(isKnown), [false, true, true]);
  });

  it('that are found were noted, and none is newer than what was asked at that LSN', () => {
    const note = fc.tuple(fc.nat(100_000), fc.nat(50), fc.nat(50));
    fc.assert(
      fc.property(fc.array(note, { maxLength: 200 }), fc.nat(50), (notes, lsn) => {
        const found = noted(...notes)(lsn);
        const fitting = notes.filter(([, acknowledgedLsn]) => acknowledgedLsn <= lsn).map(([askedMs]) => askedMs);
        if (found !== undefined) assert.ok(fitting.includes(found));
      }),
    );
  });
});
