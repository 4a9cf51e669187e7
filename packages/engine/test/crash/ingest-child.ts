import { writeSync } from 'node:fs';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { createEngine } from '../../src/engine.ts';

/**
 * An engine that is going to be killed: appends batches from a number on, each under its own batch id, and reports each
 * acknowledged number on standard output. Bounds are so small that logging, flushing, committing, checkpoints, rotation,
 * compaction and merges by need all go on at once.
 */
const [folder = '', firstBatch = '0'] = process.argv.slice(2);
const rowsPerBatch = 7;
const writers = 4;

const engine = await createEngine({
  pod: 'hs-acme-0',
  logFolder: `${folder}/log`,
  dataFolder: `${folder}/data`,
  clock: systemClock,
  logger: silentLogger,
  onFatal: () => process.exit(1),
  limits: {
    flushRows: 300,
    flushIntervalMs: 15,
    logSegmentBytesMax: 64 * 1024,
    commitsPerCheckpoint: 4,
    replacedFileGraceMs: 0,
    maintenanceIntervalMs: 20,
    vacuumIntervalMs: 0,
    orphanGraceMs: 0,
    mergeFilesMin: 3,
    mergeDelayMs: 30,
  },
});
await engine.putSource({
  source_id: 'crash',
  columns: [
    { name: 'id', type: 'bigint', nullable: false },
    { name: 'side', type: 'string' },
  ],
  partition_columns: ['side'],
});
let next = Number(firstBatch);
await Promise.all([compactForEver(), ...Array.from({ length: writers }, () => appendForEver())]);

async function appendForEver(): Promise<void> {
  for (;;) {
    const batch = next;
    next += 1;
    const records = Array.from({ length: rowsPerBatch }, (_, row) => {
      const id = batch * rowsPerBatch + row;
      return { fields: { id, side: id % 2 === 0 ? 'even' : 'odd' } };
    });
    await engine.append({ sourceId: 'crash', records, batchId: `batch-${batch}` });
    writeSync(1, `${batch}\n`);
  }
}

async function compactForEver(): Promise<void> {
  for (;;) {
    await systemClock.sleep(40);
    const { files } = await engine.snapshot('crash');
    const paths = files.filter((file) => file.partition['side'] === 'even').map((file) => file.path);
    if (paths.length > 3)
      await engine.compact('crash', {
        groups: [{ paths }],
        file_bytes_max: 1_048_576,
        retain_snapshots_hours: 0,
      });
  }
}
