import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { ErrorCode } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import { extractAppliedAt, isApplied, isAppliedAt } from '../../src/kube/applied.ts';
import { isAlreadyExists, isApplyConflict, isExpired } from '../../src/kube/errors.ts';
import {
  configMaps,
  customResourceDefinitions,
  events,
  leases,
  namespaces,
  type Scale,
  secrets,
  services,
  statefulSets,
} from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/object.ts';
import { type Kube, listAll, type WatchEvent } from '../../src/kube/ports.ts';
import { buildWidget, type Widget, widgetDefinition, widgets } from './widget.ts';

/**
 * What every adapter of the port `Kube` must do. The same assertions run on the embedded API server, on the real client
 * against its HTTP front, and on a real cluster.
 */
export type ContractSubject = {
  readonly kube: Kube;
  readonly close: () => Promise<void>;
  /** Makes watches from old versions expire; absent where the test cannot reach the server's history. */
  readonly compactHistory?: () => void;
};

/** Declares the suite. Each run works in its own namespace and removes it. */
export function describeKubeContract(name: string, open: () => Promise<ContractSubject>): void {
  describe(`Kube port: ${name}`, () => {
    const namespace = `contract-${process.pid}-${Math.floor(performance.now())}`;
    let subject: ContractSubject;
    let kube: Kube;

    before(async () => {
      subject = await open();
      kube = subject.kube;
      await kube.apply(
        namespaces,
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        { force: true },
      );
      await kube.apply(customResourceDefinitions, widgetDefinition, { force: true });
      await untilServed(kube, namespace);
    });
    after(async () => {
      await kube.delete(namespaces, { name: namespace }).finally(() => subject.close());
    });

    const widget = (id: string, fields: Partial<Widget['spec']> = {}) => buildWidget(id, fields, namespace);
    const key = (id: string) => ({ namespace, name: id });
    const configMap = (id: string, data: Readonly<Record<string, string>>, labels = {}) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: id, namespace, labels },
      data,
    });

    describe('reading and creating', () => {
      it('a created object carries uid, version, generation, defaults and can be read back', async () => {
        const created = await kube.create(widgets, widget('read-back'));
        assert.equal(created.metadata.generation, 1);
        assert.equal(created.spec.color, 'red');
        assert.match(created.metadata.uid, /^[0-9a-f-]{36}$/);
        assert.match(created.metadata.creationTimestamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        assert.deepEqual(await kube.get(widgets, key('read-back')), created);
      });

      it('an absent object is not_found', async () => {
        await rejects(kube.get(widgets, key('nobody')), 'not_found', /widgets.test.hybridstore.dev "nobody" not found/);
        await rejects(kube.delete(widgets, key('nobody')), 'not_found');
        await rejects(kube.mergePatch(widgets, key('nobody'), {}), 'not_found');
        await rejects(kube.patchStatus(widgets, { ...widget('nobody'), status: {} }), 'not_found');
      });

      it('a taken name is a conflict that says so', async () => {
        await kube.create(widgets, widget('taken'));
        const error = await rejects(kube.create(widgets, widget('taken')), 'conflict', /already exists/);
        assert.ok(isAlreadyExists(error));
        assert.ok(!isApplyConflict(error));
      });

      it('generateName gives distinct names', async () => {
        const input = { ...widget(''), metadata: { generateName: 'made-', namespace } };
        const [one, other] = [await kube.create(widgets, input), await kube.create(widgets, input)];
        assert.match(one.metadata.name, /^made-[a-z0-9]{5}$/);
        assert.notEqual(one.metadata.name, other.metadata.name);
      });

      it('an object in a namespace that does not exist is refused', async () => {
        await rejects(
          kube.create(widgets, buildWidget('lost', {}, 'no-such-namespace')),
          'not_found',
          /namespaces "no-such-namespace" not found/,
        );
      });

      it('a dry run is answered and not stored', async () => {
        await kube.create(widgets, widget('dry'), { dryRun: true });
        await rejects(kube.get(widgets, key('dry')), 'not_found');
      });
    });

    describe('refusing', () => {
      const refused = (id: string, spec: object, message: RegExp) =>
        it(`spec ${JSON.stringify(spec)} is refused`, async () => {
          const input = { ...widget(id), spec } as unknown as Widget; // wrong on purpose
          await rejects(kube.create(widgets, input), 'invalid_request', message);
        });
      refused('bad', {}, /Widget.test.hybridstore.dev "bad" is invalid: .*spec.size: Required value/s);
      refused(
        'bad',
        { size: 101 },
        /spec.size: Invalid value: 101: spec.size in body should be less than or equal to 100/,
      );
      refused(
        'bad',
        { size: 'one' },
        /spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"|spec.size in body must be of type integer/,
      );
      refused(
        'bad',
        { size: 1, color: 'blue' },
        /spec.color: Unsupported value: "blue": supported values: "red", "green"/,
      );
      refused('bad', { size: 1, owner: 'toolongowner' }, /spec.owner: Too long: may not be more than 8 bytes/);
      refused(
        'bad',
        { size: 1, owner: 'UPPER' },
        /spec.owner: Invalid value: "UPPER": spec.owner in body should match '\^\[a-z\]\+\$'/,
      );
      refused('bad', { size: 1, limits: { min: 3, max: 2 } }, /spec.limits.min: Invalid value: min is above max/);
      refused('bad', { size: 1, memory: '1Ki' }, /spec.memory: Invalid value: "1Ki": must be more than 1Mi/);
      refused(
        'bad',
        { size: 1, tags: Array.from({ length: 9 }, (_, i) => `t${i}`) },
        /spec.tags: Too many: 9: must have at most 8 items/,
      );

      it('an unknown field is refused on create and on apply', async () => {
        const input = { ...widget('unknown'), spec: { size: 1, sise: 2 } } as unknown as Widget; // wrong on purpose
        await rejects(
          kube.create(widgets, input),
          'invalid_request',
          /strict decoding error: unknown field "spec.sise"/,
        );
        await assert.rejects(kube.apply(widgets, input), /\.spec\.sise: field not declared in schema/);
      });

      it('a bad name is refused', async () => {
        await rejects(
          kube.create(widgets, widget('Not_A_Name')),
          'invalid_request',
          /metadata.name: Invalid value: "Not_A_Name"/,
        );
      });

      it('a transition rule compares with the stored object', async () => {
        await kube.create(widgets, widget('transition', { owner: 'anna' }));
        const change = kube.mergePatch(widgets, key('transition'), { spec: { owner: 'bert' } });
        await rejects(change, 'invalid_request', /spec.owner: Invalid value: "bert": owner is immutable/);
      });

      it('several mistakes are reported together with their causes', async () => {
        const input = { ...widget('many'), spec: { size: -1, color: 'blue' } } as unknown as Widget; // wrong on purpose
        const error = await rejects(kube.create(widgets, input), 'invalid_request', /is invalid: \[/);
        assert.ok(isHybridStoreError(error));
        const fields = (error.details.causes as { readonly field: string }[]).map((cause) => cause.field);
        assert.ok(fields.includes('spec.size') && fields.includes('spec.color'));
      });
    });

    describe('updating', () => {
      it('a stale version is a conflict, a current one is written', async () => {
        const created = await kube.create(configMaps, configMap('versioned', { a: '1' }));
        const updated = await kube.update(configMaps, { ...created, data: { a: '2' } });
        assert.notEqual(updated.metadata.resourceVersion, created.metadata.resourceVersion);
        const error = await rejects(
          kube.update(configMaps, { ...created, data: { a: '3' } }),
          'conflict',
          /has been modified/,
        );
        assert.ok(!isAlreadyExists(error) && !isApplyConflict(error));
      });

      it('generation counts changes of spec, not of metadata or status', async () => {
        const created = await kube.create(widgets, widget('counted'));
        const labelled = await kube.mergePatch(widgets, key('counted'), { metadata: { labels: { a: 'b' } } });
        assert.equal(labelled.metadata.generation, created.metadata.generation);
        const reported = await kube.patchStatus(widgets, { ...widget('counted'), status: { phase: 'Ready' } });
        assert.equal(reported.metadata.generation, 1);
        const resized = await kube.mergePatch(widgets, key('counted'), { spec: { size: 9 } });
        assert.equal(resized.metadata.generation, 2);
        assert.equal(resized.status?.phase, 'Ready');
      });

      it('a write that changes nothing keeps the version', async () => {
        const created = await kube.create(configMaps, configMap('same', { a: '1' }));
        const patched = await kube.mergePatch(configMaps, key('same'), { data: { a: '1' } });
        assert.equal(patched.metadata.resourceVersion, created.metadata.resourceVersion);
      });

      it('writes of the object leave status alone, writes of status leave the rest alone', async () => {
        await kube.create(widgets, { ...widget('apart'), status: { phase: 'Lied' } });
        assert.equal((await kube.get(widgets, key('apart'))).status?.phase, undefined);
        const patched = await kube.mergePatch(
          widgets,
          key('apart'),
          { status: { phase: 'Reported' }, spec: { size: 50 } },
          { subresource: 'status' },
        );
        assert.equal(patched.status?.phase, 'Reported');
        assert.equal(patched.spec.size, 1);
      });

      it('the scale subresource reads and writes replicas', async () => {
        await kube.create(widgets, widget('scaled', { size: 3 }));
        await kube.patchStatus(widgets, { ...widget('scaled'), status: { replicas: 2, selector: 'a=b' } });
        const scale = (await kube.get(widgets, key('scaled'), { subresource: 'scale' })) as KubeObject as Scale;
        assert.equal(scale.spec?.replicas, 3);
        assert.deepEqual(scale.status, { replicas: 2, selector: 'a=b' });
        await kube.mergePatch(widgets, key('scaled'), { spec: { replicas: 5 } }, { subresource: 'scale' });
        assert.equal((await kube.get(widgets, key('scaled'))).spec.size, 5);
      });

      it('stringData of a Secret is stored as base64', async () => {
        const secret = await kube.create(secrets, {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'words', namespace },
          stringData: { a: 'open sesame' },
        });
        assert.deepEqual(secret.data, { a: Buffer.from('open sesame').toString('base64') });
        assert.equal(secret.stringData, undefined);
      });
    });

    describe('server-side apply', () => {
      it('creates, then changes, then takes away what is no longer named', async () => {
        await kube.apply(widgets, widget('applied', { size: 2, labels: { a: '1', b: '2' }, tags: ['x', 'y'] }));
        const changed = await kube.apply(widgets, widget('applied', { size: 3, labels: { b: '2' }, tags: ['y'] }));
        assert.equal(changed.spec.size, 3);
        assert.deepEqual(changed.spec.labels, { b: '2' });
        assert.deepEqual(changed.spec.tags, ['y']);
      });

      it('an apply that changes nothing keeps the version, and isApplied foretells it', async () => {
        const desired = widget('steady', { parts: [{ name: 'wheel', count: 2 }], labels: { a: '1' } });
        const first = await kube.apply(widgets, desired);
        assert.ok(isApplied(desired, first, { manager: kube.fieldManager }));
        const second = await kube.apply(widgets, desired);
        assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
      });

      it('isApplied sees drift, desired fields that were added and that were dropped', async () => {
        const desired = widget('drifting', { labels: { a: '1' } });
        const observed = await kube.apply(widgets, desired);
        assert.ok(
          !isApplied(widget('drifting', { labels: { a: '1', b: '2' } }), observed, { manager: kube.fieldManager }),
        );
        assert.ok(!isApplied(widget('drifting'), observed, { manager: kube.fieldManager }));
        const edited = await kube.mergePatch(
          widgets,
          key('drifting'),
          { spec: { labels: { a: 'edited' } } },
          { fieldManager: 'someone' },
        );
        assert.ok(!isApplied(desired, edited, { manager: kube.fieldManager }));
        const repaired = await kube.apply(widgets, desired, { force: true });
        assert.equal(repaired.spec.labels?.a, '1');
        assert.ok(isApplied(desired, repaired, { manager: kube.fieldManager }));
      });

      it('two managers own parts of one object side by side', async () => {
        await kube.apply(widgets, widget('shared', { parts: [{ name: 'wheel', count: 4 }] }), { fieldManager: 'one' });
        const both = await kube.apply(widgets, widget('shared', { parts: [{ name: 'horn' }] }), {
          fieldManager: 'two',
        });
        assert.deepEqual(both.spec.parts?.map((part) => part.name).toSorted(), ['horn', 'wheel']);
        const less = await kube.apply(widgets, widget('shared'), { fieldManager: 'two' });
        assert.deepEqual(less.spec.parts, [{ name: 'wheel', count: 4 }]);
      });

      it("another manager's field is a conflict that names it, unless forced", async () => {
        await kube.apply(widgets, widget('contested', { size: 1 }), { fieldManager: 'one' });
        const error = await rejects(
          kube.apply(widgets, widget('contested', { size: 2 }), { fieldManager: 'two' }),
          'conflict',
          /Apply failed with 1 conflict: conflict with "one": \.spec\.size/,
        );
        assert.ok(isApplyConflict(error));
        const forced = await kube.apply(widgets, widget('contested', { size: 2 }), {
          fieldManager: 'two',
          force: true,
        });
        assert.equal(forced.spec.size, 2);
      });

      it('status is applied on its own and never creates', async () => {
        await kube.apply(widgets, widget('reported'));
        const status = {
          apiVersion: widgets.apiVersion,
          kind: widgets.kind,
          metadata: { name: 'reported', namespace },
          status: { phase: 'Ready', replicas: 1 },
        };
        const first = await kube.patchStatus(widgets, status, { force: true });
        assert.deepEqual(first.status, { phase: 'Ready', replicas: 1 });
        assert.ok(isApplied(status, first, { manager: kube.fieldManager, subresource: 'status' }));
        const again = await kube.patchStatus(widgets, status, { force: true });
        assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
        const less = await kube.patchStatus(widgets, { ...status, status: { phase: 'Ready' } }, { force: true });
        assert.deepEqual(less.status, { phase: 'Ready' });
        assert.equal(less.spec.size, 1);
      });

      it('built-in kinds merge lists by their keys and stay applied through defaults', async () => {
        const desired = buildStatefulSet(namespace);
        const applied = await kube.apply(statefulSets, desired, { force: true });
        assert.ok(isApplied(desired, applied, { manager: kube.fieldManager }));
        assert.equal(applied.spec?.template.spec.containers[0]?.ports?.[0]?.protocol, 'TCP');
        const again = await kube.apply(statefulSets, desired, { force: true });
        assert.ok(isApplied(desired, again, { manager: kube.fieldManager }));
        assert.equal(again.metadata.generation, applied.metadata.generation);
        await kube.delete(statefulSets, key('settled'));
      });

      it('what a manager applied is found again in the object, without what others added', async () => {
        const desired = buildStatefulSet(namespace, 'extracted');
        const applied = await kube.apply(statefulSets, desired, { force: true });
        const added = { spec: { template: { metadata: { annotations: { theirs: 'x' } } } } };
        const edited = await kube.mergePatch(statefulSets, key('extracted'), added, { fieldManager: 'other' });
        const by = { manager: kube.fieldManager };
        const path = ['spec', 'template'];
        const { template } = desired.spec;
        const container = template.spec.containers[0] ?? assert.fail();
        // As it stands there: quantities in the form of the API server, and values that are one whole with their defaults.
        const { resources = {}, env = [] } = applied.spec?.template.spec.containers[0] ?? assert.fail();
        const expected = { ...template, spec: { containers: [{ ...container, resources, env }] } };
        assert.deepEqual(extractAppliedAt(path, edited, by), expected);
        assert.ok(isAppliedAt(path, template, edited, by));
        assert.ok(isAppliedAt(path, expected, edited, by));
        const other = { ...template, spec: { containers: [{ ...container, image: 'other' }] } };
        assert.ok(!isAppliedAt(path, other, edited, by));
        assert.ok(!isAppliedAt(path, { spec: template.spec }, edited, by), 'labels would go');
        assert.equal(extractAppliedAt(path, edited, { manager: 'nobody' }), undefined);
        assert.ok(!isAppliedAt(path, template, edited, { manager: 'nobody' }));
        assert.equal(extractAppliedAt(['spec', 'nothing'], edited, by), undefined);
        const again = { ...desired, spec: { ...desired.spec, template: expected } };
        const after = await kube.apply(statefulSets, again, { force: true });
        assert.equal(after.metadata.generation, edited.metadata.generation);
        await kube.delete(statefulSets, key('extracted'));
      });

      it('immutable fields of a StatefulSet are forbidden to change', async () => {
        const desired = buildStatefulSet(namespace, 'immutable');
        await kube.apply(statefulSets, desired, { force: true });
        const changed = { ...desired, spec: { ...desired.spec, serviceName: 'other' } };
        await rejects(
          kube.apply(statefulSets, changed, { force: true }),
          'invalid_request',
          /spec: Forbidden: updates to statefulset spec for fields other than/,
        );
        await kube.delete(statefulSets, key('immutable'));
      });

      it('a Service gets an address, a headless one keeps None', async () => {
        const service = (id: string, clusterIP?: string) => ({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: id, namespace },
          spec: {
            selector: { app: 'x' },
            ports: [{ name: 'http', port: 8000 }],
            ...(clusterIP === undefined ? {} : { clusterIP }),
          },
        });
        const plain = await kube.apply(services, service('plain'), { force: true });
        assert.match(plain.spec?.clusterIP ?? '', /^\d+\.\d+\.\d+\.\d+$/);
        assert.ok(isApplied(service('plain'), plain, { manager: kube.fieldManager }));
        const headless = await kube.apply(services, service('headless', 'None'), { force: true });
        assert.equal(headless.spec?.clusterIP, 'None');
      });
    });

    describe('deleting', () => {
      it('an object without finalizers goes at once', async () => {
        await kube.create(widgets, widget('gone'));
        await kube.delete(widgets, key('gone'));
        await rejects(kube.get(widgets, key('gone')), 'not_found');
      });

      it('finalizers hold a deleted object until they are taken away', async () => {
        await kube.create(widgets, {
          ...widget('held'),
          metadata: { name: 'held', namespace, finalizers: ['test.hybridstore.dev/hold'] },
        });
        await kube.delete(widgets, key('held'));
        const leaving = await kube.get(widgets, key('held'));
        assert.notEqual(leaving.metadata.deletionTimestamp, undefined);
        await kube.delete(widgets, key('held'));
        await kube.mergePatch(widgets, key('held'), { metadata: { finalizers: null } });
        await rejects(kube.get(widgets, key('held')), 'not_found');
      });

      it('a precondition that does not hold is a conflict', async () => {
        await kube.create(widgets, widget('guarded'));
        const wrongUid = { preconditions: { uid: '00000000-0000-4000-8000-000000000000' } };
        await rejects(kube.delete(widgets, key('guarded'), wrongUid), 'conflict', /the UID in the precondition/);
        assert.equal((await kube.get(widgets, key('guarded'))).metadata.deletionTimestamp, undefined);
      });
    });

    describe('listing and watching', () => {
      it('pages together show each object once, at one version', async () => {
        for (let i = 0; i < 7; i += 1) await kube.create(configMaps, configMap(`page-${i}`, {}, { paged: 'yes' }));
        const first = await kube.list(configMaps, { namespace, labelSelector: 'paged=yes', limit: 3 });
        assert.equal(first.items.length, 3);
        assert.notEqual(first.continueToken, undefined);
        const all = await listAll(kube, configMaps, { namespace, labelSelector: 'paged=yes', limit: 3 });
        assert.deepEqual(
          all.items.map((item) => item.metadata.name).toSorted(),
          Array.from({ length: 7 }, (_, i) => `page-${i}`),
        );
      });

      it('label and field selectors select', async () => {
        await kube.create(configMaps, configMap('selected-a', {}, { tier: 'front', app: 'x' }));
        await kube.create(configMaps, configMap('selected-b', {}, { tier: 'back' }));
        const names = async (options: object) =>
          (await kube.list(configMaps, { namespace, ...options })).items.map((item) => item.metadata.name).toSorted();
        assert.deepEqual(await names({ labelSelector: 'tier in (front,back)' }), ['selected-a', 'selected-b']);
        assert.deepEqual(await names({ labelSelector: 'tier,!app' }), ['selected-b']);
        assert.deepEqual(await names({ labelSelector: 'tier=front,app!=y' }), ['selected-a']);
        assert.deepEqual(await names({ fieldSelector: 'metadata.name=selected-b' }), ['selected-b']);
      });

      it('items of a list name their kind', async () => {
        await kube.create(configMaps, configMap('named', {}));
        const { items } = await kube.list(configMaps, { namespace, fieldSelector: 'metadata.name=named' });
        assert.deepEqual([items[0]?.apiVersion, items[0]?.kind], ['v1', 'ConfigMap']);
      });

      it('a watch reports what happened since its version, in order, and what happens then', async () => {
        const { resourceVersion } = await kube.list(configMaps, { namespace });
        const selection = { namespace, labelSelector: 'watched=yes' };
        await kube.create(configMaps, configMap('watched', { n: '0' }, { watched: 'yes' }));
        await kube.create(configMaps, configMap('unwatched', {}));
        const collected = collect(kube, { ...selection, resourceVersion }, 4);
        await kube.mergePatch(configMaps, key('watched'), { data: { n: '1' } });
        await kube.mergePatch(configMaps, key('watched'), { metadata: { labels: { watched: 'no' } } });
        await kube.mergePatch(configMaps, key('watched'), { metadata: { labels: { watched: 'yes' } } });
        assert.deepEqual(await collected, [
          'ADDED watched 0',
          'MODIFIED watched 1',
          'DELETED watched 1',
          'ADDED watched 1',
        ]);
      });

      it('an aborted watch ends its iteration', async () => {
        const { resourceVersion } = await kube.list(configMaps, { namespace });
        const controller = new AbortController();
        const seen = (async () => {
          let count = 0;
          for await (const event of kube.watch(configMaps, { namespace, resourceVersion, signal: controller.signal })) {
            if (event.type !== 'BOOKMARK') count += 1;
            controller.abort();
          }
          return count;
        })();
        await kube.create(configMaps, configMap('aborting', {}));
        assert.equal(await seen, 1);
      });

      it('a watch from a forgotten version is gone', async (test) => {
        if (subject.compactHistory === undefined)
          return test.diagnostic('the history of this server cannot be cut from here');
        const { resourceVersion } = await kube.list(configMaps, { namespace });
        await kube.create(configMaps, configMap('forgotten', {}));
        subject.compactHistory();
        const error = await collect(kube, { namespace, resourceVersion }, 1).catch((cause: unknown) => cause);
        assert.ok(isExpired(error), String(error));
      });
    });

    describe('leases and events', () => {
      it('a lease is taken by a conditional update, and only once', async () => {
        const lease = {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { name: 'lock', namespace },
          spec: { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2024-01-01T00:00:00.000000Z' },
        };
        const created = await kube.create(leases, lease);
        const taken = await kube.update(leases, { ...created, spec: { ...created.spec, holderIdentity: 'b' } });
        assert.equal(taken.spec?.holderIdentity, 'b');
        await rejects(kube.update(leases, { ...created, spec: { ...created.spec, holderIdentity: 'c' } }), 'conflict');
      });

      it('equal events become one with a series', async () => {
        const regarding = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'regarded', uid: '1' };
        for (let i = 0; i < 3; i += 1)
          await kube.createEvent({ regarding, type: 'Normal', reason: 'Tested', action: 'Test', note: 'three times' });
        await kube.createEvent({ regarding, type: 'Normal', reason: 'Tested', action: 'Test', note: 'once' });
        const { items } = await kube.list(events, { namespace });
        assert.deepEqual(items.map((event) => [event.note, event.series?.count]).toSorted(), [
          ['once', undefined],
          ['three times', 3],
        ]);
      });
    });
  });
}

async function rejects(promise: Promise<unknown>, code: ErrorCode, message?: RegExp): Promise<unknown> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, got an answer`),
    (cause: unknown) => cause,
  );
  assert.ok(isHybridStoreError(error), String(error));
  assert.equal(error.code, code, error.message);
  if (message !== undefined) assert.match(error.message, message);
  return error;
}

/** The first `count` changes of a watch on ConfigMaps, bookmarks left out. */
async function collect(kube: Kube, options: Parameters<Kube['watch']>[1], count: number): Promise<string[]> {
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const event of kube.watch(configMaps, { ...options, signal: controller.signal })) {
    if (event.type !== 'BOOKMARK') seen.push(describeEvent(event));
    if (seen.length >= count) controller.abort();
  }
  return seen;
}

function describeEvent(
  event: Exclude<
    WatchEvent<KubeObject & { readonly data?: Readonly<Record<string, string>> }>,
    { readonly type: 'BOOKMARK' }
  >,
): string {
  return `${event.type} ${event.object.metadata.name} ${event.object.data?.n ?? ''}`.trim();
}

/** A minute: bounds a hang, nothing is measured by it. */
const servedTriesMax = 600;

/** A real server serves a new definition some moments after it accepted it. */
async function untilServed(kube: Kube, namespace: string): Promise<void> {
  const { setTimeout: pause } = await import('node:timers/promises');
  for (let attempt = 0; attempt < servedTriesMax; attempt += 1) {
    try {
      await kube.list(widgets, { namespace });
      return;
    } catch (error) {
      // Not known yet, or known and its storage not open yet.
      if (!isHybridStoreError(error) || !['not_found', 'overloaded', 'unavailable'].includes(error.code)) throw error;
      await pause(100);
    }
  }
  throw new Error('the test definition is not served');
}

function buildStatefulSet(namespace: string, name = 'settled') {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace, labels },
    spec: {
      replicas: 0,
      serviceName: `${name}-nodes`,
      selector: { matchLabels: labels },
      podManagementPolicy: 'Parallel' as const,
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'node',
              image: 'hybridstore/services:1',
              ports: [{ name: 'http', containerPort: 8000 }],
              env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              resources: { requests: { cpu: '1000m', memory: '256Mi' } },
              readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1 },
              volumeMounts: [{ name: 'log', mountPath: '/log' }],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'log' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  };
}
