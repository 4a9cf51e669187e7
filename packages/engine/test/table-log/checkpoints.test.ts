import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Clock, type Logger, silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder, MemoryDisk } from '@hybridstore/test-kit';
import { createMemoryObjectStore } from '../../src/store/memory-object-store.ts';
import type { ObjectStore } from '../../src/store/ports.ts';
import type { Action } from '../../src/table-log/actions.ts';
import { checkpointColumns } from '../../src/table-log/checkpoint.ts';
import { checkpointKey, commitKey, lastCheckpointKey } from '../../src/table-log/log-names.ts';
import { createTableActions } from '../../src/table-log/table-actions.ts';
import { TableLog } from '../../src/table-log/table-log.ts';
import { createSharedWriter } from '../engine-fixture.ts';

const folder = createTemporaryFolder('checkpoints');
mkdirSync(join(folder.path, 'spool'));
const writer = createSharedWriter(join(folder.path, 'spool'));
after(async () => {
  await writer.close();
  folder[Symbol.dispose]();
});

const id = '11111111-2222-3333-4444-555555555555';
const location = `tables/flights/${id}`;
const impatient: Clock = { ...systemClock, sleep: async () => {} };

function openLog(store: ObjectStore, logger: Logger = silentLogger): TableLog {
  return new TableLog({
    store,
    location,
    clock: impatient,
    logger,
    random: () => 0.5,
    checkpointWriter: (ndjson, metadata) => writer.checkpoint({ columns: checkpointColumns, metadata }, ndjson),
    commitsPerCheckpoint: 3,
  });
}

function add(path: string, partition: string | null): Action {
  const tags = { 'hybridstore.checksum': `sha256/64:${path}` };
  return {
    add: {
      path,
      partitionValues: { kind: partition },
      size: 7,
      modificationTime: 1,
      dataChange: true,
      stats: '{}',
      tags,
    },
  };
}

/** Nine commits with checkpoints at 3, 6 and 9. */
async function createTable(): Promise<ObjectStore> {
  const store = createMemoryObjectStore({ disk: new MemoryDisk(), localFolder: '/local' });
  const log = openLog(store);
  await log.create(createTableActions({ source_id: 'flights' }, { id, nowMs: 1 }));
  for (let commit = 1; commit <= 9; commit += 1) {
    await log.commit(() => [
      { commitInfo: { timestamp: commit, operation: 'WRITE', engineInfo: 'test' } },
      { txn: { appId: 'app', version: commit } },
      add(`${commit}.parquet`, commit % 2 === 0 ? 'ü' : null),
      ...(commit === 5
        ? [{ remove: { path: '1.parquet', deletionTimestamp: systemClock.now(), dataChange: false } }]
        : []),
    ]);
    await log.settle();
  }
  return store;
}

/** Everything a reader who has just come knows of the table. */
async function readTable(store: ObjectStore, logger?: Logger): Promise<unknown> {
  const { version, files, tombstones, txn, committedAtMs, definition } = await openLog(store, logger).refresh();
  const paths = [...files].map(
    ([
      path,
      {
        add: { tags, partitionValues, size },
      },
    ]) => ({ path, tags, partitionValues, size }),
  );
  return { version, paths, removed: [...tombstones.keys()], txn: [...txn], committedAtMs, definition };
}

async function removeCommits(store: ObjectStore, upTo: number): Promise<void> {
  for (let version = 0; version <= upTo; version += 1) await store.delete(commitKey(location, version));
}

const stores = await Promise.all([createTable(), createTable(), createTable(), createTable()]);

test('a checkpoint alone leads to the same table as the commits', async () => {
  const store = stores[0];
  const byCheckpoint = await readTable(store);
  for (const version of [3, 6, 9]) assert.ok(await store.stat(checkpointKey(location, version)));
  const copies = await Promise.all([3, 6, 9].map((version) => store.get(checkpointKey(location, version))));
  for (const version of [3, 6, 9]) await store.delete(checkpointKey(location, version));
  assert.deepEqual(await readTable(store), byCheckpoint);
  await store.overwrite(checkpointKey(location, 9), copies[2]!);
  await removeCommits(store, 9);
  assert.deepEqual(await readTable(store), byCheckpoint);
});

test('a bad checkpoint gives way to the one before, and to the commits, and never to a smaller table', async () => {
  const store = stores[1];
  const expected = await readTable(store);
  await removeCommits(store, 3);
  const [newest, older] = [checkpointKey(location, 9), checkpointKey(location, 6)];
  const whole = (await store.get(newest))!;
  const damages = [
    Buffer.alloc(0),
    whole.subarray(0, 100),
    (await store.get(older))!,
    ...Array.from({ length: 40 }, (_, index) => {
      const damaged = Buffer.from(whole);
      damaged[Math.floor((index * (whole.length - 1)) / 39)]! ^= 1 << (index % 8);
      return damaged;
    }),
  ];
  for (const [index, damaged] of damages.entries()) {
    await store.overwrite(newest, damaged);
    assert.deepEqual(await readTable(store), expected, `damage ${index}`);
  }
  await store.overwrite(older, Buffer.alloc(0));
  assert.deepEqual(await readTable(store), expected);
  await store.overwrite(checkpointKey(location, 3), Buffer.from('PAR1'));
  await assert.rejects(openLog(store).refresh(), { code: 'corrupt' });
});

test('a checkpoint proves itself without its hint: a flipped bit that decodes to other values is found', async () => {
  const store = stores[2];
  const expected = await readTable(store);
  await store.delete(lastCheckpointKey(location));
  const newest = checkpointKey(location, 9);
  const whole = (await store.get(newest))!;
  const reasons: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (_event, fields) => void reasons.push(fields?.['reason']) };
  for (let flip = 0; flip < 80; flip += 1) {
    const damaged = Buffer.from(whole);
    damaged[Math.floor((flip * (whole.length - 1)) / 79)]! ^= 1 << (flip % 8);
    await store.overwrite(newest, damaged);
    assert.deepEqual(await readTable(store, logger), expected, `flip ${flip}`);
  }
  // Not only what no decoder takes: also what decodes well, to something else.
  assert.ok(reasons.includes('its actions are not those that it vouches for'), reasons.join('\n'));
});

test('a checkpoint that proves nothing is used only where the commits are gone', async () => {
  const store = stores[3];
  const expected = await readTable(store);
  const ndjson = [
    { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    createTableActions({ source_id: 'flights' }, { id, nowMs: 1 })[2],
    add('other.parquet', null),
  ];
  const bytes = Buffer.from(ndjson.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const foreign = await writer.checkpoint({ columns: checkpointColumns }, bytes);
  for (const version of [3, 6, 9]) await store.delete(checkpointKey(location, version));
  await store.delete(lastCheckpointKey(location));
  await store.overwrite(checkpointKey(location, 9), foreign);
  assert.deepEqual(await readTable(store), expected);
  await removeCommits(store, 8);
  assert.deepEqual([...(await openLog(store).refresh()).files.keys()], ['other.parquet']);
});
