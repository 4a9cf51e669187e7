import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Clock, silentLogger, systemClock } from '@hybridstore/runtime';
import { MemoryDisk } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { SourceTables } from '../src/source-tables.ts';
import { createMemoryObjectStore } from '../src/store/memory-object-store.ts';
import type { ObjectStore } from '../src/store/ports.ts';
import { createTableActions } from '../src/table-log/table-actions.ts';
import { TableLog, type TableLogOptions } from '../src/table-log/table-log.ts';
import { TablePointers } from '../src/table-pointers.ts';

const impatient: Clock = { ...systemClock, sleep: async () => {} };
const flights = { source_id: 'flights' };
const dayMs = 86_400_000;

function createStore(now?: () => number): ObjectStore {
  return createMemoryObjectStore({ disk: new MemoryDisk(), localFolder: '/local', ...(now ? { now } : {}) });
}

let made = 0;
const createId = (): string => {
  made += 1;
  return `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`;
};

const logOptions = {
  clock: impatient,
  logger: silentLogger,
  random: () => 0.5,
  checkpointWriter: async () => assert.fail('no checkpoint is due'),
  commitsPerCheckpoint: 1_000_000,
};

function openNode(store: ObjectStore, over: Partial<TableLogOptions> = {}): SourceTables {
  return new SourceTables({ ...logOptions, store, appId: 'hybridstore/pod/log', createId, ...over });
}

const add = (path: string) => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true },
});

/** The file that `add` speaks of. */
const put = (store: ObjectStore, location: string, path: string) =>
  store.createIfAbsent(`${location}/${path}`, Buffer.from('x'));

async function keysBelow(store: ObjectStore, prefix: string): Promise<string[]> {
  const names = await store.list(prefix);
  const keys = await Promise.all(
    names.map((name) => {
      const key = `${prefix}/${name}`;
      return name.endsWith('/') ? keysBelow(store, key.slice(0, -1)) : [key];
    }),
  );
  return keys.flat();
}

suite('tables of sources', () => {
  test('a source that never was is not found, and one that was created is found by every node', async () => {
    const store = createStore();
    const [one, other] = [openNode(store), openNode(store)];
    assert.equal(await other.find('flights'), undefined);
    const table = await one.create(flights);
    assert.equal((await other.newest('flights')).tableId, table?.tableId);
    assert.deepEqual(await other.list(), ['flights']);
    assert.equal(await other.create(flights), undefined);
  });

  test('of two that create a source at once one wins, and nothing is left of the other', async () => {
    const store = createStore();
    const [one, other] = [openNode(store), openNode(store)];
    const tables = await Promise.all([one.create(flights), other.create(flights)]);
    const winners = tables.filter((table) => table !== undefined);
    assert.equal(winners.length, 1);
    const { location, tableId } = winners[0]!;
    assert.equal((await one.newest('flights')).tableId, tableId);
    assert.deepEqual(await keysBelow(store, 'tables'), [
      `${location}/_delta_log/00000000000000000000.json`,
      'tables/flights/table.json',
    ]);
  });

  test('nothing new costs three looks at once, and a write one', async () => {
    const inner = createStore();
    const looks: string[] = [];
    const store: ObjectStore = {
      ...inner,
      isReplaced: (key, version) => {
        looks.push(`isReplaced ${key.split('/').at(-1)}`);
        return inner.isReplaced(key, version);
      },
      stat: (key) => {
        looks.push(`stat ${key.split('/').at(-1)}`);
        return inner.stat(key);
      },
      get: (key) => {
        looks.push(`get ${key.split('/').at(-1)}`);
        return inner.get(key);
      },
    };
    const node = openNode(store);
    await node.create(flights);
    looks.length = 0;
    await node.newest('flights');
    assert.deepEqual(looks, ['isReplaced table.json', 'stat table.json', 'get 00000000000000000001.json']);
    looks.length = 0;
    await node.known.get('flights')?.isAlive();
    assert.deepEqual(looks, ['isReplaced table.json']);
  });

  test('a source that is made anew is another table, and no commit of before gets into it', async () => {
    const store = createStore();
    const [one, other] = [openNode(store), openNode(store)];
    const first = (await one.create(flights))!;
    const seen = await other.newest('flights');
    await one.delete(await one.newest('flights'));
    assert.equal(await other.find('flights'), undefined);
    assert.equal(await seen.refresh(), undefined);
    assert.equal(await seen.commit(() => [add('late')]), undefined);
    const second = (await other.create(flights))!;
    assert.notEqual(second.location, first.location);
    assert.equal(await first.commit(() => [add('late')]), undefined);
    assert.deepEqual(await one.newest('flights').then((table) => table.snapshot.files.size), 0);
  });

  test('a commit that was decided on before the deletion lands where nobody looks, and is swept away', async () => {
    let nowMs = 0;
    const inner = createStore(() => nowMs);
    let onCommit = async (): Promise<void> => {};
    const slow: ObjectStore = {
      ...inner,
      createIfAbsent: async (key, bytes) => {
        if (key.endsWith('1.json')) await onCommit();
        return inner.createIfAbsent(key, bytes);
      },
    };
    const [one, other] = [openNode(slow), openNode(inner)];
    const first = (await one.create(flights))!;
    onCommit = async () => {
      onCommit = async () => {};
      await other.delete(await other.newest('flights'));
      await other.create(flights);
    };
    await put(inner, first.location, 'late');
    await first.commit(() => [add('late')]);
    const second = await other.newest('flights');
    assert.deepEqual(
      [second.snapshot.version, await one.find('flights').then((table) => table?.tableId)],
      [0, second.tableId],
    );
    const late = `${first.location}/_delta_log/00000000000000000001.json`;
    assert.ok((await keysBelow(inner, 'tables')).includes(late));
    nowMs = dayMs;
    await other.removeAbandoned(dayMs);
    assert.deepEqual((await keysBelow(inner, 'tables')).length, 2);
    assert.equal((await other.newest('flights')).tableId, second.tableId);
  });

  test('a table in the making is left alone until it is old; the current one, and what has other names, always', async () => {
    let nowMs = 1_000;
    const store = createStore(() => nowMs);
    const clock: Clock = { ...impatient, now: () => nowMs };
    const node = openNode(store, { clock });
    const current = (await node.create(flights))!;
    const abandoned = new TableLog({ ...logOptions, store, location: `tables/flights/${createId()}` });
    await abandoned.create(createTableActions(flights, { id: createId(), nowMs }));
    await store.createIfAbsent('tables/flights/notes/mine.txt', Buffer.from('x'));
    await node.removeAbandoned(dayMs);
    assert.equal((await keysBelow(store, 'tables')).length, 4);
    nowMs += dayMs;
    await node.removeAbandoned(dayMs);
    assert.deepEqual(await keysBelow(store, 'tables'), [
      `${current.location}/_delta_log/00000000000000000000.json`,
      'tables/flights/notes/mine.txt',
      'tables/flights/table.json',
    ]);
  });

  test('a location whose first commit is on its way is left alone, one whose objects are all old goes', async () => {
    let nowMs = 1_000;
    const store = createStore(() => nowMs);
    const node = openNode(store, { clock: { ...impatient, now: () => nowMs } });
    await node.create(flights);
    const half = `tables/flights/${createId()}`;
    await store.createIfAbsent(`${half}/_delta_log/00000000000000000007.json`, Buffer.from('{}'));
    await node.removeAbandoned(dayMs);
    assert.equal((await keysBelow(store, half)).length, 1);
    nowMs += dayMs;
    await node.removeAbandoned(dayMs);
    assert.equal((await keysBelow(store, half)).length, 0);
  });

  test('a checkpoint that is finished after the deletion is no part of the new table', async () => {
    const store = createStore();
    const other = openNode(store);
    const one = openNode(store, {
      commitsPerCheckpoint: 1,
      checkpointWriter: async () => {
        await other.delete(await other.newest('flights'));
        await other.create(flights);
        return Buffer.from('PAR1 of the old table');
      },
    });
    const first = (await one.create(flights))!;
    await put(store, first.location, 'a');
    await first.commit(() => [add('a')]);
    await first.settle();
    const second = await other.newest('flights');
    assert.deepEqual(await store.list(`${second.location}/_delta_log`), ['00000000000000000000.json']);
  });

  test('a table of before the pointers is found where it lies, gets a pointer, and is deleted without what came later', async () => {
    const store = createStore();
    const id = createId();
    const older = new TableLog({ ...logOptions, store, location: 'tables/flights' });
    await older.create(createTableActions(flights, { id, nowMs: 1 }));
    await older.commit(() => [add('hs-00000000-a.parquet')]);
    await store.createIfAbsent('tables/flights/hs-00000000-a.parquet', Buffer.from('rows'));
    await store.createIfAbsent(`tables/flights/_delta_log/_hybridstore.${id}`, Buffer.alloc(0));
    const [one, other] = [openNode(store), openNode(store)];
    const found = await Promise.all([one.newest('flights'), other.newest('flights')]);
    assert.deepEqual(
      found.map((table) => [table.tableId, table.location, table.snapshot.version]),
      [
        [id, 'tables/flights', 1],
        [id, 'tables/flights', 1],
      ],
    );
    await put(store, 'tables/flights', 'hs-00000000-b.parquet');
    await found[0].commit(() => [add('hs-00000000-b.parquet')]);
    assert.equal((await other.newest('flights')).snapshot.files.size, 2);
    assert.equal(await one.delete(await one.newest('flights')), true);
    assert.deepEqual(await keysBelow(store, 'tables'), ['tables/flights/table.json']);
    const second = (await other.create(flights))!;
    assert.equal(second.location, `tables/flights/${second.tableId}`);
  });

  test('a source that is deleted the moment after it was created is not alive for its creator', async () => {
    for (const isFirst of [true, false]) {
      const inner = createStore();
      const other = openNode(inner);
      if (!isFirst) await other.delete((await other.create(flights))!);
      const deleteAtOnce = async (key: string, made: string | undefined) => {
        if (key.endsWith('table.json')) await other.delete(await other.newest('flights'));
        return made;
      };
      const store: ObjectStore = {
        ...inner,
        createIfAbsent: async (key, bytes) => deleteAtOnce(key, await inner.createIfAbsent(key, bytes)),
        replaceIfMatch: async (key, bytes, version) =>
          deleteAtOnce(key, await inner.replaceIfMatch(key, bytes, version)),
      };
      const node = openNode(store);
      const table = (await node.create(flights))!;
      assert.equal(await table.isAlive(), false);
      assert.deepEqual(await node.findGone(new Set([table.key])), new Set([table.key]));
      assert.equal(await table.commit(() => [add('late')]), undefined);
      assert.equal(await node.find('flights'), undefined);
    }
  });

  test('a table that is deleted while it is read is no unknown table and no damage', async () => {
    for (const isMadeAnew of [false, true]) {
      const inner = createStore();
      const other = openNode(inner);
      await other.create(flights);
      let isDeleted = false;
      const store: ObjectStore = {
        ...inner,
        list: async (prefix) => {
          const names = await inner.list(prefix);
          if (isDeleted || !prefix.endsWith('/_delta_log') || names.length === 0) return names;
          isDeleted = true;
          await other.delete(await other.newest('flights'));
          if (isMadeAnew) await other.create(flights);
          return names;
        },
      };
      const found = await openNode(store).find('flights');
      assert.equal(found?.tableId, isMadeAnew ? (await other.newest('flights')).tableId : undefined);
    }
  });

  test('a pointer to a table that is not there is damage, and no unknown source', async () => {
    const store = createStore();
    const table = (await openNode(store).create(flights))!;
    await store.delete(`${table.location}/_delta_log/00000000000000000000.json`);
    await assert.rejects(openNode(store).newest('flights'), { code: 'corrupt', message: /holds no table/ });
  });

  test('a pointer that is damaged, or leads elsewhere, is refused by name', async () => {
    for (const text of [
      '{torn',
      '{}',
      '[]',
      '{"table_id":"x","location":"tables/other/1"}',
      '{"table_id":"x","location":"tables/flights/../other"}',
    ]) {
      const store = createStore();
      await store.createIfAbsent('tables/flights/table.json', Buffer.from(text));
      await assert.rejects(openNode(store).newest('flights'), {
        code: 'corrupt',
        details: { path: 'tables/flights/table.json' },
      });
    }
  });

  test('a pointer that vanished means that the store is away: nothing is forgotten', async () => {
    const store = createStore();
    const node = openNode(store);
    const table = (await node.create(flights))!;
    await store.delete('tables/flights/table.json');
    assert.equal(await table.isAlive(), true);
    await assert.rejects(table.refresh(), { code: 'unavailable' });
    await assert.rejects(node.newest('flights'), { code: 'unavailable' });
    assert.equal(node.known.get('flights'), table);
    assert.deepEqual(await node.findGone(new Set([table.key])), new Set());
  });

  test('nodes that create, write to and delete one source at random agree on its table, and no commit of a life is in another', async () => {
    const step = fc.record({ node: fc.nat(2), action: fc.constantFrom('create', 'commit', 'delete') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const store = createStore();
        const nodes = [openNode(store), openNode(store), openNode(store)];
        const actions = steps.map(async ({ node, action }) => {
          const tables = nodes[node]!;
          if (action === 'create') return tables.create(flights);
          const table = await tables.find('flights');
          if (!table) return undefined;
          return action === 'delete' ? tables.delete(table) : table.commit(() => [add(table.tableId)]);
        });
        await Promise.all(actions);
        const pointer = (await new TablePointers(store).read('flights'))?.pointer;
        const found = await Promise.all(nodes.map((node) => node.find('flights')));
        const ids = new Set(found.map((table) => table?.tableId));
        assert.deepEqual(ids, new Set([pointer?.location ? pointer.table_id : undefined]));
        for (const table of found)
          for (const path of table?.snapshot.files.keys() ?? []) assert.equal(path, table?.tableId);
      }),
      { numRuns: 100 },
    );
  });
});
