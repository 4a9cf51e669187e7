import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Column } from '@hybridstore/contracts';
import { silentLogger, systemClock, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { BatchEncoder } from '../../src/batch/batch-encoder.ts';
import { Scratch } from '../../src/batch/scratch.ts';
import { loadSteps } from '../../src/segment/load-steps.ts';
import { createSegmentWriter } from '../../src/segment/segment-writer.ts';
import { rowsPerRowGroup } from '../../src/segment/write-segments.ts';
import { decodeFrame, frameKinds, framePrefixBytes, sealFrame, writeFrameHeader } from '../../src/wal/frame.ts';

const root = createTemporaryFolder('flush-memory');
for (const name of ['spool', 'out']) mkdirSync(join(root.path, name));
/** The least that a node may be configured with. */
const memoryBytesMax = 64 * 1024 * 1024;
const writer = createSegmentWriter({
  disk: systemDisk,
  clock: systemClock,
  logger: silentLogger,
  spoolFolder: join(root.path, 'spool'),
  memoryBytesMax,
  threads: 1,
  requestMsMax: 240_000,
  niceness: 10,
});
after(async () => {
  await writer.close();
  root[Symbol.dispose]();
});

type Shape = {
  readonly columns: readonly Column[];
  /** How many of them the batch has: it was encoded before the others were added. */
  readonly encoded?: number;
  readonly rows: number;
  readonly row: (index: number) => Readonly<Record<string, unknown>>;
};

function columns(count: number, type: string): Column[] {
  return Array.from({ length: count }, (_, index) => ({ name: `c${index}`, type }));
}

let lsn = 0;
function encode({ columns: all, encoded = all.length, rows, row }: Shape): Buffer {
  const encoder = new BatchEncoder(
    { columns: all.slice(0, encoded), partitionColumns: [], isDocument: false },
    new Scratch(),
  );
  const records = Array.from({ length: rows }, (_, index) => ({ fields: row(index) }));
  const frame = encoder.encode(records, framePrefixBytes('burst', undefined));
  writeFrameHeader(frame, { kind: frameKinds.batch, sourceId: 'burst', tableTag: 1n, schemaVersion: 1, rows });
  lsn += 1;
  sealFrame(frame, { lsn, previousLsn: lsn - 1, durableLsn: lsn - 1 });
  return frame;
}

async function flush(shape: Shape, frames: readonly Buffer[]): Promise<number> {
  const target = {
    folder: join(root.path, 'out'),
    filePrefix: 'hs-',
    columns: shape.columns,
    partitionColumns: [],
    sortColumns: [],
    compression: 'snappy' as const,
    fileBytesMax: 256 * 1024 * 1024,
  };
  const files = await writer.write({ target, rows: shape.rows * frames.length }, frames);
  for (const file of files) await systemDisk.remove(join(target.folder, file.statistics.path));
  return files.reduce((sum, file) => sum + file.statistics.rows, 0);
}

/** Text that no compression makes smaller, the same in each run. */
function noise(seed: number, length: number): string {
  let state = seed + 1;
  let text = '';
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += String.fromCharCode(32 + ((state >>> 16) % 1_000));
  }
  return text;
}

test('whatever a frame is made of, the writer with the least memory flushes it alone', async () => {
  const long = noise(7, 4_000_000);
  const shapes: Readonly<Record<string, Shape>> = {
    'a body of 32 MiB in few texts': { columns: columns(2, 'string'), rows: 8, row: () => ({ c0: long }) },
    'as many rows as a request may have': {
      columns: columns(4, 'string'),
      rows: 100_000,
      row: (index) => ({ c0: String(index) }),
    },
    'rows of as many texts as a source may have': {
      columns: columns(2_000, 'string'),
      rows: 20,
      row: (index) => Object.fromEntries(columns(2_000, 'string').map(({ name }) => [name, noise(index, 18)])),
    },
    'columns that were added after it was written': {
      columns: columns(2_000, 'decimal(38,2)'),
      encoded: 1,
      rows: 500,
      row: (index) => ({ c0: index }),
    },
  };
  for (const [name, shape] of Object.entries(shapes))
    assert.equal(await flush(shape, [encode(shape)]), shape.rows, name);
});

test('twice what is loaded at once becomes files of one flush, with every row', async () => {
  const shape: Shape = { columns: columns(2, 'string'), rows: 500, row: (index) => ({ c0: noise(index, 700) }) };
  const frame = encode(shape);
  const frames = Array.from({ length: Math.ceil((32 * 1024 * 1024) / frame.length) }, () => frame);
  assert.equal(await flush(shape, frames), 500 * frames.length);
});

test('rows are loaded by what they take when they are loaded, a larger row goes alone', () => {
  const shape: Shape = {
    columns: columns(3, 'string'),
    encoded: 1,
    rows: 4,
    row: (index) => ({ c0: 'x'.repeat(index === 2 ? 500 : 10) }),
  };
  const { batch } = decodeFrame(encode(shape));
  const steps = [...loadSteps([{ batch }, { batch }], shape.columns, 120)];
  assert.deepEqual(
    steps.map((step) =>
      step.kind === 'full' ? `full: ${step.rows} rows, ${step.bytes} bytes` : `${step.from}+${step.count}`,
    ),
    [
      '0+2',
      'full: 2 rows, 116 bytes',
      '2+1',
      'full: 1 rows, 548 bytes',
      '3+1',
      '0+1',
      'full: 2 rows, 116 bytes',
      '1+1',
      'full: 1 rows, 58 bytes',
      '2+1',
      'full: 1 rows, 548 bytes',
      '3+1',
      'full: 1 rows, 58 bytes',
    ],
  );
});

test('row groups are whole vectors, and no more rows than the usual number', () => {
  assert.deepEqual(
    [100, 1_024, 8_192, 1_000_000].map((bytesPerRow) => rowsPerRowGroup({ rows: 10, bytes: 10 * bytesPerRow })),
    [122_880, 16_384, 2_048, 2_048],
  );
});
