import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import type { Engine } from '../src/ports.ts';
import { createSharedWriter, openEngine } from './engine-fixture.ts';

const root = createTemporaryFolder('churn');
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
after(async () => {
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const sourceIds = ['one', 'two'];
const stepsPerWorker = 60;
const workers = 16;
const seed = Number(process.env['CHURN_SEED'] ?? 20_261_129);

/** xorshift32, so that a failing run can be repeated. */
function randomOf(state: number): () => number {
  let x = state | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4_294_967_296;
  };
}

function step(engine: Engine, sourceId: string, choice: number): Promise<unknown> {
  if (choice < 0.1) return engine.deleteSource(sourceId);
  if (choice < 0.3) return engine.putSource({ source_id: sourceId });
  if (choice < 0.8) return engine.append({ sourceId, records: [{ fields: { a: 1 } }] });
  return choice < 0.9 ? engine.flush(sourceId) : engine.snapshot(sourceId);
}

/** What a caller may be answered while others delete and create the source. */
async function isOrdinary(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isHybridStoreError(error, 'not_found') || isHybridStoreError(error, 'unavailable')) return undefined;
    return String(error);
  }
}

test('two nodes that create, delete, write and flush sources at once answer in order, and agree in the end', async () => {
  const limits = { flushRows: 20, flushIntervalMs: 5, commitsPerCheckpoint: 3 };
  const nodes = await Promise.all(
    ['a', 'b'].map((name) => openEngine(root.path, { segmentWriter, pod: `hs-acme-${name}`, limits })),
  );
  const strange = await Promise.all(
    nodes.flatMap((engine, node) =>
      Array.from({ length: workers }, async (_, worker) => {
        const random = randomOf(seed + node * 7_919 + worker * 104_729);
        const found: (string | undefined)[] = [];
        for (let index = 0; index < stepsPerWorker; index += 1) {
          const sourceId = sourceIds[Math.floor(random() * sourceIds.length)] ?? '';
          found.push(await isOrdinary(step(engine, sourceId, random())));
        }
        return found.filter((error) => error !== undefined);
      }),
    ),
  );
  assert.deepEqual(strange.flat(), [], `seed ${seed}`);
  for (const sourceId of sourceIds) {
    await nodes[0]?.deleteSource(sourceId);
    await nodes[1]?.putSource({ source_id: sourceId });
    for (const engine of nodes) {
      await engine.append({ sourceId, records: Array.from({ length: 30 }, () => ({ fields: { a: 1 } })) });
      await engine.flush(sourceId);
    }
    const states = await Promise.all(nodes.map((engine) => engine.snapshot(sourceId)));
    assert.equal(new Set(states.map((state) => state.location)).size, 1);
    for (const { files } of states)
      assert.equal(
        files.reduce((rows, file) => rows + file.rows, 0),
        60,
        `seed ${seed}`,
      );
  }
  for (const engine of nodes) await engine.close();
});
