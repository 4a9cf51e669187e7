import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decideHandOver, type HandOverInput, isStalled, type NodeReport } from '../../src/scaling/decide-hand-over.ts';

const none = { marked: new Set<number>(), reports: new Map<number, NodeReport>(), mayGo: new Set<number>() };
const drained: NodeReport = { kind: 'drained' };
const away: NodeReport = { kind: 'unreachable', message: 'connection refused' };

describe('scale-in', () => {
  it('only the highest node leaves', () => {
    assert.deepEqual(decideHandOver({ ...none, size: 5, wanted: 2 }), { size: 5, mark: [4], drain: [], cancel: [] });
  });

  it('a mark comes before the request', () => {
    const reports = new Map([[2, drained]]);
    assert.deepEqual(decideHandOver({ ...none, reports, size: 3, wanted: 2 }), {
      size: 3,
      mark: [2],
      drain: [],
      cancel: [],
    });
  });

  it('the size drops by one after a report that says drained', () => {
    const input = { ...none, marked: new Set([4]), reports: new Map([[4, drained]]), size: 5, wanted: 1 };
    assert.equal(decideHandOver(input).size, 4);
  });

  it('without a report of this pass nothing shrinks', () => {
    const input = { ...none, marked: new Set([4]), size: 5, wanted: 1 };
    assert.deepEqual(decideHandOver(input), { size: 5, mark: [], drain: [4], cancel: [] });
  });

  it('an unreachable node never leaves', () => {
    const input = { ...none, marked: new Set([2]), reports: new Map([[2, away]]), size: 3, wanted: 2 };
    assert.equal(decideHandOver(input).size, 3);
  });

  it('an unreachable node whose volume was never bound cannot hold a row', () => {
    const reports = new Map([[2, away]]);
    const input = { marked: new Set([2]), reports, mayGo: new Set([2]), size: 3, wanted: 2 };
    assert.equal(decideHandOver(input).size, 2);
  });

  it('rising demand cancels', () => {
    const input = { ...none, marked: new Set([2]), reports: new Map([[2, drained]]), size: 3, wanted: 4 };
    assert.deepEqual(decideHandOver(input), { size: 4, mark: [], drain: [], cancel: [2] });
  });

  it('a higher desired size that still is below the size cancels nothing', () => {
    const input = { ...none, marked: new Set([4]), size: 5, wanted: 4 };
    assert.deepEqual(decideHandOver(input), { size: 5, mark: [], drain: [4], cancel: [] });
  });

  it('is stalled after a minute without an end', () => {
    assert.deepEqual(
      [isStalled(59_999, away), isStalled(60_000, away), isStalled(60_000, drained)],
      [false, true, false],
    );
  });

  it('never shrinks by more than one, and never past a node without proof, whatever is reported', () => {
    const report = fc.constantFrom<NodeReport>(drained, away, { kind: 'draining', unflushedRows: 3 });
    const ordinals = fc.uniqueArray(fc.integer({ min: 0, max: 12 }));
    const inputs = fc.record({
      size: fc.integer({ min: 0, max: 12 }),
      wanted: fc.integer({ min: 0, max: 12 }),
      marked: ordinals,
      reported: fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), report)),
    });
    fc.assert(
      fc.property(inputs, ({ size, wanted, marked, reported }) => {
        const input: HandOverInput = {
          size,
          wanted,
          marked: new Set(marked),
          reports: new Map(reported),
          mayGo: new Set(),
        };
        const next = decideHandOver(input);
        assert.ok(next.size >= Math.min(size, wanted) && next.size >= size - 1);
        if (next.size < size)
          assert.deepEqual([input.reports.get(size - 1), input.marked.has(size - 1)], [drained, true]);
        if (wanted >= size) assert.equal(next.size, wanted);
      }),
    );
  });
});
