import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildDeployment, keepsState } from '../../src/resources/deployment.ts';
import { sharedServiceNames } from '../../src/resources/names.ts';
import { buildSharedDisruptionBudget } from '../../src/resources/pod-disruption-budget.ts';

const settingsOf = (text: string) => parsePlatformSettings(text, { namespace: 'hybridstore-system' });

test('a service without state has two replicas, on two machines where there are two, and is replaced without a gap', () => {
  const settings = settingsOf('');
  for (const name of sharedServiceNames.filter((one) => !keepsState(one))) {
    const { spec } = buildDeployment(name, settings, []);
    assert.equal(spec?.replicas, 2, name);
    assert.deepEqual(spec?.strategy, { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
    const [spread] = spec?.template.spec.topologySpreadConstraints ?? [];
    assert.deepEqual(
      [spread?.topologyKey, spread?.maxSkew, spread?.labelSelector?.matchLabels],
      ['kubernetes.io/hostname', 1, spec?.selector.matchLabels],
    );
  }
});

test('of several replicas at most one is away by choice, and a single one keeps no machine from being emptied', () => {
  const settings = settingsOf('services: {cbo-engine: {replicas: 1}, query-interpreter: {replicas: 3}}');
  const budgets = sharedServiceNames.map((name) => [name, buildSharedDisruptionBudget(name, settings, [])] as const);
  const bounded = budgets.flatMap(([name, budget]) => (budget ? [[name, budget.spec?.maxUnavailable]] : []));
  assert.deepEqual(Object.fromEntries(bounded), { 'operation-node': 1, 'query-interpreter': 1 });
  const [, budget] = budgets.find(([name]) => name === 'operation-node') ?? [];
  assert.deepEqual(budget?.spec?.selector, buildDeployment('operation-node', settings, []).spec?.selector);
});
