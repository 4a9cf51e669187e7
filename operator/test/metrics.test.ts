import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from '@hybridstore/runtime';
import { createOperatorMetrics } from '../src/metrics.ts';
import { emptyMemory } from '../src/scaling/stabilize.ts';

describe('the metrics of decisions', () => {
  const decision = { target: 4, desired: 4, message: '', isActive: true, measured: {}, memory: emptyMemory } as const;

  it('count by reason, and name the wanted nodes of each tenant as long as it is there', async () => {
    const registry = createMetrics('operator-test');
    const metrics = createOperatorMetrics(registry);
    const grown = { ...decision, reason: 'AboveThreshold' } as const;
    for (const tenant of ['default/acme', 'default/globex']) {
      metrics.noteDecision(grown);
      metrics.noteSize(tenant, grown);
    }
    metrics.forgetTenant('default/acme');
    metrics.noteUnready(['monitoring']);
    const text = await registry.metrics();
    assert.doesNotMatch(text, /acme/);
    assert.match(text, /hybridstore_tenant_wanted_nodes\{tenant="default\/globex",service="operator-test"\} 4/);
    assert.match(text, /hybridstore_scaling_decisions_total\{reason="AboveThreshold",service="operator-test"\} 2/);
    assert.match(text, /hybridstore_shared_services_unready\{service="operator-test"\} 1/);
  });

  it('say which tenants ask for more than they may have, and nothing of those that are not scaled', async () => {
    const registry = createMetrics('operator-test');
    const metrics = createOperatorMetrics(registry);
    const read = async () =>
      [...(await registry.metrics()).matchAll(/^hybridstore_tenant_at_max_replicas\{tenant="(\w+)".*\} (\d)$/gm)].map(
        ([, tenant, value]) => [tenant, value],
      );
    metrics.noteSize('busy', { ...decision, reason: 'AtMaximum' });
    metrics.noteSize('idle', { ...decision, reason: 'WithinThresholds' });
    metrics.noteSize('off', { ...decision, reason: 'AtMaximum' });
    metrics.noteSize('off', undefined);
    assert.deepEqual(await read(), [
      ['busy', '1'],
      ['idle', '0'],
    ]);
    metrics.noteSize('busy', { ...decision, reason: 'BelowThreshold' });
    assert.deepEqual(await read(), [
      ['busy', '0'],
      ['idle', '0'],
    ]);
  });

  it('say which tenants wait for their turn to follow the platform', async () => {
    const registry = createMetrics('operator-test');
    const metrics = createOperatorMetrics(registry);
    metrics.noteQueued('waits', true);
    metrics.noteQueued('done', true);
    metrics.noteQueued('done', false);
    metrics.noteQueued('gone', true);
    metrics.forgetTenant('gone');
    const found = [
      ...(await registry.metrics()).matchAll(/^hybridstore_tenant_rollout_queued\{tenant="(\w+)".*\} (\d)$/gm),
    ].map(([, tenant, value]) => [tenant, value]);
    assert.deepEqual(found, [
      ['waits', '1'],
      ['done', '0'],
    ]);
  });
});
