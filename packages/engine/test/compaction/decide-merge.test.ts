import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileStatistics } from '@hybridstore/contracts';
import { decideMerge, type MergeBounds } from '../../src/compaction/decide-merge.ts';

const bounds: MergeBounds = { fileBytesMin: 50, fileBytesMax: 512, filesMin: 3 };

function files(sizes: readonly number[], partition: Record<string, string | null> = {}): FileStatistics[] {
  return sizes.map((bytes, index) => ({
    path: `${Object.values(partition).join()}${index}`,
    bytes,
    rows: 1,
    partition,
    columns: {},
    modified_at: index,
  }));
}

const sizesOf = (list: readonly FileStatistics[] | undefined) => list?.map(({ bytes }) => bytes);

test('small files up to one that is more than twice as large as all before it become one', () => {
  const cases: [readonly number[], readonly number[] | undefined][] = [
    [[], undefined],
    [[5, 5], undefined],
    [
      [5, 5, 5],
      [5, 5, 5],
    ],
    // In order of age.
    [
      [3, 40, 1, 1, 2],
      [3, 1, 1, 2],
    ],
    // 20 and 30 as well, since those before them are as large together.
    [
      [10, 10, 20, 30],
      [10, 10, 20, 30],
    ],
    // Each much larger than those before: nothing to gain.
    [[1, 3, 9, 27], undefined],
    // Large files are left alone.
    [
      [50, 60, 5, 5, 5],
      [5, 5, 5],
    ],
  ];
  for (const [sizes, expected] of cases) assert.deepEqual(sizesOf(decideMerge(files(sizes), bounds)), expected);
});

test('a merge has no more bytes than a file may have, and no more files than may be open', () => {
  assert.deepEqual(sizesOf(decideMerge(files(Array(20).fill(49)), bounds)), Array(10).fill(49));
  assert.equal(decideMerge(files(Array(1_000).fill(1)), { ...bounds, fileBytesMax: 5_000 })?.length, 200);
});

test('files of different partition values are never of one merge, and the value with the most files comes first', () => {
  const [red, blue] = [files([1, 1, 1], { kind: 'red' }), files([1, 1, 1, 1], { kind: 'blue' })];
  assert.deepEqual(decideMerge([...red, ...blue], bounds), blue);
  assert.equal(decideMerge([...red.slice(1), ...blue.slice(2)], bounds), undefined);
});

test('a row is rewritten as often as its file can grow by half, however many flushes there are', () => {
  let live = files([]);
  let rewritten = 0;
  const flushes = 4_000;
  for (let flush = 0; flush < flushes; flush += 1) {
    live.push({ ...files([1])[0]!, path: `f${flush}`, modified_at: flush });
    const merged = decideMerge(live, { fileBytesMin: 1_000, fileBytesMax: 10_000, filesMin: 16 });
    if (!merged) continue;
    const bytes = merged.reduce((sum, file) => sum + file.bytes, 0);
    rewritten += bytes;
    live = [...live.filter((file) => !merged.includes(file)), { ...merged[0]!, path: `m${flush}`, bytes }];
  }
  assert.ok(rewritten <= (flushes * Math.log(1_000)) / Math.log(1.5), `${rewritten} bytes written for ${flushes}`);
  const small = live.filter((file) => file.bytes < 1_000);
  assert.ok(small.length <= 15 + Math.log2(1_000), `${small.length} small files are left`);
});
