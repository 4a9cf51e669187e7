import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, MemoryDisk, osError } from '@hybridstore/test-kit';
import { createFileObjectStore } from '../../src/object-store/file-object-store.ts';
import { createMemoryObjectStore } from '../../src/object-store/memory-object-store.ts';
import type { ObjectStore } from '../../src/object-store/object-store.ts';

/** What every store must do; each adapter runs the same suite. */
function contract(name: string, withStore: (run: (store: ObjectStore) => Promise<void>) => Promise<void>): void {
  suite(`object store: ${name}`, () => {
    test('of many that put one key if absent exactly one wins, and its bytes stay', () =>
      withStore(async (store) => {
        await store.createFolder('t/log');
        const writers = Array.from({ length: 8 }, (_, index) => Buffer.from(`writer ${index}`));
        const wins = await Promise.all(writers.map((bytes) => store.putIfAbsent('t/log/1', bytes)));
        assert.equal(wins.filter(Boolean).length, 1);
        assert.deepEqual(await store.get('t/log/1'), writers[wins.indexOf(true)]);
        assert.equal(await store.putIfAbsent('t/log/1', Buffer.from('late')), false);
      }));

    test('put replaces, get of nothing is undefined', () =>
      withStore(async (store) => {
        await store.createFolder('t');
        assert.equal(await store.get('t/a'), undefined);
        await store.put('t/a', Buffer.from('one'));
        await store.put('t/a', Buffer.from('two'));
        assert.equal((await store.get('t/a'))?.toString(), 'two');
      }));

    test('a put under a guard that is gone leaves nothing', () =>
      withStore(async (store) => {
        await store.createFolder('t');
        await store.put('t/guard', Buffer.alloc(0));
        assert.equal(await store.putIfAbsent('t/a', Buffer.from('a'), 't/guard'), true);
        assert.equal(await store.put('t/b', Buffer.from('b'), 't/guard'), true);
        await store.deleteAll('t');
        await store.createFolder('t');
        assert.equal(await store.putIfAbsent('t/a', Buffer.from('a'), 't/guard'), false);
        assert.equal(await store.put('t/b', Buffer.from('b'), 't/guard'), false);
        assert.deepEqual(await store.list('t'), []);
      }));

    test('ranges end with the object', () =>
      withStore(async (store) => {
        await store.createFolder('t');
        await store.put('t/a', Buffer.from('0123456789'));
        assert.equal((await store.getRange('t/a', 2, 3)).toString(), '234');
        assert.equal((await store.getRange('t/a', 8, 30)).toString(), '89');
        await assert.rejects(store.getRange('t/none', 0, 1), { code: 'not_found' });
      }));

    test('list names what lies directly below, sorted; stat gives the size', () =>
      withStore(async (store) => {
        await store.createFolder('t/log');
        for (const key of ['t/b', 't/a', 't/log/1']) await store.put(key, Buffer.from(key));
        assert.deepEqual(await store.list('t'), ['a', 'b', 'log']);
        assert.deepEqual(await store.list('nothing'), []);
        assert.equal((await store.stat('t/log/1'))?.bytes, 7);
        assert.equal(await store.stat('t/log/2'), undefined);
      }));

    test('delete takes one object, deleteAll everything below, both again without harm', () =>
      withStore(async (store) => {
        await store.createFolder('t/log');
        for (const key of ['t/a', 't/log/1']) await store.put(key, Buffer.from(key));
        await store.delete('t/a');
        await store.delete('t/a');
        assert.equal(await store.get('t/a'), undefined);
        await store.deleteAll('t');
        await store.deleteAll('t');
        assert.equal(await store.get('t/log/1'), undefined);
        assert.deepEqual(await store.list('t'), []);
      }));
  });
}

contract('memory', (run) => run(createMemoryObjectStore()));
contract('file system', async (run) => {
  using folder = createTemporaryFolder('objects');
  await run(createFileObjectStore(join(folder.path, 'data'), systemDisk));
});

test('a put that fails leaves no object and no temporary file', async () => {
  const disk = new MemoryDisk();
  const store = createFileObjectStore('/data', disk);
  disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined);
  await assert.rejects(store.putIfAbsent('t/1', Buffer.from('x')), { code: 'EIO' });
  disk.fault = () => undefined;
  assert.deepEqual(await disk.list('/data/t'), []);
});

test('an object that was put is there after a crash', async () => {
  const disk = new MemoryDisk();
  const store = createFileObjectStore('/data', disk);
  assert.equal(await store.putIfAbsent('t/1', Buffer.from('x')), true);
  disk.crash();
  assert.equal((await store.get('t/1'))?.toString(), 'x');
});

test('a folder that is moved away between the look at the guard and the link takes the object along', async () => {
  using root = createTemporaryFolder('store-guard');
  let isMoved = false;
  const plain = createFileObjectStore(root.path, systemDisk);
  const store = createFileObjectStore(root.path, {
    ...systemDisk,
    stat: async (path) => {
      const found = await systemDisk.stat(path);
      if (!isMoved && path.endsWith('guard')) {
        isMoved = true;
        await plain.deleteAll('t');
        await plain.createFolder('t');
      }
      return found;
    },
  });
  await store.createFolder('t');
  await store.put('t/guard', Buffer.alloc(0));
  await assert.rejects(store.putIfAbsent('t/a', Buffer.from('a'), 't/guard'), { code: 'ENOENT' });
  assert.deepEqual(await plain.list('t'), []);
});
