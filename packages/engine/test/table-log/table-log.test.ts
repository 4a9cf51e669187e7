import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, silentLogger, systemClock } from '@hybridstore/runtime';
import { MemoryDisk } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { createMemoryObjectStore } from '../../src/store/memory-object-store.ts';
import type { ObjectStore } from '../../src/store/ports.ts';
import { type Action, encodeCommit } from '../../src/table-log/actions.ts';
import { createTableActions } from '../../src/table-log/table-actions.ts';
import { TableLog, type TableLogOptions } from '../../src/table-log/table-log.ts';

const id = '11111111-2222-3333-4444-555555555555';
const impatient: Clock = { ...systemClock, sleep: async () => {} };
const location = `tables/flights/${id}`;
const createStore = () => createMemoryObjectStore({ disk: new MemoryDisk(), localFolder: '/local' });

function openLog(
  store: ObjectStore,
  onConflict: () => void = () => {},
  checkpoints?: Pick<TableLogOptions, 'checkpointWriter' | 'commitsPerCheckpoint'>,
): TableLog {
  return new TableLog({
    store,
    location,
    clock: impatient,
    logger: silentLogger,
    random: () => 0.5,
    checkpointWriter: async () => assert.fail('no checkpoint is due'),
    commitsPerCheckpoint: 1_000_000,
    onConflict,
    ...checkpoints,
  });
}

async function createTable(store: ObjectStore): Promise<TableLog> {
  const log = openLog(store);
  await log.create(createTableActions({ source_id: 'flights' }, { id, nowMs: 1 }));
  return log;
}

function add(path: string): Action {
  return { add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true } };
}

test('a table that is not there is not found, and one that was created is read by others', async () => {
  const store = createStore();
  await assert.rejects(openLog(store).refresh(), { code: 'not_found', details: { table: location } });
  await createTable(store);
  const read = await openLog(store).refresh();
  assert.equal(read.version, 0);
  assert.equal(read.definition.source_id, 'flights');
});

test('a location that is taken is refused, and its table stays', async () => {
  const store = createStore();
  const log = await createTable(store);
  await log.commit(() => [add('a')]);
  await assert.rejects(createTable(store), { code: 'conflict' });
  assert.equal((await openLog(store).refresh()).files.size, 1);
});

test('sixteen writers at once: every commit has its own version, none is lost, txn only grows', async () => {
  const store = createStore();
  await createTable(store);
  let conflicts = 0;
  const writers = Array.from({ length: 16 }, (_, writer) => ({
    log: openLog(store, () => {
      conflicts += 1;
    }),
    appId: `hybridstore/pod-${writer}/log`,
  }));
  await Promise.all(
    writers.map(async ({ log, appId }, writer) => {
      for (let lsn = 1; lsn <= 10; lsn += 1)
        await log.commit((base) => {
          assert.equal(base.txn.get(appId) ?? 0, lsn - 1);
          return [{ txn: { appId, version: lsn } }, add(`${writer}-${lsn}.parquet`)];
        });
    }),
  );
  const snapshot = await openLog(store).refresh();
  assert.equal(snapshot.version, 160);
  assert.equal(snapshot.files.size, 160);
  assert.deepEqual(new Set(snapshot.txn.values()), new Set([10]));
  assert.ok(conflicts > 0);
});

test('interleaved commits of several writers and replicas that retry leave each batch in the table once', async () => {
  const step = fc.record({ writer: fc.nat(3), isRepeated: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const store = createStore();
      await createTable(store);
      const logs = Array.from({ length: 4 }, () => openLog(store));
      const lsns = [0, 0, 0, 0];
      const commits = steps.map(({ writer, isRepeated }) => {
        const lsn = ++lsns[writer]!;
        const once = () =>
          logs[writer]!.commit((base) =>
            (base.txn.get(`w${writer}`) ?? 0) >= lsn
              ? undefined
              : [{ txn: { appId: `w${writer}`, version: lsn } }, add(`${writer}-${lsn}`)],
          );
        return isRepeated ? [once(), once()] : [once()];
      });
      await Promise.all(commits.flat());
      const snapshot = await openLog(store).refresh();
      assert.equal(snapshot.version, steps.length);
      assert.equal(snapshot.files.size, steps.length);
    }),
    { numRuns: 60 },
  );
});

test('a commit whose answer was lost is found by its txn and not made again', async () => {
  const inner = createStore();
  let isLost = true;
  const store: ObjectStore = {
    ...inner,
    async createIfAbsent(key, bytes) {
      const done = await inner.createIfAbsent(key, bytes);
      if (isLost && key.endsWith('1.json')) {
        isLost = false;
        throw new Error('connection lost');
      }
      return done;
    },
  };
  const log = await createTable(store);
  const commit = () =>
    log.commit((base) => (base.txn.has('app') ? undefined : [{ txn: { appId: 'app', version: 5 } }, add('a')]));
  await assert.rejects(commit(), /connection lost/);
  const snapshot = await commit();
  assert.equal(snapshot.version, 1);
  assert.deepEqual([...snapshot.files.keys()], ['a']);
});

test('a missing version is refused', async () => {
  const store = createStore();
  const log = await createTable(store);
  await log.commit(() => [add('a')]);
  await log.commit(() => [add('b')]);
  await store.delete(`${location}/_delta_log/00000000000000000001.json`);
  await assert.rejects(openLog(store).refresh(), { code: 'corrupt', details: { table: location, version: 1 } });
});

test('a torn commit file is refused by name and line', async () => {
  const store = createStore();
  await createTable(store);
  const key = `${location}/_delta_log/00000000000000000001.json`;
  await store.overwrite(key, encodeCommit([add('a')], key).subarray(0, 20));
  await assert.rejects(openLog(store).refresh(), { code: 'corrupt', details: { path: key, line: 1 } });
});

test('unknown actions and fields are passed over', async () => {
  const store = createStore();
  await createTable(store);
  const line = JSON.stringify({ somethingNew: { x: 1 } });
  const extended = JSON.stringify({ ...add('a'), other: 1 });
  await store.overwrite(`${location}/_delta_log/00000000000000000001.json`, Buffer.from(`${line}\n${extended}\n`));
  assert.deepEqual([...(await openLog(store).refresh()).files.keys()], ['a']);
});

test('a table that needs a newer reader is refused instead of read wrongly', async () => {
  const store = createStore();
  const log = await createTable(store);
  await assert.rejects(
    log.commit(() => [{ protocol: { minReaderVersion: 3, minWriterVersion: 7 } }]),
    {
      code: 'corrupt',
    },
  );
});

test('nothing new costs one look at the next version', async () => {
  const inner = createStore();
  const looks: string[] = [];
  const store: ObjectStore = {
    ...inner,
    get: (key) => {
      looks.push(`get ${key.split('/').at(-1)}`);
      return inner.get(key);
    },
  };
  const log = await createTable(store);
  looks.length = 0;
  const [first, second] = [await log.refresh(), log.current];
  assert.equal(first, second);
  assert.deepEqual(looks, ['get 00000000000000000001.json']);
});

test('an unreadable checkpoint is no harm while the commits are there', async () => {
  const store = createStore();
  const log = await createTable(store);
  await log.commit(() => [add('a')]);
  await store.overwrite(`${location}/_delta_log/_last_checkpoint`, Buffer.from('{"version":1}'));
  await store.overwrite(`${location}/_delta_log/00000000000000000001.checkpoint.parquet`, Buffer.from('PAR1 no'));
  assert.equal((await openLog(store).refresh()).files.size, 1);
});
