import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { EmbeddedApiServer } from '@hybridstore/embedded-kubernetes';
import { type Clock, isHybridStoreError, type Logger, silentLogger } from '@hybridstore/runtime';
import { FakeClock, readExample, runExample } from '@hybridstore/test-kit';
import { configMaps, customResourceDefinitions, leases } from '../src/kube/kinds.ts';
import type { KubeObject, Stored } from '../src/kube/object.ts';
import type { Kube } from '../src/kube/ports.ts';
import { defineResource } from '../src/kube/resource.ts';

const page = new URL('../README.md', import.meta.url);
const key = { namespace: 'default', name: 'hello' };
const vandal = { fieldManager: 'vandal' };

type Greeting = KubeObject & {
  readonly spec: { readonly text: string };
  readonly status?: { readonly observedGeneration: number };
};
const greetings = defineResource<Greeting>('example.com/v1', 'Greeting', 'greetings');
type Options = { readonly kube: Kube; readonly clock: Clock; readonly random: () => number; readonly logger: Logger };
type RunGreeter = (options: Options, identity: string, signal: AbortSignal) => Promise<'stopped' | 'lost'>;

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'greetings.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Greeting', plural: 'greetings' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

describe("the README's controller", () => {
  const clock = new FakeClock();
  const kube = new EmbeddedApiServer({ clock, fieldManager: 'greeter' });
  const stopping = new AbortController();
  let ended: Promise<'stopped' | 'lost'>;
  /** A pass that throws is tried again, which would hide that the example is wrong. */
  const failures: unknown[] = [];
  const note = (event: string, fields?: object) => failures.push([event, fields]);
  const logger: Logger = { ...silentLogger, warn: note, error: note };

  before(async () => {
    await kube.create(customResourceDefinitions, definition);
    const { runGreeter } = await runExample(page);
    ended = (runGreeter as RunGreeter)({ kube, clock, random: () => 0.5, logger }, 'first', stopping.signal);
    await clock.advance(1_000);
  });
  after(() => stopping.abort());

  const child = (): Promise<Stored<KubeObject & { readonly data?: Readonly<Record<string, string>> }>> =>
    kube.get(configMaps, key);
  const apply = (text: string) => {
    const { apiVersion, kind } = greetings;
    return kube.apply(greetings, { apiVersion, kind, metadata: key, spec: { text } }, { fieldManager: 'ann' });
  };
  const isGone = (error: unknown) => isHybridStoreError(error, 'not_found');

  it('is of at most 60 lines', () => assert.ok(readExample(page).trimEnd().split('\n').length <= 60));

  it('makes a child of the object, and reports what it has seen', async () => {
    await apply('hello');
    await clock.advance(1_000);
    const { data, metadata } = await child();
    assert.deepEqual(data, { text: 'hello' });
    const { metadata: owner, status } = await kube.get(greetings, key);
    assert.equal(metadata.ownerReferences?.[0]?.uid, owner.uid);
    assert.deepEqual(status, { observedGeneration: owner.generation });
  });

  it('follows a change of the object', async () => {
    await apply('good day');
    await clock.advance(1_000);
    assert.deepEqual((await child()).data, { text: 'good day' });
  });

  it('repairs what it named, and keeps what somebody added', async () => {
    await kube.mergePatch(configMaps, key, { data: { text: 'edited', more: 'kept' } }, vandal);
    await clock.advance(1_000);
    assert.deepEqual((await child()).data, { text: 'good day', more: 'kept' });
  });

  it('makes a child again that somebody deleted', async () => {
    const { uid } = (await child()).metadata;
    await kube.delete(configMaps, key);
    await clock.advance(1_000);
    assert.notEqual((await child()).metadata.uid, uid);
  });

  it('writes nothing while nothing changes', async () => {
    await clock.advance(60_000);
    const versions = async () => [
      (await child()).metadata.resourceVersion,
      (await kube.get(greetings, key)).metadata.resourceVersion,
    ];
    const before = await versions();
    await clock.advance(600_000);
    assert.deepEqual(await versions(), before);
  });

  it('finalizes an object that is deleted: child and object go', async () => {
    await kube.delete(greetings, key);
    await clock.advance(1_000);
    await assert.rejects(kube.get(greetings, key), isGone);
    await assert.rejects(child(), isGone);
  });

  it('has had no failure on the way', () => assert.deepEqual(failures, []));

  it('ends with its signal, and gives its lease back', async () => {
    stopping.abort();
    await clock.advance(20_000);
    assert.equal(await ended, 'stopped');
    assert.equal((await kube.get(leases, { namespace: 'default', name: 'greeter' })).spec?.holderIdentity, '');
  });
});
