import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from '@hybridstore/runtime';
import { createOperatorMetrics } from '../src/metrics.ts';
import { emptyMemory } from '../src/scaling/stabilize.ts';

describe('the metrics of decisions', () => {
  it('count by reason, and name the wanted nodes of each tenant as long as it is there', async () => {
    const registry = createMetrics('operator-test');
    const metrics = createOperatorMetrics(registry);
    const decision = { target: 4, desired: 4, reason: 'AboveThreshold', message: '', isActive: true } as const;
    for (const tenant of ['default/acme', 'default/globex'])
      metrics.noteDecision(tenant, { ...decision, measured: {}, memory: emptyMemory });
    metrics.forgetTenant('default/acme');
    metrics.noteUnready(['monitoring']);
    const text = await registry.metrics();
    assert.doesNotMatch(text, /acme/);
    assert.match(text, /hybridstore_tenant_wanted_nodes\{tenant="default\/globex",service="operator-test"\} 4/);
    assert.match(text, /hybridstore_scaling_decisions_total\{reason="AboveThreshold",service="operator-test"\} 2/);
    assert.match(text, /hybridstore_shared_services_unready\{service="operator-test"\} 1/);
  });
});
