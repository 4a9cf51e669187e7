import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildCrds, type TenantSpec } from '@hybridstore/contracts';
import type { Labels, OwnerReference } from '@hybridstore/controller-runtime';
import { customResourceDefinitions } from '@hybridstore/controller-runtime';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { FakeClock } from '@hybridstore/test-kit';
import { stringify } from 'yaml';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { type Tenant, tenants } from '../../src/resources/custom-resources.ts';
import { buildDataClaim } from '../../src/resources/persistent-volume-claim.ts';
import { buildNodeTemplate } from '../../src/resources/stateful-set.ts';
import { digestTemplate, digestTenantInputs, renderTemplateRecord } from '../../src/resources/template-record.ts';
import { buildTenantMetadata, type TenantInput } from '../../src/resources/tenant-metadata.ts';
import { buildSharedChildren } from '../../src/shared-services/desired-state.ts';
import { buildTenantChildren } from '../../src/tenant/desired-state.ts';

const owner: OwnerReference = {
  apiVersion: 'hybridstore.dev/v1alpha1',
  kind: 'Tenant',
  name: 'acme',
  uid: '00000000-0000-4000-8000-000000000001',
  controller: true,
  blockOwnerDeletion: true,
};
const key = { namespace: 'default', name: 'acme' };
const tenant = buildTenantMetadata(key, owner);
const settings = parsePlatformSettings('storage: {dataStorageClassName: nfs}', { namespace: 'hybridstore-system' });

/** The spec as the API server stores it: defaults filled in. */
async function fillIn(spec: object): Promise<TenantSpec> {
  const kube = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
  for (const crd of buildCrds()) await kube.apply(customResourceDefinitions, crd);
  const object = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata: key, spec };
  const { spec: filled } = await kube.create(tenants, object as Tenant);
  assert.ok(filled);
  return filled;
}

/** Compares with the file of the name; `UPDATE_GOLDEN=1` writes it, and the diff is the review. */
function assertGolden(name: string, objects: readonly unknown[]): void {
  const path = fileURLToPath(new URL(`golden/${name}.yaml`, import.meta.url));
  const text = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  assert.equal(text, readFileSync(path, 'utf8'));
}

/** What its set says of its template once it is made, with the Tenant of the first generation. */
function recordOf(input: TenantInput): Labels {
  const inputs = { generation: 1, digest: digestTenantInputs(input.spec) };
  return renderTemplateRecord({ template: digestTemplate(buildNodeTemplate(input)), inputs, rollsSince: undefined });
}

test('a tenant of defaults', async () => {
  const input = { tenant, settings, spec: await fillIn({}) };
  const objects = buildTenantChildren(input, { keys: [] }, 2, { annotations: recordOf(input) }).map(
    (child) => child.object,
  );
  assertGolden('tenant-defaults', [buildDataClaim(input), ...objects]);
});

test('a tenant that asks for everything', async () => {
  const spec = await fillIn({
    displayName: 'Acme Corporation',
    autoscaling: { mode: 'Off' },
    replicas: 3,
    resources: { requests: { cpu: 2, memory: '4Gi' }, limits: { cpu: '2500m', memory: '8Gi' } },
    storage: {
      log: { size: '20Gi', storageClassName: 'fast' },
      spill: { size: 0 },
      data: { sharedVolume: { existingClaim: 'tables' } },
    },
    limits: { maxConcurrentSearches: 4, statementTimeoutSeconds: 5, resultBytesMax: 1_048_576, memory: '3Gi' },
    wal: { retentionHours: 1 },
    quota: { cpu: 8, memory: '16Gi', storage: '100Gi', pods: 20 },
    version: '0.2.0',
    podTemplate: {
      metadata: { labels: { team: 'data' }, annotations: { 'example.com/owner': 'ops' } },
      spec: {
        nodeSelector: { disk: 'nvme' },
        tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'arch', operator: 'In', values: ['arm64'] }] }],
            },
          },
        },
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
        ],
        priorityClassName: 'data',
        runtimeClassName: 'gvisor',
        imagePullSecrets: [{ name: 'registry' }],
        env: [
          { name: 'FLUSH_INTERVAL_MS', value: '1000' },
          { name: 'MACHINE', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
        ],
        securityContext: { runAsUser: 1_000, fsGroup: 2_000, supplementalGroups: [3_000] },
        dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
        terminationGracePeriodSeconds: 60,
      },
    },
    serviceAccount: { annotations: { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/acme' } },
  });
  const input = { tenant, settings, spec };
  assert.equal(buildDataClaim(input), undefined);
  assertGolden(
    'tenant-full',
    buildTenantChildren(input, { keys: [] }, 3, { annotations: recordOf(input) }).map((child) => child.object),
  );
});

test('the shared services', () => {
  const children = buildSharedChildren({ settings, jwks: { keys: [] }, targets: [], owners: [] });
  assertGolden(
    'shared-services',
    children.map((child) => child.object),
  );
});
