import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { chooseImage } from '../../src/resources/stateful-set.ts';
import { buildTargets } from '../../src/shared-services/desired-state.ts';
import { buildTenantSet, tenantInput } from './tenant-set.ts';

const place = { namespace: 'hybridstore-system' };
const settings = parsePlatformSettings('', place);

function variable(name: string, more = {}): string | undefined {
  const [container] = buildTenantSet(settings, more).spec?.template.spec.containers ?? [];
  return container?.env?.find((each) => each.name === name)?.value;
}

test('nodes run the image of the operator, another version of it, or their own', () => {
  const images = [
    ['registry:5000/team/services:1.0.0', {}, 'registry:5000/team/services:1.0.0'],
    ['registry:5000/team/services:1.0.0', { version: '2.0.0' }, 'registry:5000/team/services:2.0.0'],
    ['registry:5000/team/services', { version: '2.0.0' }, 'registry:5000/team/services:2.0.0'],
    ['services@sha256:abc', { version: '2.0.0' }, 'services:2.0.0'],
    ['services:1.0.0', { image: 'other/image@sha256:def' }, 'other/image@sha256:def'],
  ] as const;
  for (const [image, more, expected] of images) {
    const chosen = chooseImage(
      tenantInput(settings, undefined, more).spec,
      parsePlatformSettings('', { ...place, image }),
    );
    assert.equal(chosen, expected);
  }
});

test('the executor gets half of the memory, or what the tenant says', () => {
  assert.equal(variable('DUCKDB_MEMORY_LIMIT'), '1024MiB');
  const resources = { requests: { cpu: 1, memory: '128Mi' }, limits: { memory: '100Mi' } };
  assert.equal(variable('DUCKDB_MEMORY_LIMIT', { resources }), '64MiB');
  const limits = { maxConcurrentSearches: 1, statementTimeoutSeconds: 1, resultBytesMax: 1_024, memory: '1.5Gi' };
  assert.equal(variable('DUCKDB_MEMORY_LIMIT', { limits }), '1536MiB');
});

test('a node signs as its own tenant and finds the others by its own name', () => {
  assert.equal(variable('SERVICE_ISSUER'), 'tenant-node.default.acme');
  assert.equal(variable('NODE_URL'), 'http://{pod}.hsn-acme.default.svc:8000');
});

test('the order of variables does not depend on who names them first', () => {
  const [container] = buildTenantSet(settings).spec?.template.spec.containers ?? [];
  const named = (container?.env ?? [])
    .filter((each) => each.value !== undefined)
    .map((each) => each.name)
    .slice(3);
  assert.deepEqual(named, [...named].sort());
});

test('a pod is asked on its probe port, and shows its metrics where the platform says', () => {
  const { template } = buildTenantSet(settings).spec ?? assert.fail('no spec');
  const [container] = template.spec.containers;
  for (const probe of [container?.startupProbe, container?.livenessProbe, container?.readinessProbe])
    assert.equal(probe?.httpGet?.port, 'probe');
  assert.deepEqual(
    container?.ports?.map(({ name, containerPort }) => [name, containerPort]),
    [
      ['http', 8000],
      ['probe', 9800],
    ],
  );
  assert.deepEqual([variable('PROBE_PORT'), variable('METRICS_PORT')], ['9800', undefined]);
  assert.equal(template.metadata?.annotations?.['prometheus.io/port'], '8000');
  const moved = parsePlatformSettings('network: {metricsPort: 9801}', place);
  const other = buildTenantSet(moved).spec?.template ?? assert.fail('no spec');
  assert.equal(other.metadata?.annotations?.['prometheus.io/port'], '9801');
  assert.deepEqual(other.spec.containers[0]?.ports?.at(-1), { name: 'metrics', containerPort: 9801, protocol: 'TCP' });
  assert.equal(other.spec.containers[0]?.env?.find(({ name }) => name === 'METRICS_PORT')?.value, '9801');
});

test('monitoring finds metrics where they are', () => {
  const [gateway] = buildTargets(settings, []);
  assert.deepEqual(gateway, {
    service: 'auth-gateway',
    instance: 'auth-gateway',
    url: 'http://auth-gateway.hybridstore-system.svc:8080',
  });
  const [moved] = buildTargets(parsePlatformSettings('network: {metricsPort: 9801}', place), []);
  assert.deepEqual(moved, { ...gateway, metrics_url: 'http://auth-gateway.hybridstore-system.svc:9801' });
});
