import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PodTemplate, reservedNodeVariables } from '@hybridstore/contracts';
import type { PodSpec, StatefulSet } from '@hybridstore/controller-runtime';
import { processVariables } from '@hybridstore/runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import type { Tenant } from '../../src/resources/custom-resources.ts';
import { buildDeployment } from '../../src/resources/deployment.ts';
import { buildServiceAccount } from '../../src/resources/service-account.ts';
import { parseTenant } from '../../src/tenant/parse.ts';
import { buildTenantSet, everyPodSetting, tenantInput } from './tenant-set.ts';

const place = { namespace: 'hybridstore-system' };
const settings = parsePlatformSettings('', place);

function templateOf(podTemplate: PodTemplate, platform = settings): NonNullable<StatefulSet['spec']>['template'] {
  return buildTenantSet(platform, { podTemplate }).spec?.template ?? assert.fail('no template');
}

function podOf(spec: NonNullable<PodTemplate['spec']>, platform = settings): PodSpec {
  return templateOf({ spec }, platform).spec;
}

const selector = { 'app.kubernetes.io/component': 'tenant-node', 'hybridstore.dev/tenant': 'acme' };

test('nodes spread over zones and machines as far as it goes, or as the template says', () => {
  const spread = (key: string) => ({
    maxSkew: 1,
    topologyKey: key,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selector },
  });
  const zonesAndMachines = [spread('topology.kubernetes.io/zone'), spread('kubernetes.io/hostname')];
  assert.deepEqual(podOf({}).topologySpreadConstraints, zonesAndMachines);
  const own = { maxSkew: 2, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' } as const;
  assert.deepEqual(podOf({ topologySpreadConstraints: [own] }).topologySpreadConstraints, [
    { ...own, labelSelector: { matchLabels: selector } },
  ]);
  const others = { ...own, labelSelector: { matchLabels: { app: 'x' } } };
  assert.deepEqual(podOf({ topologySpreadConstraints: [others] }).topologySpreadConstraints, [others]);
  assert.equal('topologySpreadConstraints' in podOf({ topologySpreadConstraints: [] }), false);
});

test('nodes keep apart on machines without a zone too, unless the template has a spread or a repulsion of its own', () => {
  const term = { labelSelector: { matchLabels: selector }, topologyKey: 'kubernetes.io/hostname' };
  const podAntiAffinity = {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
  };
  assert.deepEqual(podOf({}).affinity, { podAntiAffinity });
  const nodeAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'arch', operator: 'Exists' as const }] }],
    },
  };
  assert.deepEqual(podOf({ affinity: { nodeAffinity } }).affinity, { nodeAffinity, podAntiAffinity });
  const own = { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'rack' }] };
  assert.deepEqual(podOf({ affinity: { podAntiAffinity: own } }).affinity, { podAntiAffinity: own });
  assert.equal('affinity' in podOf({ topologySpreadConstraints: [] }), false);
  assert.deepEqual(podOf({ topologySpreadConstraints: [], affinity: { nodeAffinity } }).affinity, { nodeAffinity });
});

test('labels and annotations stand beside those of the operator, and never in their place', () => {
  const before = buildTenantSet(settings).spec?.template.metadata;
  const metadata = { labels: { team: 'data' }, annotations: { 'example.com/owner': 'ops' } };
  const { labels, annotations } = templateOf({ metadata }).metadata ?? {};
  assert.deepEqual(labels, { team: 'data', ...before?.labels });
  assert.deepEqual(annotations, { 'example.com/owner': 'ops', ...before?.annotations });
  // Past the definition, nothing is taken away either.
  const forged = templateOf({ metadata: { labels: { 'hybridstore.dev/tenant': 'other' } } });
  assert.deepEqual(forged.metadata?.labels, before?.labels);
});

test('variables come after those of the operator, in their own order, as the API server stores them', () => {
  const env = [
    { name: 'B', value: 'b' },
    { name: 'A', value: '$(B)' },
    { name: 'EMPTY', value: '' },
    { name: 'MACHINE', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'mine', key: 'key', optional: false } } },
  ];
  assert.deepEqual(podOf({ env }).containers[0]?.env?.slice(-5), [
    { name: 'B', value: 'b' },
    { name: 'A', value: '$(B)' },
    { name: 'EMPTY' },
    { name: 'MACHINE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.hostIP' } } },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'mine', key: 'key', optional: false } } },
  ]);
});

test('images are pulled by the Secrets of the platform and of the template, each once', () => {
  const platform = parsePlatformSettings('image: {pullSecrets: [shared, both]}', place);
  const { imagePullSecrets } = podOf({ imagePullSecrets: [{ name: 'both' }, { name: 'own' }] }, platform);
  assert.deepEqual(imagePullSecrets, [{ name: 'shared' }, { name: 'both' }, { name: 'own' }]);
});

test('a node has at least the time that its shutdown takes', () => {
  assert.equal(podOf({}).terminationGracePeriodSeconds, 95);
  assert.equal(podOf({ terminationGracePeriodSeconds: 120 }).terminationGracePeriodSeconds, 120);
});

test('a securityContext takes the place of the users and groups, and of nothing else', () => {
  const restricted = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const ours = { runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532, fsGroupChangePolicy: 'OnRootMismatch' };
  assert.deepEqual(podOf({}).securityContext, { ...restricted, ...ours });
  assert.deepEqual(podOf({ securityContext: {} }).securityContext, {
    ...restricted,
    fsGroupChangePolicy: 'OnRootMismatch',
  });
  const own = { runAsUser: 1_000, fsGroup: 2_000, fsGroupChangePolicy: 'Always' as const, supplementalGroups: [3_000] };
  assert.deepEqual(podOf({ securityContext: own }).securityContext, { ...restricted, ...own });
});

test('a template has nothing that the API server drops, so that no pass writes it again', () => {
  for (const spec of [everyPodSetting.spec, { tolerations: [], nodeSelector: {}, topologySpreadConstraints: [] }]) {
    const pod = podOf(spec ?? {});
    assert.deepEqual(findEmpty(pod), []);
    if (spec === everyPodSetting.spec) assert.deepEqual(pod.nodeSelector, { gpu: '' });
  }
});

/** Paths of empty lists, and of empty texts outside of maps of labels. */
function findEmpty(value: unknown, path = ''): readonly string[] {
  if (value === '' || (Array.isArray(value) && value.length === 0)) return [path];
  if (typeof value !== 'object' || value === null || /\.(nodeSelector|matchLabels)$/.test(path)) return [];
  return Object.entries(value).flatMap(([name, field]) => findEmpty(field, `${path}.${name}`));
}

test('a variable is refused when a node is given it, or it would do nothing there, and only then', () => {
  const withFile = parsePlatformSettings('config: {tenant-node: {FLUSH_ROWS: 5}}\nnetwork: {metricsPort: 9801}', place);
  const [container] = buildTenantSet(withFile).spec?.template.spec.containers ?? [];
  const rendered = (container?.env ?? []).map(({ name }) => name);
  // The file that a node is given says how much it logs.
  const given = [...Object.keys(processVariables['tenant-node'].given), ...rendered, 'LOG_LEVEL'];
  assert.deepEqual([...new Set(given)].sort(), [...reservedNodeVariables]);
});

function refusalOf(more: Parameters<typeof buildTenantSet>[1]): string | undefined {
  const { spec } = tenantInput(settings, undefined, more);
  const parsed = parseTenant({ apiVersion: 'x', kind: 'Tenant', metadata: { name: 'acme' }, spec } as Tenant);
  return parsed.kind === 'valid' ? undefined : parsed.problem;
}

test('a template that was stored past the definition is refused by name', () => {
  assert.equal(refusalOf({ podTemplate: { metadata: { labels: { team: 'data' } } } }), undefined);
  const refused: readonly [PodTemplate, RegExp][] = [
    [
      { metadata: { labels: { 'hybridstore.dev/tenant': 'x' } } },
      /^spec\.podTemplate\.metadata\.labels: expected none of app\.kubernetes\.io\/\*, .*, found hybridstore\.dev\/tenant$/,
    ],
    [
      { metadata: { annotations: { 'prometheus.io/path': '/x' } } },
      /^spec\.podTemplate\.metadata\.annotations: expected none of .*, found prometheus\.io\/path$/,
    ],
    [
      { spec: { env: [{ name: 'TENANT_ID', value: 'other/other' }] } },
      /^spec\.podTemplate\.spec\.env: expected no variable that the platform sets itself, found TENANT_ID$/,
    ],
    [{ spec: { env: [{ name: 'A' }, { name: 'A' }] } }, /spec\.env: expected each variable once, found A twice$/],
    [
      { spec: { env: [{ name: 'A', value: 'a', valueFrom: { fieldRef: { fieldPath: 'x' } } }] } },
      /spec\.env: expected only one of value and valueFrom, found both of A$/,
    ],
    [{ spec: { terminationGracePeriodSeconds: 44 } }, /terminationGracePeriodSeconds: expected at least 45, found 44$/],
  ];
  for (const [podTemplate, problem] of refused) assert.match(refusalOf({ podTemplate }) ?? '', problem);
  const serviceAccount = { annotations: { 'hybridstore.dev/mine': 'x' } };
  assert.match(
    refusalOf({ serviceAccount }) ?? '',
    /^spec\.serviceAccount\.annotations: .*, found hybridstore\.dev\/mine$/,
  );
});

test('an account wears its annotations, and none by default', () => {
  const input = { name: 'hs-acme', namespace: 'default', labels: {}, owners: [] };
  const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/acme' };
  const account = buildServiceAccount({ ...input, settings: { annotations } });
  assert.deepEqual(account.metadata.annotations, annotations);
  assert.equal(account.automountServiceAccountToken, false);
  assert.equal('annotations' in buildServiceAccount({ ...input, settings: undefined }).metadata, false);
});

test('the pods of a shared service take the same settings', () => {
  const text = JSON.stringify({
    services: {
      'cbo-engine': {
        podTemplate: {
          metadata: { labels: { team: 'data' } },
          spec: { nodeSelector: { disk: 'nvme' }, priorityClassName: 'data', env: [{ name: 'TZ', value: 'UTC' }] },
        },
      },
    },
  });
  const platform = parsePlatformSettings(text, place);
  const template = buildDeployment('cbo-engine', platform, []).spec?.template ?? assert.fail('no template');
  assert.equal(template.metadata?.labels?.['team'], 'data');
  assert.deepEqual(template.spec.nodeSelector, { disk: 'nvme' });
  assert.equal(template.spec.priorityClassName, 'data');
  assert.deepEqual(template.spec.containers[0]?.env?.at(-1), { name: 'TZ', value: 'UTC' });
  const other = buildDeployment('monitoring', platform, []).spec?.template;
  assert.equal(other?.spec.nodeSelector, undefined);
  assert.deepEqual(
    other?.spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey),
    ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
  );
});
