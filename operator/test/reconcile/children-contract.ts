import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Kube, KubeObject, Resource, Stored } from '@hybridstore/controller-runtime';
import {
  type Child,
  Children,
  type Container,
  child,
  configMaps,
  createView,
  Expectations,
  limitRanges,
  namespaces,
  networkPolicies,
  podDisruptionBudgets,
  resourceQuotas,
  type Service,
  type StatefulSet,
  serviceAccounts,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { isHybridStoreError, systemClock } from '@hybridstore/runtime';
import { parsePlatformSettings } from '../../src/platform-settings.ts';
import { tenantNameOf } from '../../src/resources/labels.ts';
import { buildTenantChildren } from '../../src/tenant/desired-state.ts';
import { everyPodSetting, tenantInput } from '../resources/tenant-set.ts';

type Fields = Readonly<Record<string, unknown>>;
const vandal = { fieldManager: 'vandal' };

/**
 * What comes of a child that somebody changed, on any API server: the embedded one, and a real one in the cluster suite.
 * The operator is not running; its passes are made here, by its own code, over children without nodes.
 *
 * Declares the suite. Each run works in its own namespace and removes it.
 */
export function describeChildren(name: string, open: () => Promise<{ readonly kube: Kube }>): void {
  describe(`children on ${name}`, () => {
    const namespace = `children-${process.pid}-${Math.floor(performance.now())}`;
    const settings = parsePlatformSettings('', { namespace });
    const quota = { pods: 10, cpu: '40' };
    let kube: Kube;
    let writes = 0;
    let wanted: readonly Child[];

    before(async () => {
      ({ kube } = await open());
      await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      wanted = buildTenantChildren(
        tenantInput(settings, { namespace, name: 'acme' }, { quota, podTemplate: everyPodSetting }),
        { keys: [] },
        0,
      ).flatMap(({ resource, object }) => child(resource, withoutOwner(object)));
      await pass();
    });
    after(() => kube.delete(namespaces, { name: namespace }));

    /** There is no such owner: a real garbage collector would take its children away. */
    function withoutOwner(object: KubeObject): KubeObject {
      const { ownerReferences: _owners, ...metadata } = object.metadata;
      return { ...object, metadata };
    }

    async function pass(): Promise<void> {
      const none = () => undefined;
      const view = createView(kube, none, tenantNameOf);
      const parent = { namespace, name: 'acme' };
      const children = new Children({
        kube,
        view,
        parent,
        expectations: new Expectations(systemClock, none),
      });
      await children.applyAll(wanted);
      writes = children.writes;
    }

    const read = async (resource: Resource, name: string) => await kube.get(resource, { namespace, name });

    function contentOf(object: Stored<KubeObject>): unknown {
      const { status: _status, metadata, ...content } = object as Stored<KubeObject> & { readonly status?: unknown };
      return { ...content, labels: metadata.labels };
    }

    /** Controllers write statuses, and a set's or a quota's version moves under the hand. */
    async function edit(resource: Resource, name: string, patch: Fields): Promise<void> {
      for (let tries = 0; ; tries += 1) {
        try {
          await kube.mergePatch(resource, { namespace, name }, patch, vandal);
          return;
        } catch (error) {
          if (tries >= 5 || !isHybridStoreError(error, 'conflict')) throw error;
        }
      }
    }

    async function passUntilWritten(): Promise<void> {
      for (let tries = 0; ; tries += 1) {
        try {
          return await pass();
        } catch (error) {
          if (tries >= 5 || !isHybridStoreError(error, 'conflict')) throw error;
        }
      }
    }

    it('of every kind are made, and then cause no write', async () => {
      for (let count = 0; count < 2; count += 1) {
        await pass();
        assert.equal(writes, 0);
      }
    });

    const containers = async () => {
      const set = (await read(statefulSets, 'hs-acme')) as Stored<StatefulSet>;
      return set.spec?.template.spec.containers ?? [];
    };
    const inPod = (fields: Fields) => ({ spec: { template: { spec: fields } } });
    const http = { name: 'http', port: 8000, targetPort: 'http', protocol: 'TCP' };
    const inFirst = async (change: (first: Container) => Fields) => {
      const [first, ...others] = await containers();
      return inPod({ containers: first === undefined ? [] : [{ ...first, ...change(first) }, ...others] });
    };
    const edits: readonly (readonly [string, Resource, string, () => Promise<Fields>])[] = [
      ['our port edited', services, 'hs-acme', async () => ({ spec: { ports: [{ ...http, port: 9000 }] } })],
      ['its target edited', services, 'hs-acme', async () => ({ spec: { ports: [{ ...http, targetPort: 1 }] } })],
      [
        'our port edited where there is no address',
        services,
        'hsn-acme',
        async () => ({ spec: { ports: [{ ...http, port: 9000 }] } }),
      ],
      ['another selector', services, 'hs-acme', async () => ({ spec: { selector: { app: 'other' } } })],
      ['another type', services, 'hs-acme', async () => ({ spec: { type: 'NodePort' } })],
      [
        'another account',
        statefulSets,
        'hs-acme',
        async () => inPod({ serviceAccountName: 'default', serviceAccount: 'default' }),
      ],
      ['another image', statefulSets, 'hs-acme', () => inFirst(() => ({ image: 'other:1' }))],
      [
        'a variable edited',
        statefulSets,
        'hs-acme',
        () =>
          inFirst(({ env = [] }) => ({
            env: env.map((each, index) => (index === 1 ? { name: each.name, value: 'edited' } : each)),
          })),
      ],
      [
        'the pace of a probe',
        statefulSets,
        'hs-acme',
        () => inFirst(({ readinessProbe }) => ({ readinessProbe: { ...readinessProbe, periodSeconds: 77 } })),
      ],
      [
        'a right to write',
        statefulSets,
        'hs-acme',
        () =>
          inFirst(({ securityContext }) => ({
            securityContext: { ...securityContext, readOnlyRootFilesystem: false },
          })),
      ],
      ['other keys', configMaps, 'hs-acme', async () => ({ data: { 'jwks.json': '{}' } })],
      ['a limit', limitRanges, 'hs-acme', async () => ({ spec: { limits: [{ type: 'Pod', max: { cpu: '1' } }] } })],
      ['everybody', networkPolicies, 'hs-acme', async () => ({ spec: { ingress: [{}] } })],
      ['a budget of none', podDisruptionBudgets, 'hs-acme', async () => ({ spec: { maxUnavailable: 9 } })],
      ['a token', serviceAccounts, 'hs-acme', async () => ({ automountServiceAccountToken: true })],
    ];
    for (const [what, resource, object, build] of edits) {
      it(`${resource.kind} ${object} is put right in one pass: ${what}`, async () => {
        const old = await read(resource, object);
        await edit(resource, object, await build());
        assert.notDeepEqual(contentOf(await read(resource, object)), contentOf(old), 'the edit changed nothing');
        await passUntilWritten();
        assert.ok(writes > 0);
        assert.deepEqual(contentOf(await read(resource, object)), contentOf(old));
        await pass();
        assert.equal(writes, 0, 'the next pass');
      });
    }

    const additions: typeof edits = [
      ['a port beside ours', services, 'hs-acme', async () => ({ spec: { ports: [http, { name: 'x', port: 1 }] } })],
      ['an address from outside', services, 'hs-acme', async () => ({ spec: { externalIPs: ['203.0.113.7'] } })],
      ['the network of the host', statefulSets, 'hs-acme', async () => inPod({ hostNetwork: true })],
      [
        'a container beside ours',
        statefulSets,
        'hs-acme',
        async () => inPod({ containers: [...(await containers()), { name: 'miner', image: 'miner:1' }] }),
      ],
      [
        'a variable more',
        statefulSets,
        'hs-acme',
        () => inFirst(({ env = [] }) => ({ env: [...env, { name: 'NODE_OPTIONS', value: '--inspect' }] })),
      ],
      ['a file', configMaps, 'hs-acme', async () => ({ data: { 'evil.json': '{}' } })],
      ['an amount', resourceQuotas, 'hs-acme', async () => ({ spec: { hard: { services: '0' } } })],
    ];
    for (const [what, resource, object, build] of additions) {
      it(`${resource.kind} ${object} keeps what somebody added: ${what}`, async () => {
        const old = await read(resource, object);
        await edit(resource, object, await build());
        const edited = await read(resource, object);
        assert.notDeepEqual(contentOf(edited), contentOf(old), 'the edit changed nothing');
        await pass();
        assert.equal(writes, 0);
        assert.deepEqual(contentOf(await read(resource, object)), contentOf(edited));
      });
    }

    it('Service hs-acme has our port back, and keeps the one that was added in the same edit', async () => {
      const added = { name: 'y', port: 2, targetPort: 2, protocol: 'TCP' };
      await edit(services, 'hs-acme', { spec: { ports: [added, { ...http, port: 9000 }] } });
      await passUntilWritten();
      const { spec } = (await read(services, 'hs-acme')) as Stored<Service>;
      assert.deepEqual(
        spec?.ports?.map(({ name, port, targetPort }) => ({ name, port, targetPort })),
        [
          { name: 'y', port: 2, targetPort: 2 },
          { name: 'http', port: 8000, targetPort: 'http' },
        ],
      );
      await pass();
      assert.equal(writes, 0, 'the next pass');
    });

    it('are made again when they are deleted', async () => {
      for (const { resource, object } of wanted)
        await kube.delete(resource, { namespace, name: object.metadata.name ?? '' });
      await pass();
      assert.equal(writes, wanted.length);
      await pass();
      assert.equal(writes, 0);
    });
  });
}
