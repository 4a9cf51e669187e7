import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileStatistics } from '@hybridstore/contracts';
import fc from 'fast-check';
import { batchGroups, decideCompaction, forcedBounds } from '../src/domain/compaction-decision.ts';
import { mebibyte, testFile } from './test-files.ts';

const bounds = { fileBytesMin: 50 * mebibyte, fileBytesMax: 100 * mebibyte };

type Case = {
  readonly fact: string;
  /** Size in MiB and partition value of each file, oldest first. */
  readonly files: readonly (readonly [number, (string | null)?])[];
  /** Places of the files in each group. */
  readonly groups: readonly (readonly number[])[];
};

const cases: readonly Case[] = [
  { fact: 'no files give no groups', files: [], groups: [] },
  { fact: 'one small file is left alone', files: [[1]], groups: [] },
  { fact: 'two small files become one', files: [[1], [2]], groups: [[0, 1]] },
  { fact: 'files of the least size and above are left alone', files: [[50], [60], [100], [400]], groups: [] },
  { fact: 'a file just below the least size is merged', files: [[49], [49]], groups: [[0, 1]] },
  {
    fact: 'a group never grows above the greatest size',
    files: [[40], [40], [40], [40], [20]],
    groups: [
      [0, 1, 4],
      [2, 3],
    ],
  },
  {
    fact: 'the drawing at the decision is true',
    files: [[40], [40], [60], [40], [40], [20]],
    groups: [
      [0, 1, 5],
      [3, 4],
    ],
  },
  { fact: 'a full group is exactly the greatest size', files: [[40], [40], [20]], groups: [[0, 1, 2]] },
  { fact: 'what fits into no group stays as it is', files: [[49], [49], [3]], groups: [[0, 1]] },
  {
    fact: 'partition values are never mixed',
    files: [
      [1, 'a'],
      [1, 'b'],
      [1, 'a'],
      [1, null],
      [1, 'null'],
    ],
    groups: [[0, 2]],
  },
  {
    fact: 'null is a partition value of its own',
    files: [
      [1, null],
      [1, null],
      [1, 'null'],
    ],
    groups: [[0, 1]],
  },
  { fact: 'empty files are merged too', files: [[0], [0], [0]], groups: [[0, 1, 2]] },
];

for (const { fact, files, groups } of cases)
  test(fact, () => {
    const table = files.map(([sizeMb, partition], index) =>
      testFile(`f${index}.parquet`, {
        bytes: sizeMb * mebibyte,
        modified_at: index,
        partition: partition === undefined ? {} : { day: partition },
      }),
    );
    assert.deepEqual(
      decideCompaction(table, bounds).map((group) => group.paths),
      groups.map((group) => group.map((index) => `f${index}.parquet`)),
    );
  });

test('files are taken by age, so that rows that came together stay together', () => {
  const table = [3, 1, 2].map((age) => testFile(`f${age}.parquet`, { bytes: 45 * mebibyte, modified_at: age }));
  assert.deepEqual(
    decideCompaction(table, bounds).map((group) => group.paths),
    [['f1.parquet', 'f2.parquet']],
  );
});

test('force merges everything below the greatest size', () => {
  const table = [60, 30, 100].map((sizeMb, index) =>
    testFile(`f${index}`, { bytes: sizeMb * mebibyte, modified_at: index }),
  );
  assert.deepEqual(decideCompaction(table, bounds), []);
  assert.deepEqual(decideCompaction(table, forcedBounds(bounds)), [
    { paths: ['f0', 'f1'], bytes: 90 * mebibyte, rows: 20 },
  ]);
});

test('batches keep to the bound of bytes and hold at least one group each', () => {
  const groups = [5, 5, 12, 3, 6].map((bytes) => ({ paths: ['a', 'b'], bytes, rows: 1 }));
  assert.deepEqual(
    batchGroups(groups, 10).map((batch) => batch.map((group) => group.bytes)),
    [[5, 5], [12], [3, 6]],
  );
  assert.deepEqual(batchGroups([], 10), []);
});

const anyFiles: fc.Arbitrary<FileStatistics[]> = fc
  .array(
    fc.record({
      bytes: fc.nat({ max: 120 * mebibyte }),
      rows: fc.nat(1_000),
      modified_at: fc.nat(100),
      partition: fc.record({ day: fc.option(fc.constantFrom('a', 'b')), hour: fc.constantFrom('1', '2') }),
    }),
    { maxLength: 200 },
  )
  .map((files) => files.map((file, index) => testFile(`f${index}`, file)));

test('for any files: groups hold at least two small files of one partition value, each once, within the bound', () => {
  fc.assert(
    fc.property(anyFiles, (files) => {
      const byPath = new Map(files.map((file) => [file.path, file]));
      const seen = new Set<string>();
      for (const group of decideCompaction(files, bounds)) {
        const members = group.paths.map((path) => byPath.get(path)!);
        assert.ok(members.length >= 2);
        assert.ok(group.bytes <= bounds.fileBytesMax);
        assert.equal(
          members.reduce((sum, file) => sum + file.bytes, 0),
          group.bytes,
        );
        assert.equal(
          members.reduce((sum, file) => sum + file.rows, 0),
          group.rows,
        );
        assert.equal(new Set(members.map((file) => JSON.stringify(file.partition))).size, 1);
        for (const file of members) {
          assert.ok(file.bytes < bounds.fileBytesMin);
          assert.ok(!seen.has(file.path));
          seen.add(file.path);
        }
      }
    }),
  );
});

test('for any files: the decision does not depend on their order and merging its groups ends after finitely many runs', () => {
  fc.assert(
    fc.property(anyFiles, fc.integer(), (files, seed) => {
      const shuffled = [...files].sort((a, b) => ((a.bytes ^ seed) % 7) - ((b.bytes ^ seed) % 7));
      const paths = (groups: ReturnType<typeof decideCompaction>) => groups.map((group) => group.paths.join()).sort();
      assert.deepEqual(paths(decideCompaction(shuffled, bounds)), paths(decideCompaction(files, bounds)));
      let table = files;
      for (let run = 0; ; run += 1) {
        const groups = decideCompaction(table, bounds);
        if (groups.length === 0) break;
        assert.ok(run < files.length, 'each run leaves fewer files');
        table = mergeGroups(table, groups, run);
      }
      assert.ok(
        smallPerPartition(table).every((bytes) => bytes.length < 2 || sumOfTwoLeast(bytes) > bounds.fileBytesMax),
      );
    }),
  );
});

function mergeGroups(
  table: FileStatistics[],
  groups: ReturnType<typeof decideCompaction>,
  run: number,
): FileStatistics[] {
  const merged = new Set(groups.flatMap((group) => group.paths));
  const made = groups.map((group, index) => {
    const first = table.find((file) => file.path === group.paths[0])!;
    return { ...first, path: `m${run}-${index}`, bytes: group.bytes, rows: group.rows };
  });
  return [...table.filter((file) => !merged.has(file.path)), ...made];
}

function smallPerPartition(table: readonly FileStatistics[]): number[][] {
  const small = table.filter((file) => file.bytes < bounds.fileBytesMin);
  return [...Map.groupBy(small, (file) => JSON.stringify(file.partition)).values()].map((files) =>
    files.map((file) => file.bytes),
  );
}

function sumOfTwoLeast(bytes: readonly number[]): number {
  const [first = 0, second = 0] = [...bytes].sort((a, b) => a - b);
  return first + second;
}
