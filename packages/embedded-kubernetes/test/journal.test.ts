import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { configMaps, customResourceDefinitions, namespaces } from '@hybridstore/controller-runtime';
import { type Disk, isDiskFull, isErrno, isHybridStoreError, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, MemoryDisk, osError } from '@hybridstore/test-kit';
import { buildWidget, widgetDefinition, widgets } from '../../controller-runtime/test/kube/widget.ts';
import { EmbeddedApiServer } from '../src/api/api-server.ts';
import { Journal } from '../src/storage/journal.ts';

const configMap = (name: string, data = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

async function open(path: string, disk: Disk = systemDisk) {
  const { journal, records } = await Journal.open(disk, path);
  return {
    journal,
    records,
    server: new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock(), journal, records }),
  };
}

describe('journal of the embedded API server', () => {
  it('a restart finds objects, definitions and versions again, and goes on counting', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'deep', 'objects.ndjson');
    const first = await open(path);
    await first.server.apply(customResourceDefinitions, widgetDefinition);
    const widget = await first.server.apply(widgets, buildWidget('kept'));
    await first.server.create(configMaps, configMap('dropped'));
    await first.server.delete(configMaps, { namespace: 'default', name: 'dropped' });
    await first.journal.close();

    const second = await open(path);
    assert.deepEqual(await second.server.get(widgets, { namespace: 'default', name: 'kept' }), widget);
    assert.equal((await second.server.list(configMaps)).items.length, 0);
    const again = await second.server.apply(widgets, buildWidget('kept'));
    assert.equal(again.metadata.resourceVersion, widget.metadata.resourceVersion);
    const next = await second.server.create(configMaps, configMap('next'));
    assert.ok(
      Number(next.metadata.resourceVersion) > second.records.reduce((max, record) => Math.max(max, record.revision), 0),
    );
    await second.journal.close();
  });

  it('the counter never goes back, even when the last write was a deletion', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    await first.server.create(configMaps, configMap('gone'));
    await first.server.delete(configMaps, { namespace: 'default', name: 'gone' });
    const { revision } = first.server.store;
    await first.journal.close();
    for (let restart = 0; restart < 2; restart += 1) {
      const again = await open(path);
      assert.equal(again.server.store.revision, revision);
      await again.journal.close();
    }
  });

  it('a watch from before the restart has to list again', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    const created = await first.server.create(configMaps, configMap('a'));
    await first.server.create(configMaps, configMap('b'));
    await first.journal.close();
    const second = await open(path);
    const watch = second.server.watch(configMaps, { resourceVersion: created.metadata.resourceVersion });
    assert.throws(
      () => watch[Symbol.asyncIterator](),
      (error) => isHybridStoreError(error, 'gone'),
    );
    await second.journal.close();
  });

  it('a torn last line is dropped and what stands before it survives', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    await first.server.create(configMaps, configMap('whole'));
    await first.journal.close();
    appendFileSync(path, '{"revision":99,"collection":"v1/configmaps","key":"default/to');
    const second = await open(path);
    assert.deepEqual(
      (await second.server.list(configMaps)).items.map((item) => item.metadata.name),
      ['whole'],
    );
    await second.server.create(configMaps, configMap('after'));
    await second.journal.close();
    const third = await open(path);
    assert.equal((await third.server.list(configMaps)).items.length, 2);
    await third.journal.close();
  });

  it('rot in the middle is refused, naming the line', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    await first.server.create(configMaps, configMap('a'));
    await first.journal.close();
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, [lines[0], 'rot', ...lines.slice(1)].join('\n'));
    await assert.rejects(
      Journal.open(systemDisk, path),
      (error) => isHybridStoreError(error, 'corrupt') && error.message.includes(':2:'),
    );
  });

  it('is for the eyes of its own user alone, as it holds Secrets', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'deep', 'objects.ndjson');
    const { journal, server } = await open(path);
    await server.create(configMaps, configMap('a'));
    await journal.close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  });

  it('an answered write is on disk', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    await Promise.all(Array.from({ length: 50 }, (_, i) => first.server.create(configMaps, configMap(`c${i}`))));
    assert.equal(readFileSync(path, 'utf8').match(/"v1\/configmaps"/g)?.length, 50);
    await first.journal.close();
  });

  it('the file is rewritten when dead records outnumber live ones', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const { journal } = await Journal.open(systemDisk, path);
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', uid: 'u', resourceVersion: '1' } };
    for (let revision = 1; revision <= 20_002; revision += 1)
      journal.append({ revision, collection: 'c', key: 'a', object });
    await journal.flushed();
    journal.append({ revision: 20_003, collection: 'c', key: 'a', object });
    await journal.flushed();
    await journal.close();
    assert.ok(readFileSync(path, 'utf8').split('\n').length < 10);
  });

  it('the deletion of a namespace that a restart cut short goes on', async () => {
    using folder = createTemporaryFolder();
    const path = join(folder.path, 'objects.ndjson');
    const first = await open(path);
    await first.server.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    const held = { ...configMap('held'), metadata: { name: 'held', namespace: 'team', finalizers: ['x/hold'] } };
    await first.server.create(configMaps, held);
    await first.server.delete(namespaces, { name: 'team' });
    await first.journal.close();
    const second = await open(path);
    assert.equal((await second.server.get(namespaces, { name: 'team' })).status?.phase, 'Terminating');
    await assert.rejects(
      second.server.create(configMaps, { ...configMap('late'), metadata: { name: 'late', namespace: 'team' } }),
      (error) => isHybridStoreError(error, 'forbidden'),
    );
    await second.server.mergePatch(configMaps, { namespace: 'team', name: 'held' }, { metadata: { finalizers: null } });
    await assert.rejects(second.server.get(namespaces, { name: 'team' }), (error) =>
      isHybridStoreError(error, 'not_found'),
    );
    await second.journal.close();
  });
});

describe('journal of the embedded API server on a faulty disk', () => {
  const path = '/data/objects.ndjson';
  const hasCode = (code: string) => (error: unknown) => isErrno(error, code);
  const namesIn = async (disk: MemoryDisk) => {
    const { journal, server } = await open(path, disk);
    const { items } = await server.list(configMaps);
    await journal.close();
    return items.map((item) => item.metadata.name);
  };

  it('an answered write survives the crash, and a torn one is dropped without what stands before it', async () => {
    for (const tear of [0, 0.3, 0.9]) {
      const disk = new MemoryDisk();
      const { server } = await open(path, disk);
      await server.create(configMaps, configMap('answered'));
      disk.hang = (operation) => operation === 'datasync';
      void server.create(configMaps, configMap('torn'));
      await new Promise((resolve) => setImmediate(resolve));
      disk.crash(() => tear);
      assert.deepEqual(await namesIn(disk), ['answered'], `${tear} of the last line`);
    }
  });

  it('after a failed sync nothing is answered any more, and a restart finds what was answered', async () => {
    const disk = new MemoryDisk();
    const { server } = await open(path, disk);
    await server.create(configMaps, configMap('answered'));
    disk.fault = (operation) => (operation === 'datasync' ? osError('EIO') : undefined);
    await assert.rejects(server.create(configMaps, configMap('failed')), hasCode('EIO'));
    disk.fault = () => undefined;
    // The kernel takes the failed bytes for clean: only a new process that reads them again knows what is there.
    await assert.rejects(server.create(configMaps, configMap('later')), hasCode('EIO'));
    disk.crash();
    assert.deepEqual(await namesIn(disk), ['answered']);
  });

  it('a full disk fails the write, and leaves a journal that a restart reads', async () => {
    const disk = new MemoryDisk();
    const { server } = await open(path, disk);
    await server.create(configMaps, configMap('answered'));
    disk.capacityBytes = disk.usedBytes + 20;
    await assert.rejects(server.create(configMaps, configMap('failed')), isDiskFull);
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    disk.kill();
    assert.deepEqual(await namesIn(disk), ['answered']);
  });

  it('a crash at any step of the rewrite at start loses nothing and leaves no file beside', async () => {
    const steps = ['open', 'write', 'datasync', 'rename', 'syncFolder'] as const;
    for (const step of steps) {
      const disk = new MemoryDisk();
      const first = await open(path, disk);
      await first.server.create(configMaps, configMap('answered'));
      await first.journal.close();
      disk.fault = (operation, where) =>
        operation === step && (step !== 'open' || where !== path) ? osError('EIO') : undefined;
      await assert.rejects(open(path, disk), hasCode('EIO'), step);
      disk.fault = () => undefined;
      disk.crash();
      assert.deepEqual(await namesIn(disk), ['answered'], step);
      assert.deepEqual(await disk.list('/data'), ['objects.head', 'objects.ndjson'], step);
    }
  });
});
