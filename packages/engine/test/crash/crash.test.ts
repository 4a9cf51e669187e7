import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { createTemporaryFolder, reportDamage } from '@hybridstore/test-kit';
import { filesOf, openEngine } from '../engine-fixture.ts';

const kills = Math.ceil(20 * Number(process.env['HYBRIDSTORE_CRASH_BUDGET'] ?? 0.4));
const rowsPerBatch = 7;
const seed = Number(process.env['HYBRIDSTORE_CRASH_SEED'] ?? 20_260_101);

/** Runs the child until `killAfterMs` after its first acknowledgement; the batches it acknowledged. */
async function ingestUntilKilled(folder: string, firstBatch: number, killAfterMs: number): Promise<number[]> {
  const main = join(import.meta.dirname, 'ingest-child.ts');
  const child = spawn(process.execPath, [main, folder, String(firstBatch)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    acknowledged.push(Number(line));
    timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  const signal = await new Promise<string | null>((resolve) => child.once('close', (_, by) => resolve(by)));
  clearTimeout(timer);
  assert.equal(signal, 'SIGKILL', `the child ended by itself (seed ${seed})`);
  return acknowledged;
}

/** mulberry32: a small generator, so that a failing run can be repeated. */
function randomOf(state: number): () => number {
  let current = state;
  return () => {
    current = (current + 0x6d2b79f5) | 0;
    let mixed = Math.imul(current ^ (current >>> 15), 1 | current);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test(`${kills} kills during ingest, flush, commit and compaction: every acknowledged row is there exactly once`, async (context) => {
  using folder = createTemporaryFolder('crash');
  const random = randomOf(seed);
  const acknowledged = new Set<number>();
  for (let kill = 0; kill < kills; kill += 1) {
    let firstMissing = 0;
    while (acknowledged.has(firstMissing)) firstMissing += 1;
    const batches = await ingestUntilKilled(folder.path, firstMissing, Math.floor(random() * 250));
    for (const batch of batches) acknowledged.add(batch);
  }
  const engine = await openEngine(folder.path, {
    logFolder: join(folder.path, 'log'),
    limits: { flushIntervalMs: 3_600_000 },
  });
  await engine.flush('crash');
  const state = await engine.snapshot('crash');
  const found = await readIds(await filesOf(engine, state));
  await engine.close();
  const batches = new Map<number, number>();
  for (const id of found)
    batches.set(Math.floor(id / rowsPerBatch), (batches.get(Math.floor(id / rowsPerBatch)) ?? 0) + 1);
  assert.equal(new Set(found).size, found.length, `a row is there twice (seed ${seed})`);
  const torn = [...batches].filter(([, rows]) => rows !== rowsPerBatch);
  assert.deepEqual(torn, [], `half a batch (seed ${seed})`);
  const lost = [...acknowledged].filter((batch) => !batches.has(batch));
  assert.deepEqual(lost, [], `acknowledged and lost (seed ${seed})`);
  reportDamage(context, [{ file: 'log and table', damage: 'kill', right: kills, refused: 0, wrong: 0 }]);
  assert.ok(acknowledged.size > kills);
});

async function readIds(paths: readonly string[]): Promise<number[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const list = paths.map((path) => `'${path}'`).join(', ');
  const reader = await connection.runAndReadAll(`select id from read_parquet([${list}]) order by id`);
  connection.closeSync();
  return reader.getRows().map(([id]) => Number(id));
}
