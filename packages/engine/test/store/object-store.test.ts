import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Disk, groupFile, groupFolder, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, MemoryDisk, osError } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { deleteBelow } from '../../src/store/below.ts';
import { createFileObjectStore } from '../../src/store/file-object-store.ts';
import { createMemoryObjectStore } from '../../src/store/memory-object-store.ts';
import type { ObjectStore } from '../../src/store/ports.ts';

const text = (value: string) => Buffer.from(value);

async function versionOf(store: ObjectStore, key: string): Promise<string | undefined> {
  return (await store.getVersioned(key))?.version;
}

/** What every store must do; each adapter runs the same suite. */
function contract(name: string, withStore: (run: (store: ObjectStore) => Promise<void>) => Promise<void>): void {
  suite(`object store: ${name}`, () => {
    test('of many that create one key exactly one wins, and its bytes stay', () =>
      withStore(async (store) => {
        const writers = Array.from({ length: 8 }, (_, index) => text(`writer ${index}`));
        const wins = await Promise.all(writers.map((bytes) => store.createIfAbsent('t/log/1', bytes)));
        assert.equal(wins.filter(Boolean).length, 1);
        assert.deepEqual(await store.get('t/log/1'), writers[wins.findIndex(Boolean)]);
        assert.equal(await store.createIfAbsent('t/log/1', text('late')), undefined);
      }));

    test('of many that replace one version exactly one wins, and the others know', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a', text('first'));
        const { version } = (await store.getVersioned('t/a'))!;
        const writers = Array.from({ length: 8 }, (_, index) => text(`writer ${index}`));
        const wins = await Promise.all(writers.map((bytes) => store.replaceIfMatch('t/a', bytes, version)));
        assert.equal(wins.filter(Boolean).length, 1);
        const now = (await store.getVersioned('t/a'))!;
        assert.deepEqual(now.bytes, writers[wins.findIndex(Boolean)]);
        assert.notEqual(now.version, version);
        assert.deepEqual(
          [await store.isReplaced('t/a', version), await store.isReplaced('t/a', now.version)],
          [true, false],
        );
        assert.equal(await store.replaceIfMatch('t/a', text('late'), version), undefined);
        assert.ok(await store.replaceIfMatch('t/a', text('third'), now.version));
        assert.equal((await store.get('t/a'))?.toString(), 'third');
      }));

    test('an object that is moved is whole under its other key, and a move that is repeated changes nothing', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a', text('moved'));
        for (let round = 0; round < 2; round += 1) await store.move('t/a', 't/away/a');
        assert.deepEqual([await store.get('t/a'), await store.get('t/away/a')], [undefined, text('moved')]);
        await store.move('t/none', 't/away/none');
        assert.deepEqual(await store.list('t'), ['away/']);
      }));

    test('its time is that of the objects that are made then', () =>
      withStore(async (store) => {
        const beforeMs = await store.nowMs();
        await store.createIfAbsent('t/a', text('a'));
        const madeMs = (await store.stat('t/a'))!.modifiedAtMs;
        assert.ok(beforeMs <= madeMs && madeMs <= (await store.nowMs()));
        assert.deepEqual(await store.list('t'), ['a']);
      }));

    test('an object that was written over has another version by its figures too', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a', text('a'));
        const { version } = (await store.stat('t/a'))!;
        assert.equal((await store.stat('t/a'))?.version, version);
        await store.overwrite('t/a', text('b'));
        assert.notEqual((await store.stat('t/a'))?.version, version);
      }));

    test('the same bytes again are another version', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a', text('same'));
        const versions = new Set<string>();
        for (let round = 0; round < 5; round += 1) {
          const version = (await versionOf(store, 't/a'))!;
          versions.add(version);
          assert.ok(await store.replaceIfMatch('t/a', text('same'), version));
        }
        assert.equal(versions.size, 5);
      }));

    test('what is not there has no version and is not replaced', () =>
      withStore(async (store) => {
        assert.equal(await store.getVersioned('t/a'), undefined);
        assert.equal(await store.isReplaced('t/a', '1'), false);
        assert.equal(await store.replaceIfMatch('t/a', text('x'), '1'), undefined);
        assert.equal(await store.get('t/a'), undefined);
      }));

    test('overwrite replaces, get of nothing is undefined', () =>
      withStore(async (store) => {
        assert.equal(await store.get('t/a'), undefined);
        await store.overwrite('t/a', text('one'));
        await store.overwrite('t/a', text('two'));
        assert.equal((await store.get('t/a'))?.toString(), 'two');
      }));

    test('staged files become objects and are gone; a key that is taken is refused', () =>
      withStore(async (store) => {
        const staged = ['one', 'two'].map((name) => join(store.stagingFolder, name));
        for (const path of staged) writeFileSync(path, path.slice(-3));
        await store.createFromFiles(staged.map((path, index) => ({ key: `t/deep/${index}`, path })));
        assert.equal((await store.get('t/deep/1'))?.toString(), 'two');
        assert.deepEqual(await systemDisk.list(store.stagingFolder), []);
        writeFileSync(staged[0]!, 'other');
        await assert.rejects(store.createFromFiles([{ key: 't/deep/1', path: staged[0]! }]), { code: 'conflict' });
        assert.equal((await store.get('t/deep/1'))?.toString(), 'two');
      }));

    test('an object that is brought here is a file with its bytes', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a/b', text('bytes'));
        assert.equal((await systemDisk.readFile(await store.bringToLocal('t/a/b'))).toString(), 'bytes');
      }));

    test('ranges end with the object', () =>
      withStore(async (store) => {
        await store.overwrite('t/a', text('0123456789'));
        assert.equal((await store.getRange('t/a', 2, 3)).toString(), '234');
        assert.equal((await store.getRange('t/a', 8, 30)).toString(), '89');
        await assert.rejects(store.getRange('t/none', 0, 1), { code: 'not_found' });
      }));

    test('list names what lies directly below, sorted, and what goes on with a slash; stat gives the size', () =>
      withStore(async (store) => {
        for (const key of ['t/b', 't/a', 't/log/1', 't/log/2', 'tt/c']) await store.overwrite(key, text(key));
        assert.deepEqual(await store.list('t'), ['a', 'b', 'log/']);
        assert.deepEqual(await store.list('nothing'), []);
        assert.equal((await store.stat('t/log/1'))?.bytes, 7);
        assert.equal(await store.stat('t/log/3'), undefined);
      }));

    test('a replaced object is listed once, and goes with its versions', () =>
      withStore(async (store) => {
        await store.createIfAbsent('t/a', text('1'));
        await store.createIfAbsent('t/b', text('1'));
        await store.replaceIfMatch('t/a', text('2'), (await versionOf(store, 't/a'))!);
        assert.deepEqual(await store.list('t'), ['a', 'b']);
        await store.delete('t/a');
        assert.deepEqual(await store.list('t'), ['b']);
        assert.equal(await versionOf(store, 't/a'), undefined);
        assert.ok(await store.createIfAbsent('t/a', text('new')));
        assert.equal((await store.getVersioned('t/a'))?.bytes.toString(), 'new');
      }));

    test('delete takes one object, deleteBelow everything below, both again without harm', () =>
      withStore(async (store) => {
        for (const key of ['t/a', 't/log/1', 't/log/deep/2', 'u']) await store.overwrite(key, text(key));
        await store.delete('t/a');
        await store.delete('t/a');
        assert.equal(await store.get('t/a'), undefined);
        await deleteBelow(store, 't');
        await deleteBelow(store, 't');
        assert.deepEqual(await store.list('t'), []);
        assert.equal((await store.get('u'))?.toString(), 'u');
      }));

    test('keys that come and go below one prefix never hinder each other', () =>
      withStore(async (store) => {
        const steps = Array.from({ length: 60 }, (_, index) => index);
        await Promise.all(
          steps.map(async (index) => {
            const key = `t/${index % 3}/${index}`;
            assert.ok(await store.createIfAbsent(key, text(key)));
            if (index % 2 === 0) await store.delete(key);
          }),
        );
        for (const index of steps)
          assert.equal((await store.get(`t/${index % 3}/${index}`)) !== undefined, index % 2 === 1);
      }));
  });
}

contract('memory', async (run) => {
  using folder = createTemporaryFolder('objects');
  const store = createMemoryObjectStore({ disk: systemDisk, localFolder: folder.path });
  await systemDisk.createFolder(store.stagingFolder, groupFolder);
  await run(store);
});
contract('file system', async (run) => {
  using folder = createTemporaryFolder('objects');
  await run(await openFileStore(join(folder.path, 'data'), systemDisk));
});

async function openFileStore(root: string, disk: Disk, name = 'a'): Promise<ObjectStore> {
  const stagingFolder = join(root, 'staging', name);
  await disk.createFolder(stagingFolder, groupFolder);
  return createFileObjectStore({ root, disk, stagingFolder });
}

/** Names of the disk that are not where the store keeps what it is about to publish. */
async function namesOf(disk: Disk, folder: string): Promise<string[]> {
  return (await disk.list(folder)).filter((name) => name !== 'staging/');
}

test('a create that fails leaves no object and no staged file', async () => {
  const disk = new MemoryDisk();
  const store = await openFileStore('/data', disk);
  disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined);
  await assert.rejects(store.createIfAbsent('t/1', text('x')), { code: 'EIO' });
  disk.fault = (operation) => (operation === 'link' ? osError('ENOSPC') : undefined);
  await assert.rejects(store.createIfAbsent('t/1', text('x')), { code: 'ENOSPC' });
  disk.fault = () => undefined;
  assert.deepEqual([await namesOf(disk, '/data'), await disk.list('/data/staging/a')], [[], []]);
});

test('an object that was created or replaced is there after a crash', async () => {
  const disk = new MemoryDisk();
  const store = await openFileStore('/data', disk);
  assert.ok(await store.createIfAbsent('t/1', text('x')));
  assert.ok(await store.replaceIfMatch('t/1', text('y'), (await versionOf(store, 't/1'))!));
  disk.crash();
  const again = await openFileStore('/data', disk);
  assert.equal((await again.getVersioned('t/1'))?.bytes.toString(), 'y');
  assert.equal((await again.get('t/1'))?.toString(), 'y');
});

test('a replacement is made or not wherever its process dies, and the next one goes on from there', async () => {
  for (let diesAt = 1; diesAt <= 12; diesAt += 1) {
    const disk = new MemoryDisk();
    const store = await openFileStore('/data', disk);
    await store.createIfAbsent('t/1', text('old'));
    const before = (await versionOf(store, 't/1'))!;
    let operations = 0;
    disk.hang = () => {
      operations += 1;
      return operations >= diesAt;
    };
    const replaced = await Promise.race([
      store.replaceIfMatch('t/1', text('new'), before),
      new Promise<'died'>((resolve) => setImmediate(() => setImmediate(() => resolve('died')))),
    ]);
    disk.crash();
    const again = await openFileStore('/data', disk);
    const found = (await again.getVersioned('t/1'))!;
    if (replaced !== 'died') assert.equal(found.bytes.toString(), 'new', `lost, died at ${diesAt}`);
    assert.ok(await again.replaceIfMatch('t/1', text('next'), found.version));
    assert.equal((await again.getVersioned('t/1'))?.bytes.toString(), 'next');
    assert.equal(await again.replaceIfMatch('t/1', text('late'), before), undefined, `won twice, died at ${diesAt}`);
  }
});

test('a process that sleeps before it gives the new file the old name changes nothing when it wakes', async () => {
  using folder = createTemporaryFolder('objects');
  const root = join(folder.path, 'data');
  let wake = () => {};
  const asleep = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let isSleeping = (): void => {};
  const slept = new Promise<void>((resolve) => {
    isSleeping = resolve;
  });
  const slow = await openFileStore(
    root,
    {
      ...systemDisk,
      rename: async (from, to) => {
        isSleeping();
        await asleep;
        await systemDisk.rename(from, to);
      },
    },
    'slow',
  );
  const store = await openFileStore(root, systemDisk);
  await store.createIfAbsent('t/1', text('a'));
  const sleeping = slow.replaceIfMatch('t/1', text('b'), (await versionOf(store, 't/1'))!);
  await slept;
  const seen: string[] = [];
  for (const next of ['c', 'd']) {
    const found = (await store.getVersioned('t/1'))!;
    seen.push(found.bytes.toString());
    assert.ok(await store.replaceIfMatch('t/1', text(next), found.version));
  }
  wake();
  assert.ok(await sleeping);
  assert.deepEqual(seen, ['b', 'c']);
  assert.equal((await store.getVersioned('t/1'))?.bytes.toString(), 'd');
  assert.ok(await store.replaceIfMatch('t/1', text('e'), (await versionOf(store, 't/1'))!));
  assert.equal((await store.getVersioned('t/1'))?.bytes.toString(), 'e');
});

test('a counter that several processes increase by replacement counts every increase once', async () => {
  using folder = createTemporaryFolder('objects');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5), { minLength: 2, maxLength: 4 }), fc.uuid(), async (increases, name) => {
      const root = join(folder.path, name);
      const stores = await Promise.all(increases.map((_, index) => openFileStore(root, systemDisk, `p${index}`)));
      await stores[0]!.createIfAbsent('counter', text('0'));
      await Promise.all(
        stores.map(async (store, index) => {
          for (let done = 0; done < increases[index]!; ) {
            const { bytes, version } = (await store.getVersioned('counter'))!;
            const next = text(String(Number(bytes.toString()) + 1));
            if (await store.replaceIfMatch('counter', next, version)) done += 1;
          }
        }),
      );
      const total = increases.reduce((sum, count) => sum + count, 0);
      assert.equal((await stores[0]!.getVersioned('counter'))?.bytes.toString(), String(total));
    }),
    { numRuns: 20 },
  );
});

test('objects are for the group of the volume, and folders go with their last object', async () => {
  using folder = createTemporaryFolder('objects');
  const root = join(folder.path, 'data');
  const store = await openFileStore(root, systemDisk);
  await store.createIfAbsent('t/deep/1', text('x'));
  const disk = new MemoryDisk();
  await (await openFileStore('/data', disk)).createIfAbsent('t/1', text('x'));
  assert.equal(disk.modeOf('/data/t/1'), groupFile);
  await store.delete('t/deep/1');
  assert.deepEqual(await systemDisk.list(root), ['staging/']);
});

test('traces of replacements go when they are a week old, and the newest object stays the newest', async () => {
  const weekMs = 7 * 24 * 3_600_000;
  let nowMs = 1_000;
  const disk = new MemoryDisk(() => nowMs);
  const store = await openFileStore('/data', disk);
  await store.createIfAbsent('t/1', text('0'));
  for (let round = 1; round <= 5; round += 1) {
    nowMs += weekMs / 2;
    assert.ok(await store.replaceIfMatch('t/1', text(String(round)), (await versionOf(store, 't/1'))!));
  }
  // Three successors and two versions that were replaced are not older.
  assert.equal((await disk.list('/data/t/.1')).length, 5);
  assert.equal((await store.getVersioned('t/1'))?.bytes.toString(), '5');
});

test('an object whose folder was removed before its name was durable was created, and is deleted', async () => {
  using folder = createTemporaryFolder('objects');
  const root = join(folder.path, 'data');
  const other = await openFileStore(root, systemDisk, 'other');
  const store = await openFileStore(root, {
    ...systemDisk,
    syncFolder: async (path) => {
      if (path === join(root, 't')) await deleteBelow(other, 't');
      await systemDisk.syncFolder(path);
    },
  });
  assert.ok(await store.createIfAbsent('t/1', text('x')));
  await store.overwrite('t/2', text('x'));
  const path = join(store.stagingFolder, 'staged');
  writeFileSync(path, 'x');
  await store.createFromFiles([{ key: 't/3', path }]);
  assert.deepEqual(await store.list('t'), []);
});
