import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tenantNameCharactersMax } from '@hybridstore/contracts';
import {
  createView,
  getOrNothing,
  type StatefulSet,
  type Stored,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { tenants } from '../../src/resources/custom-resources.ts';
import { tenantNameOf } from '../../src/resources/labels.ts';
import { nodesDomain, nodeUrl, tenantNames } from '../../src/resources/names.ts';
import { buildTenantChildren } from '../../src/tenant/desired-state.ts';
import { createNodeClient } from '../../src/tenant/node-client.ts';
import { acme, BenchCluster, conditionOf } from '../bench-cluster.ts';
import { tenantInput } from '../resources/tenant-set.ts';

const off = { autoscaling: { mode: 'Off' }, replicas: 2 };
const inDefault = (name: string) => ({ namespace: 'default', name });
const labelCharactersMax = 63;
const domainCharactersMax = 253;

/** The set as versions before this one made it. */
async function plantFormerSet(cluster: BenchCluster): Promise<void> {
  const set = await cluster.api.get(statefulSets, inDefault('hs-acme'));
  await cluster.api.delete(statefulSets, inDefault('hs-acme'));
  const { name, namespace, labels, ownerReferences } = set.metadata;
  const metadata = { name, namespace, labels, ownerReferences };
  const former = { ...set, metadata, spec: { ...set.spec, serviceName: 'hs-acme-nodes' } };
  await cluster.api.create(statefulSets, former as StatefulSet); // a stored one with another name in it
}

function readNodeUrl({ spec }: Stored<StatefulSet>): string | undefined {
  return spec?.template.spec.containers[0]?.env?.find(({ name }) => name === 'NODE_URL')?.value;
}

describe('names of what is made for a Tenant', () => {
  it('let acme and acme-nodes live in one namespace, whichever comes first', async () => {
    for (const names of [
      ['acme', 'acme-nodes'],
      ['acme-nodes', 'acme'],
    ]) {
      const cluster = await BenchCluster.start();
      for (const name of names) await cluster.applyTenant(off, name).then(() => cluster.settle());
      for (const name of names) {
        const tenant = await cluster.api.get(tenants, inDefault(name));
        assert.equal(conditionOf(tenant, 'Ready'), 'True/AllNodesReady', name);
        assert.equal(conditionOf(tenant, 'Degraded'), 'False/AsExpected', name);
      }
      const { items } = await cluster.api.list(services, { namespace: 'default' });
      const owners = items.map(({ metadata }) => `${metadata.name} of ${metadata.ownerReferences?.[0]?.name}`);
      assert.deepEqual(owners.sort(), [
        'hs-acme of acme',
        'hs-acme-nodes of acme-nodes',
        'hsn-acme of acme',
        'hsn-acme-nodes of acme-nodes',
      ]);
    }
  });

  it('stay what they were for a set of an earlier version, wherever a node is named', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant(off);
    await cluster.settle();
    await plantFormerSet(cluster);
    await cluster.settle();
    await cluster.shared.reconcile();
    const set = await cluster.api.get(statefulSets, inDefault('hs-acme'));
    assert.equal(set.spec?.serviceName, 'hs-acme-nodes');
    assert.equal(readNodeUrl(set), 'http://{pod}.hs-acme-nodes.default.svc:8000');
    assert.equal((await cluster.api.get(services, inDefault('hs-acme-nodes'))).spec?.clusterIP, 'None');
    assert.equal(await getOrNothing(cluster.api, services, inDefault('hsn-acme')), undefined);
    const { status } = await cluster.tenant();
    assert.equal(status?.endpoints?.nodes, 'hs-acme-nodes.default.svc');
    assert.equal(conditionOf({ status }, 'Ready'), 'True/AllNodesReady');

    const asked: string[] = [];
    const client = {
      call: async (origin: string) => {
        asked.push(origin);
        return { problems: [] };
      },
    } as unknown as HttpClient; // all that is asked of it here
    const identity = () => ({ token: () => 'token' }) as unknown as ServiceIdentity; // all that is asked of it
    const view = createView(cluster.api, () => undefined, tenantNameOf);
    const nodes = createNodeClient({ client, identity, view });
    await nodes.drain(acme, 'hs-acme-1', { cancel: false });
    await nodes.problems(acme, 'hs-acme-0');
    await nodes.problems({ ...acme, name: 'globex' }, 'hs-globex-0');
    assert.deepEqual(asked, [
      'http://hs-acme-1.hs-acme-nodes.default.svc:8000',
      'http://hs-acme-0.hs-acme-nodes.default.svc:8000',
      'http://hs-globex-0.hsn-globex.default.svc:8000',
    ]);
  });

  it('let a Tenant of 40 characters grow to 50 nodes and shrink again', async () => {
    const cluster = await BenchCluster.start();
    const name = 't'.repeat(tenantNameCharactersMax);
    await cluster.applyTenant({ ...off, replicas: 50 }, name);
    await cluster.settle();
    assert.equal((await cluster.api.get(tenants, inDefault(name))).status?.readyReplicas, 50);
    await cluster.applyTenant(off, name);
    await cluster.settle(200);
    const { status } = await cluster.api.get(tenants, inDefault(name));
    assert.deepEqual([status?.readyReplicas, conditionOf({ status }, 'Ready')], [2, 'True/AllNodesReady']);
  });

  it('are no longer than Kubernetes and DNS allow, with 40 characters in a namespace of 63', () => {
    const key = { namespace: 'n'.repeat(labelCharactersMax), name: 't'.repeat(tenantNameCharactersMax) };
    const input = tenantInput(parsePlatformSettings('', { namespace: key.namespace }), key);
    const children = buildTenantChildren(input, { keys: [] }, 50).map(({ object }) => object);
    const labels = children.flatMap(({ metadata }) => Object.values(metadata.labels ?? {}));
    const { base, pod, logClaim, headlessService } = tenantNames(key.name);
    // The set's controller labels each pod with its name, and with the set's followed by a hash.
    const hostnames = [
      pod(49),
      `${base}-0123456789`,
      headlessService,
      ...children.map(({ metadata }) => metadata.name ?? ''),
    ];
    assert.deepEqual(
      [...labels, ...hostnames].filter((text) => text.length > labelCharactersMax),
      [],
    );
    const url = new URL(nodeUrl(nodesDomain(key), pod(49)));
    assert.ok(`${url.hostname}.cluster.local`.length <= domainCharactersMax);
    assert.ok(logClaim(49).length <= domainCharactersMax);
  });
});
