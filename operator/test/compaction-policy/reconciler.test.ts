import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getOrNothing } from '@hybridstore/controller-runtime';
import { compactionPolicies } from '../../src/resources/custom-resources.ts';
import { BenchCluster, conditionOf } from '../bench-cluster.ts';

const hourly = { namespace: 'default', name: 'hourly' };

async function startWithTenant(): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 1 });
  await cluster.settle();
  return cluster;
}

describe('a CompactionPolicy', () => {
  it('is active in the catalog and shows its last run', async () => {
    const cluster = await startWithTenant();
    await cluster.applyPolicy({ window: '0 2 * * *' });
    await cluster.policies.reconcile(hourly);
    assert.deepEqual(cluster.catalog.policies.get('default/hourly'), {
      policy_id: 'default/hourly',
      tenant_id: 'default/acme',
      enabled: true,
      interval_minutes: 60,
      min_file_size_mb: 50,
      max_file_size_mb: 512,
      window: '0 2 * * *',
      max_concurrent: 1,
      retain_snapshots_hours: 24,
    });
    const policy = await cluster.api.get(compactionPolicies, hourly);
    assert.equal(conditionOf(policy, 'Ready'), 'True/Active');
    assert.equal(policy.status?.lastRunTime, '2023-11-14T22:00:00.000Z');
    const sums = { filesBefore: 10, filesAfter: 2, bytesBefore: 1_000, bytesAfter: 900, failed: 0 };
    assert.deepEqual(policy.status?.lastResult, sums);
  });

  it('covers the sources that wear its labels, also those that come later', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource({ sourceId: 'hot_b' }, 'b', { tier: 'hot' });
    await cluster.applySource({ sourceId: 'cold' }, 'c', { tier: 'cold' });
    await cluster.applyPolicy({ sourceSelector: { matchLabels: { tier: 'hot' } } });
    await cluster.policies.reconcile(hourly);
    assert.deepEqual(cluster.catalog.policies.get('default/hourly')?.source_ids, ['hot_b']);
    await cluster.applySource({ sourceId: 'hot_a' }, 'a', { tier: 'hot' });
    await cluster.policies.reconcile(hourly);
    assert.deepEqual(cluster.catalog.policies.get('default/hourly')?.source_ids, ['hot_a', 'hot_b']);
  });

  it('compacts nothing, rather than everything, when its labels cover no source', async () => {
    const cluster = await startWithTenant();
    await cluster.applySource();
    await cluster.applyPolicy({ sourceSelector: { matchLabels: { tier: 'hot' } } });
    await cluster.policies.reconcile(hourly);
    const declared = cluster.catalog.policies.get('default/hourly');
    assert.deepEqual([declared?.enabled, declared?.source_ids], [false, undefined]);
    const policy = await cluster.api.get(compactionPolicies, hourly);
    assert.equal(conditionOf(policy, 'Ready'), 'True/NoMatchingSources');
  });

  it('causes neither writes nor declarations when nothing has changed', async () => {
    const cluster = await startWithTenant();
    await cluster.applyPolicy();
    await cluster.policies.reconcile(hourly);
    const { puts } = cluster.catalog;
    cluster.writes.length = 0;
    for (let count = 0; count < 3; count += 1) await cluster.policies.reconcile(hourly);
    assert.deepEqual([cluster.writes, cluster.catalog.puts], [[], puts]);
  });

  it('is declared again to a catalog that was set up anew', async () => {
    const cluster = await startWithTenant();
    await cluster.applyPolicy();
    await cluster.policies.reconcile(hourly);
    cluster.catalog.policies.clear();
    await cluster.policies.reconcile(hourly);
    assert.equal(cluster.catalog.policies.has('default/hourly'), true);
  });

  it('waits for its tenant', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyPolicy();
    assert.equal((await cluster.policies.reconcile(hourly)).kind, 'wait');
    const policy = await cluster.api.get(compactionPolicies, hourly);
    assert.equal(conditionOf(policy, 'Ready'), 'False/TenantNotFound');
  });

  it('ends in the catalog before it is gone', async () => {
    const cluster = await startWithTenant();
    await cluster.applyPolicy();
    await cluster.policies.reconcile(hourly);
    await cluster.api.delete(compactionPolicies, hourly);
    cluster.catalog.isAway = true;
    await assert.rejects(cluster.policies.reconcile(hourly), { code: 'unavailable' });
    assert.equal((await cluster.api.get(compactionPolicies, hourly)).metadata.name, 'hourly');
    cluster.catalog.isAway = false;
    await cluster.policies.reconcile(hourly);
    assert.equal(await getOrNothing(cluster.api, compactionPolicies, hourly), undefined);
    assert.equal(cluster.catalog.policies.size, 0);
  });
});
