import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { PodSpec } from '@hybridstore/controller-runtime';
import { Environment } from '@marcbachmann/cel-js';
import { parseAllDocuments } from 'yaml';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { buildDeployment } from '../../src/resources/deployment.ts';
import { sharedServiceNames } from '../../src/resources/names.ts';
import type { PlatformSettings } from '../../src/resources/settings.ts';
import { buildTenantSet } from './tenant-set.ts';

/*
 * The rules of OpenShift's restricted constraints over the pods that the operator makes, by the file that the cluster suite
 * gives to a real API server.
 */

type Rule = { readonly expression: string; readonly message: string };
type Policy = { readonly spec: { readonly validations?: readonly Rule[] } };

const file = new URL('../../../tests/cluster/openshift-restricted.yaml', import.meta.url);
const [policy] = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Policy);
const environment = new Environment({ unlistedVariablesAreDyn: true });
const rules = (policy?.spec.validations ?? []).map(({ expression, message }) => ({
  message,
  holds: environment.parse(expression),
}));

/** Messages of the rules that a pod breaks. */
function findRefusals(spec: PodSpec): readonly string[] {
  const object = toCel({ spec });
  return rules.filter(({ holds }) => holds({ object }) !== true).map(({ message }) => message);
}

/** Whole numbers of CEL are bigint. */
function toCel(value: unknown): unknown {
  if (typeof value === 'number') return BigInt(value);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, toCel(field)]));
}

const place = { namespace: 'hybridstore-system' };
const unassigned = parsePlatformSettings('podSecurity: {assignIds: false}', place);

function podsOf(settings: PlatformSettings): readonly PodSpec[] {
  const services = sharedServiceNames.map((name) => buildDeployment(name, settings, []).spec?.template.spec);
  return [...services, buildTenantSet(settings).spec?.template.spec].map((pod) => pod ?? assert.fail('no pod'));
}

test('OpenShift takes every pod that leaves its users and groups to the cluster', () => {
  assert.ok(rules.length > 5);
  for (const pod of podsOf(unassigned)) {
    assert.deepEqual(findRefusals(pod), []);
    assert.deepEqual(Object.keys(pod.securityContext ?? {}).sort(), [
      'fsGroupChangePolicy',
      'runAsNonRoot',
      'seccompProfile',
    ]);
  }
});

test('OpenShift refuses every pod that names its own', () => {
  for (const pod of podsOf(parsePlatformSettings('', place))) {
    const refusals = findRefusals(pod);
    assert.deepEqual(
      refusals.map((message) => message.split(':')[0]),
      ['securityContext.runAsUser', 'securityContext.fsGroup'],
    );
  }
});

test('one Tenant, or one service, leaves its users and groups to the cluster by an empty securityContext', () => {
  const podTemplate = { spec: { securityContext: {} } };
  const tenant = buildTenantSet(parsePlatformSettings('', place), { podTemplate }).spec?.template.spec;
  assert.deepEqual(findRefusals(tenant ?? assert.fail('no pod')), []);
  const text = JSON.stringify({ services: { monitoring: { podTemplate } } });
  const service = buildDeployment('monitoring', parsePlatformSettings(text, place), []).spec?.template.spec;
  assert.deepEqual(findRefusals(service ?? assert.fail('no pod')), []);
});

test('a Tenant names users and groups of the range where the cluster assigns them', () => {
  const inRange = { spec: { securityContext: { runAsUser: 1_000_650_000, fsGroup: 1_000_650_000 } } };
  const pod = buildTenantSet(unassigned, { podTemplate: inRange }).spec?.template.spec ?? assert.fail('no pod');
  assert.deepEqual(findRefusals(pod), []);
  assert.equal(pod.securityContext?.runAsUser, 1_000_650_000);
});

test('each rule of the policy is broken by a pod that is made for it', () => {
  const pod = podsOf(unassigned)[0] ?? assert.fail('no pod');
  const [container = assert.fail('no container')] = pod.containers;
  const withContext = (more: object): PodSpec => ({
    ...pod,
    containers: [{ ...container, securityContext: { ...container.securityContext, ...more } }],
  });
  const inPod = (more: object): PodSpec => ({ ...pod, securityContext: { ...pod.securityContext, ...more } });
  const broken: readonly PodSpec[] = [
    inPod({ runAsUser: 1_000 }),
    inPod({ fsGroup: 1_000 }),
    withContext({ runAsUser: 1_000 }),
    inPod({ seLinuxOptions: { level: 's0' } }),
    inPod({ seccompProfile: { type: 'Unconfined' } }),
    withContext({ allowPrivilegeEscalation: true }),
    withContext({ privileged: true }),
    withContext({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
    { ...pod, hostNetwork: true },
    { ...pod, containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 80 }] }] },
    { ...pod, volumes: [{ name: 'host', hostPath: { path: '/' } }] },
  ];
  assert.deepEqual(
    broken.map(findRefusals),
    rules.map(({ message }) => [message]),
  );
});
