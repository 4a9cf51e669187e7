import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { countRows, FreshRowIndex, type ViewPart } from '../../src/execute/child/fresh-row-index.ts';

const log = 'hybridstore/acme-0/1';

function createIndex(tableRowsMax = 4): FreshRowIndex {
  let tables = 0;
  return new FreshRowIndex({ nextName: () => `t${++tables}`, afterLsn: 0, tableRowsMax });
}

function load(
  index: FreshRowIndex,
  range: { afterLsn: number; untilLsn: number },
  lsns: readonly number[],
  rows = 1,
): void {
  index.begin({ log, ...range });
  for (const lsn of lsns) index.place({ lsn, rows, shape: 'bigint' });
  index.complete({ log, ...range });
}

/** LSNs that a view's parts select. */
function selected(parts: readonly ViewPart[]): number[] {
  return parts.flatMap(({ table, afterLsn, untilLsn }) =>
    table.lsns.filter((lsn) => lsn > (afterLsn ?? 0) && lsn <= (untilLsn ?? Number.MAX_SAFE_INTEGER)),
  );
}

describe('the fresh-row index', () => {
  it('selects whole tables without bounds and parts of tables with them', () => {
    const index = createIndex();
    load(index, { afterLsn: 0, untilLsn: 10 }, [1, 2, 3, 4, 5, 6]);
    const parts = index.view({ log, afterLsn: 2, untilLsn: 10 }) ?? [];
    assert.deepEqual(
      parts.map(({ table, afterLsn, untilLsn }) => [table.name, afterLsn, untilLsn]),
      [
        ['t1', 2, undefined],
        ['t2', undefined, 10],
      ],
    );
    assert.equal(
      parts.reduce((rows, part) => rows + countRows(part), 0),
      4,
    );
  });

  it('opens another table for frames of another shape', () => {
    const index = createIndex();
    index.place({ lsn: 1, rows: 1, shape: 'bigint' });
    index.place({ lsn: 2, rows: 1, shape: 'bigint string' });
    assert.deepEqual(
      index.tables.map((table) => table.shape),
      ['bigint', 'bigint string'],
    );
  });

  it('refuses a view that begins before what it holds', () => {
    const index = createIndex();
    load(index, { afterLsn: 0, untilLsn: 4 }, [1, 2, 3, 4]);
    load(index, { afterLsn: 9, untilLsn: 12 }, [10, 12]);
    assert.equal(index.view({ log, afterLsn: 4, untilLsn: 12 }), undefined);
    assert.deepEqual(selected(index.view({ log, afterLsn: 9, untilLsn: 12 }) ?? []), [10, 12]);
    assert.deepEqual(index.view({ log, afterLsn: 12, untilLsn: 12 }), []);
  });

  it('refuses a view that ends behind what it holds', () => {
    const index = createIndex();
    load(index, { afterLsn: 0, untilLsn: 4 }, [1]);
    assert.equal(index.view({ log, afterLsn: 0, untilLsn: 5 }), undefined);
  });

  it('releases tables that end at the floor, and then refuses views below it', () => {
    const index = createIndex();
    load(index, { afterLsn: 0, untilLsn: 6 }, [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(
      index.release(5).map((table) => table.name),
      ['t1'],
    );
    assert.equal(index.view({ log, afterLsn: 3, untilLsn: 6 }), undefined);
    assert.deepEqual(selected(index.view({ log, afterLsn: 5, untilLsn: 6 }) ?? []), [6]);
  });

  it('gives exactly the frames between two LSNs, or nothing, whatever was loaded and released', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('load' as const),
        more: fc.integer({ min: 0, max: 6 }),
        overlap: fc.integer({ min: 0, max: 4 }),
      }),
      fc.record({ kind: fc.constant('release' as const), floor: fc.integer({ min: 0, max: 60 }) }),
      fc.record({
        kind: fc.constant('view' as const),
        after: fc.integer({ min: 0, max: 60 }),
        length: fc.integer({ min: 0, max: 30 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const index = createIndex(3);
        let newest = 0;
        let highestFloor = 0;
        for (const action of steps) {
          if (action.kind === 'load') {
            const afterLsn = Math.max(0, index.loadedLsn - action.overlap);
            newest = Math.max(newest, index.loadedLsn + action.more);
            // Every second LSN belongs to this source.
            const lsns = range(afterLsn, newest).filter((lsn) => lsn % 2 === 0);
            load(index, { afterLsn, untilLsn: newest }, lsns, 1);
          } else if (action.kind === 'release') {
            highestFloor = Math.max(highestFloor, action.floor);
            index.release(action.floor);
          } else {
            const view = { log, afterLsn: action.after, untilLsn: action.after + action.length };
            const parts = index.view(view);
            if (parts)
              assert.deepEqual(
                selected(parts),
                range(view.afterLsn, view.untilLsn).filter((lsn) => lsn % 2 === 0),
              );
            else assert.ok(view.afterLsn < highestFloor || view.untilLsn > newest);
          }
        }
      }),
    );
  });
});

function range(after: number, until: number): number[] {
  return Array.from({ length: Math.max(0, until - after) }, (_, index) => after + 1 + index);
}
