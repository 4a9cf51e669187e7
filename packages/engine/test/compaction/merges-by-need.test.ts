import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { retryLater } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import type { EngineOptions } from '../../src/engine-options.ts';
import type { Commit, Engine, TableState } from '../../src/ports.ts';
import type { SegmentWriter } from '../../src/segment/segment-writer.ts';
import {
  advanceUntil,
  createSharedWriter,
  createTimedDisk,
  filesOf,
  openEngine,
  tableFolder,
} from '../engine-fixture.ts';

const root = createTemporaryFolder('merges');
mkdirSync(join(root.path, 'spool'));
const segmentWriter = createSharedWriter(join(root.path, 'spool'));
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
after(async () => {
  connection.closeSync();
  await segmentWriter.close();
  root[Symbol.dispose]();
});

const limits = { mergeFilesMin: 4, mergeDelayMs: 10_000, mergeRestMs: 300_000 };
const hourMs = 3_600_000;
const turnsMax = 1_000_000;

type Node = { readonly engine: Engine; readonly clock: FakeClock; readonly commits: Commit[] };

async function openNode(folder: string, over: Partial<EngineOptions> = {}): Promise<Node> {
  const clock = new FakeClock();
  const engine = await openEngine(folder, { clock, segmentWriter, ...over, limits: { ...limits, ...over.limits } });
  const commits: Commit[] = [];
  engine.onCommit((commit) => commits.push(commit));
  return { engine, clock, commits };
}

async function openTable(name: string, over: Partial<EngineOptions> = {}): Promise<Node & { readonly folder: string }> {
  const folder = join(root.path, name);
  const node = await openNode(folder, over);
  await node.engine.putSource({ source_id: 'numbers', columns: [{ name: 'n', type: 'bigint' }] });
  return { ...node, folder };
}

let next = 0;
async function flushFiles({ engine }: Node, count: number): Promise<void> {
  for (let file = 0; file < count; file += 1) {
    await engine.append({ sourceId: 'numbers', records: [{ fields: { n: next } }, { fields: { n: next + 1 } }] });
    next += 2;
    await engine.flush('numbers');
  }
}

/** Lets time pass, and waits for the commit of the merge that is due then. */
async function passMerge(node: Node, ms: number): Promise<void> {
  const merged = nextMerge(node);
  await node.clock.advance(ms);
  await merged;
}

function nextMerge({ engine }: Node): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.onCommit(({ removed }) => {
    if (removed.length > 0) resolve();
  });
  return promise;
}

/** Disks answer when they like: what depends on one has had its turn by then. */
async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn += 1) {
    assert.ok(turn < turnsMax, 'it does not come');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const merges = ({ commits }: Node) => commits.filter(({ removed }) => removed.length > 0);

async function numbersOf(engine: Engine, state: TableState): Promise<number[]> {
  const paths = (await filesOf(engine, state)).map((path) => `'${path}'`).join(', ');
  const reader = await connection.runAndReadAll(`select n from read_parquet([${paths}]) order by n`);
  return reader.getRows().map(([n]) => Number(n));
}

/** A writer whose merges wait to be let go, or fail. */
function heldWriter() {
  const [reached, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let started = 0;
  const writer: SegmentWriter = {
    write: (request, frames) => segmentWriter.write(request, frames),
    checkpoint: (request, ndjson) => segmentWriter.checkpoint(request, ndjson),
    close: async () => {},
    merge: async (request) => {
      started += 1;
      reached.resolve();
      await goOn.promise;
      return segmentWriter.merge(request);
    },
  };
  return { writer, reached: reached.promise, goOn: goOn.resolve, fail: goOn.reject, started: () => started };
}

test('so many small files become one some seconds after a commit, and the replaced ones stay for their readers', async () => {
  const node = await openTable('busy');
  await flushFiles(node, 3);
  await node.clock.advance(60_000);
  assert.equal(merges(node).length, 0);
  await flushFiles(node, 1);
  const before = await node.engine.snapshot('numbers');
  const pin = node.engine.pin(before);
  const numbers = await numbersOf(node.engine, before);
  await passMerge(node, 10_000);
  const merged = await node.engine.snapshot('numbers');
  assert.deepEqual([merged.files.length, merged.files[0]?.rows], [1, 8]);
  assert.deepEqual(await numbersOf(node.engine, merged), numbers);
  assert.deepEqual(await numbersOf(node.engine, before), numbers);
  pin.release();
  await node.engine.close();
  assert.equal(readdirSync(tableFolder(node.folder, 'numbers')).filter((name) => name.endsWith('.parquet')).length, 5);
  assert.equal(existsSync(join(tableFolder(node.folder, 'numbers'), '_writing')), false);
});

test('a table at rest is merged once, and nothing happens to it afterwards', async () => {
  const node = await openTable('rest');
  await flushFiles(node, 2);
  await node.clock.advance(299_000);
  assert.equal(merges(node).length, 0);
  await passMerge(node, 1_000);
  const { version } = await node.engine.snapshot('numbers');
  const timers = node.clock.pending;
  await node.clock.advance(24 * hourMs);
  assert.equal((await node.engine.snapshot('numbers')).version, version);
  assert.ok(node.clock.pending <= timers);
  await node.engine.close();
});

test('0 as the number of files means that nothing is merged', async () => {
  const node = await openTable('never', { limits: { mergeFilesMin: 0 } });
  await flushFiles(node, 6);
  await node.clock.advance(24 * hourMs);
  assert.equal(merges(node).length, 0);
  await node.engine.close();
});

test('of two nodes that want the same merge one does it, while queries and flushes go on', async () => {
  const held = heldWriter();
  const first = await openTable('two', { segmentWriter: held.writer });
  const second = await openNode(first.folder, { pod: 'hs-acme-1' });
  await flushFiles(first, 3);
  await flushFiles(second, 1);
  await first.engine.snapshot('numbers');
  const first4 = await numbersOf(first.engine, await first.engine.snapshot('numbers'));
  await first.clock.advance(10_000);
  await held.reached;
  await second.clock.advance(60_000);
  assert.equal(merges(second).length, 0);
  assert.deepEqual(await numbersOf(second.engine, await second.engine.snapshot('numbers')), first4);
  await flushFiles(first, 1);
  const committed = passMerge(first, 0);
  held.goOn();
  await committed;
  await second.clock.advance(60_000);
  const state = await second.engine.snapshot('numbers');
  assert.deepEqual([state.files.length, merges(second).length, held.started()], [2, 0, 1]);
  assert.deepEqual((await numbersOf(second.engine, state)).slice(0, 8), first4);
  await first.engine.close();
  await second.engine.close();
});

test('what a dead process claimed is its next owner’s at once, and of a node that never comes back after a time', async () => {
  const timed = createTimedDisk();
  const node = await openTable('claims', { disk: timed.disk });
  await flushFiles(node, 4);
  const claim = join(tableFolder(node.folder, 'numbers'), '_writing/merge.json');
  mkdirSync(join(claim, '..'), { recursive: true });
  writeFileSync(claim, JSON.stringify({ log_id: 'f'.repeat(32) }));
  await node.clock.advance(120_000);
  assert.equal(merges(node).length, 0);
  timed.aheadMs = 2 * hourMs;
  await advanceUntil(node.clock, nextMerge(node), 10_000);
  await until(() => !existsSync(claim));
  await flushFiles(node, 4);
  mkdirSync(join(claim, '..'), { recursive: true });
  writeFileSync(claim, JSON.stringify({ log_id: node.engine.logId }));
  timed.aheadMs = 0;
  await advanceUntil(node.clock, nextMerge(node), 10_000);
  await node.engine.close();
});

test('a restart in the middle of a merge finds the same need, and every row once', async () => {
  const held = heldWriter();
  const killed = await openTable('killed', { segmentWriter: held.writer });
  await flushFiles(killed, 4);
  const numbers = await numbersOf(killed.engine, await killed.engine.snapshot('numbers'));
  await killed.clock.advance(10_000);
  await held.reached;
  held.fail(retryLater('unavailable', 'segment writer ended (the engine closes)', 1_000));
  await killed.engine.close();
  const again = await openNode(killed.folder);
  assert.equal((await again.engine.snapshot('numbers')).files.length, 4);
  await passMerge(again, 10_000);
  const state = await again.engine.snapshot('numbers');
  assert.deepEqual([state.files.length, await numbersOf(again.engine, state)], [1, numbers]);
  await again.engine.close();
});

test('a merge that a policy asks for waits for the one under way, and learns that its files are gone', async () => {
  const held = heldWriter();
  const node = await openTable('policy', { segmentWriter: held.writer });
  await flushFiles(node, 4);
  const { files } = await node.engine.snapshot('numbers');
  await node.clock.advance(10_000);
  await held.reached;
  const request = {
    groups: [{ paths: files.map(({ path }) => path) }],
    file_bytes_max: 1_048_576,
    retain_snapshots_hours: 1,
  };
  const asked = assert.rejects(node.engine.compact('numbers', request), { code: 'conflict' });
  held.goOn();
  await asked;
  assert.deepEqual([held.started(), merges(node).length], [1, 1]);
  await node.engine.close();
});

test('of a merge by need and a policy’s on another node one is committed, and no row is lost or doubled', async () => {
  const held = heldWriter();
  const first = await openTable('raced', { segmentWriter: held.writer });
  const second = await openNode(first.folder, { pod: 'hs-acme-1', limits: { mergeFilesMin: 0 } });
  await flushFiles(first, 4);
  const before = await second.engine.snapshot('numbers');
  const numbers = await numbersOf(second.engine, before);
  await first.clock.advance(10_000);
  await held.reached;
  const groups = [{ paths: before.files.map(({ path }) => path) }];
  await second.engine.compact('numbers', { groups, file_bytes_max: 1_048_576, retain_snapshots_hours: 1 });
  held.goOn();
  await first.engine.close();
  const state = await second.engine.snapshot('numbers');
  assert.deepEqual([state.files.length, merges(first).length, merges(second).length], [1, 0, 1]);
  assert.deepEqual(await numbersOf(second.engine, state), numbers);
  await second.engine.close();
});

test('merges that fail are tried ever later, then no more until the next commit', async () => {
  let tries = 0;
  const merge = async () => {
    tries += 1;
    throw new Error('no');
  };
  const failing: SegmentWriter = {
    write: (request, frames) => segmentWriter.write(request, frames),
    checkpoint: (request, ndjson) => segmentWriter.checkpoint(request, ndjson),
    close: async () => {},
    merge,
  };
  const node = await openTable('failing', { segmentWriter: failing });
  const tryUntil = async (count: number) => {
    for (let step = 0; tries < count; step += 1) {
      assert.ok(step < turnsMax, 'it is not tried');
      await node.clock.advance(1_000);
    }
    for (let step = 0; step < 1_000; step += 1) await node.clock.advance(10_000);
    assert.equal(tries, count);
  };
  await flushFiles(node, 4);
  await tryUntil(6);
  await flushFiles(node, 1);
  await tryUntil(7);
  await node.engine.close();
});
