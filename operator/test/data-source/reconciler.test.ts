import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import { dataSources, tenants } from '../../src/resources/custom-resources.ts';
import { acme, BenchCluster, conditionOf } from '../bench-cluster.ts';

const orders = { namespace: 'default', name: 'orders' };
const typed = {
  schema: {
    columns: [
      { name: 'id', type: 'bigint', nullable: false },
      { name: 'day', type: 'datetime64[ns]' },
      { name: 'note', type: 'text', collation: 'nocase' },
    ],
  },
  partitionColumns: ['day'],
  primaryKey: ['id'],
  displayName: 'Orders',
};

async function startWithTenant(): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 1 });
  await cluster.settle();
  return cluster;
}

describe('a DataSource', () => {
  it('is declared to the nodes and the catalog in their words', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource(typed);
    await cluster.sources.reconcile(orders);
    assert.deepEqual(cluster.nodes.sources.get('orders'), {
      source_id: 'orders',
      name: 'Orders',
      columns: [
        { name: 'id', type: 'bigint', nullable: false },
        { name: 'day', type: 'datetime64[ns]', nullable: true },
        { name: 'note', type: 'text', nullable: true, collation: 'nocase' },
      ],
      partition_columns: ['day'],
      primary_key: ['id'],
      compression: 'snappy',
      max_file_size_mb: 256,
      wal_enabled: true,
      schema_evolution: 'Additive',
    });
    assert.deepEqual(cluster.catalog.sources.get('orders'), cluster.nodes.sources.get('orders'));
  });

  it('shows the figures of its table', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource(typed);
    await cluster.sources.reconcile(orders);
    const source = await cluster.api.get(dataSources, orders);
    assert.equal(conditionOf(source, 'Ready'), 'True/Registered');
    const { conditions: _conditions, ...figures } = source.status ?? {};
    assert.deepEqual(figures, {
      observedGeneration: 1,
      schemaVersion: 1,
      tableVersion: 4,
      rows: 3,
      bytes: 300,
      files: 1,
      unflushedRows: 2,
      lastCommitTime: '2023-11-14T22:00:00.000Z',
      lastCompactionTime: '2023-11-14T21:00:00.000Z',
    });
  });

  it('says that its rows are not flushed, until they are', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource(typed);
    cluster.nodes.flushFailing = 'rows of source orders are not flushed, after 2 tries: the data volume is full';
    await cluster.sources.reconcile(orders);
    const source = await cluster.api.get(dataSources, orders);
    assert.deepEqual(
      [conditionOf(source, 'Ready'), conditionOf(source, 'Degraded')],
      ['True/Registered', 'True/FlushFailing'],
    );
    cluster.nodes.flushFailing = undefined;
    await cluster.sources.reconcile(orders);
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Degraded'), 'False/AsExpected');
  });

  it('causes neither writes nor declarations when nothing has changed', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource(typed);
    await cluster.sources.reconcile(orders);
    cluster.writes.length = 0;
    cluster.nodes.calls.length = 0;
    for (let count = 0; count < 3; count += 1) await cluster.sources.reconcile(orders);
    assert.deepEqual([cluster.writes, cluster.nodes.calls], [[], []]);
  });

  it('is declared again when a catalog was set up anew or a table was dropped', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.sources.reconcile(orders);
    cluster.catalog.sources.clear();
    await cluster.sources.reconcile(orders);
    assert.equal(cluster.catalog.sources.has('orders'), true);
    cluster.nodes.sources.clear();
    await cluster.sources.reconcile(orders);
    assert.equal(cluster.nodes.sources.has('orders'), true);
  });

  it('waits for its tenant, and for a node of it', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applySource();
    assert.equal((await cluster.sources.reconcile(orders)).kind, 'wait');
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Ready'), 'False/TenantNotFound');
    await cluster.applyTenant();
    await cluster.sources.reconcile(orders);
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Ready'), 'False/TenantNotReady');
    assert.deepEqual(cluster.nodes.calls, []);
  });

  it('yields to the older object that declares the same source', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.clock.advance(2_000);
    await cluster.applySource({}, 'copy');
    await cluster.sources.reconcile({ namespace: 'default', name: 'copy' });
    const copy = await cluster.api.get(dataSources, { namespace: 'default', name: 'copy' });
    assert.equal(conditionOf(copy, 'Degraded'), 'True/DuplicateSource');
    assert.deepEqual(cluster.nodes.calls, []);
  });

  it('says what the nodes refuse', async () => {
    const cluster = await startWithTenant();
    cluster.nodes.refusal = new HybridStoreError('conflict', 'column day cannot change its type');
    await cluster.applySource(typed);
    await assert.rejects(cluster.sources.reconcile(orders), { code: 'conflict' });
    const source = await cluster.api.get(dataSources, orders);
    assert.equal(conditionOf(source, 'Degraded'), 'True/Refused');
    assert.equal(source.status?.conditions?.[0]?.message, 'column day cannot change its type');
  });

  it('stays ready beside a damaged file, which its condition names until it is whole again', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    cluster.nodes.damaged = ['hs-6a1f0000-01.parquet'];
    await cluster.sources.reconcile(orders);
    const source = await cluster.api.get(dataSources, orders);
    assert.deepEqual(
      [conditionOf(source, 'Ready'), conditionOf(source, 'Degraded')],
      ['True/Registered', 'True/Corrupt'],
    );
    const degraded = source.status?.conditions?.find(({ type }) => type === 'Degraded');
    assert.equal(degraded?.message, 'not what was written: hs-6a1f0000-01.parquet');
    cluster.nodes.damaged = [];
    await cluster.sources.reconcile(orders);
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Degraded'), 'False/AsExpected');
  });

  it('says when it is parted into a thousand values, and no earlier', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    for (const [partitions, expected] of [
      [999, 'False/AsExpected'],
      [1_000, 'True/TooManyPartitions'],
    ] as const) {
      cluster.nodes.partitions = partitions;
      await cluster.sources.reconcile(orders);
      const source = await cluster.api.get(dataSources, orders);
      assert.deepEqual([conditionOf(source, 'Ready'), conditionOf(source, 'Degraded')], ['True/Registered', expected]);
    }
  });

  it('is not ready when its table cannot be read, and says which object is damaged', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.sources.reconcile(orders);
    cluster.nodes.unreadable = new HybridStoreError('corrupt', 'tables/orders/table.json is not what was written');
    await assert.rejects(cluster.sources.reconcile(orders), { code: 'corrupt' });
    const source = await cluster.api.get(dataSources, orders);
    assert.deepEqual(
      [conditionOf(source, 'Ready'), conditionOf(source, 'Degraded')],
      ['False/Corrupt', 'True/Corrupt'],
    );
    assert.equal(source.status?.conditions?.[0]?.message, 'tables/orders/table.json is not what was written');
  });

  it('stays Ready while the catalog is away', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.sources.reconcile(orders);
    cluster.catalog.isAway = true;
    await assert.rejects(cluster.sources.reconcile(orders), { code: 'unavailable' });
    assert.equal(conditionOf(await cluster.api.get(dataSources, orders), 'Ready'), 'True/Registered');
  });

  it('leaves its table behind when it is deleted, and the catalog forgets it', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.sources.reconcile(orders);
    await cluster.api.delete(dataSources, orders);
    await cluster.sources.reconcile(orders);
    assert.equal(await getOrNothing(cluster.api, dataSources, orders), undefined);
    assert.deepEqual([cluster.nodes.sources.has('orders'), cluster.catalog.sources.has('orders')], [true, false]);
    assert.equal(cluster.events.at(-1)?.reason, 'TableRetained');
  });

  it('takes its table along where it says Delete', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource({ deletionPolicy: 'Delete' });
    await cluster.sources.reconcile(orders);
    await cluster.api.delete(dataSources, orders);
    await cluster.sources.reconcile(orders);
    assert.deepEqual([cluster.nodes.sources.has('orders'), cluster.catalog.sources.has('orders')], [false, false]);
    assert.equal(cluster.events.at(-1)?.reason, 'TableDeleted');
  });

  it('goes when its tenant is gone, without asking nodes that are no more', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource({ deletionPolicy: 'Delete' });
    await cluster.sources.reconcile(orders);
    await cluster.api.delete(tenants, acme);
    await cluster.settle();
    cluster.nodes.calls.length = 0;
    await cluster.api.delete(dataSources, orders);
    await cluster.sources.reconcile(orders);
    assert.equal(await getOrNothing(cluster.api, dataSources, orders), undefined);
    assert.deepEqual(cluster.nodes.calls, []);
  });
});
