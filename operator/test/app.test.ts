import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildCrds } from '@hybridstore/contracts';
import { HttpClient } from '@hybridstore/http';
import { createMetrics, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { type Operator, startOperator } from '../src/app.ts';
import { RENEW_DEADLINE_MS } from '../src/controller/leader-election.ts';
import { EmbeddedApiServer } from '../src/kube/embedded/api/api-server.ts';
import { kubeError } from '../src/kube/errors.ts';
import { customResourceDefinitions, namespaces, services, statefulSets } from '../src/kube/kinds.ts';
import type { KubeObject } from '../src/kube/object.ts';
import type { Kube, WatchEvent, WatchOptions } from '../src/kube/port.ts';
import type { Resource } from '../src/kube/resource.ts';
import { parsePlatformSettings } from '../src/platform-settings.ts';
import { getOrNothing } from '../src/reconcile/view.ts';
import { type Tenant, tenants } from '../src/resources/custom-resources.ts';

const system = 'hybridstore-system';
const turnsMax = 400;

async function startCluster(clock: FakeClock): Promise<EmbeddedApiServer> {
  const kube = new EmbeddedApiServer({ clock });
  for (const crd of buildCrds()) await kube.apply(customResourceDefinitions, crd);
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: system } });
  await kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
  return kube;
}

/** Nobody answers for the catalog and the nodes here: names lead to no address. */
function deafClient(folder: string): HttpClient {
  const hostsFile = join(folder, 'hosts.json');
  writeFileSync(hostsFile, JSON.stringify({ [`metadata-catalog.${system}.svc`]: [] }));
  return new HttpClient({ hostsFile });
}

async function applyTenant(kube: EmbeddedApiServer, name: string, namespace = 'default'): Promise<void> {
  const spec = { autoscaling: { mode: 'Off' }, replicas: 1 };
  const object = { apiVersion: tenants.apiVersion, kind: 'Tenant', metadata: { namespace, name }, spec };
  await kube.apply(tenants, object as unknown as Tenant, { fieldManager: 'test' });
}

/** Turns of the event loop and of the clock until the probe holds. */
async function until(clock: FakeClock, what: string, probe: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < turnsMax; turn += 1) {
    if (await probe()) return;
    await clock.advance(50);
  }
  assert.fail(`${what}: not within ${turnsMax} turns`);
}

async function stop(clock: FakeClock, ...operators: readonly Operator[]): Promise<void> {
  const stopped = Promise.all(operators.map((operator) => operator.stop()));
  await clock.advance(20_000);
  await stopped;
}

describe('the operator', () => {
  it('makes the platform and a tenant by its own watches, and repairs what is deleted', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const operator = startOperator({
      kube,
      settings,
      clock,
      client,
      logger: silentLogger,
      metrics: createMetrics('operator'),
      random: () => 0.5,
    });
    assert.deepEqual(operator.notReadyReasons(), ['starting']);
    await until(
      clock,
      'shared services',
      async () => (await getOrNothing(kube, services, { namespace: system, name: 'query-interpreter' })) !== undefined,
    );
    assert.deepEqual(operator.notReadyReasons(), []);
    await applyTenant(kube, 'acme');
    const key = { namespace: 'default', name: 'hs-acme' };
    await until(clock, 'nodes', async () => (await getOrNothing(kube, statefulSets, key)) !== undefined);
    const before = await kube.get(services, key);
    await kube.delete(services, key);
    await until(clock, 'Service again', async () => {
      const now = await getOrNothing(kube, services, key);
      return now !== undefined && now.metadata.uid !== before.metadata.uid;
    });
    await stop(clock, operator);
    await client.close();
  });

  it('leaves namespaces alone that it is not told to watch', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const operator = startOperator({
      kube,
      settings,
      clock,
      client,
      logger: silentLogger,
      metrics: createMetrics('operator'),
      watchNamespaces: ['default'],
    });
    await applyTenant(kube, 'acme', 'other');
    await applyTenant(kube, 'acme');
    await until(
      clock,
      'nodes',
      async () => (await getOrNothing(kube, statefulSets, { namespace: 'default', name: 'hs-acme' })) !== undefined,
    );
    assert.equal(await getOrNothing(kube, statefulSets, { namespace: 'other', name: 'hs-acme' }), undefined);
    await stop(clock, operator);
    await client.close();
  });

  it('of two only one acts, and the other goes on when the first ends', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const start = (leaderIdentity: string) =>
      startOperator({
        kube,
        settings,
        clock,
        client,
        logger: silentLogger,
        metrics: createMetrics('operator'),
        leaderIdentity,
      });
    const first = start('first');
    await until(
      clock,
      'shared services',
      async () => (await getOrNothing(kube, services, { namespace: system, name: 'query-interpreter' })) !== undefined,
    );
    const second = start('second');
    await clock.advance(1_000);
    assert.deepEqual(second.notReadyReasons(), []);
    await stop(clock, first);
    await applyTenant(kube, 'acme');
    await until(
      clock,
      'nodes',
      async () => (await getOrNothing(kube, statefulSets, { namespace: 'default', name: 'hs-acme' })) !== undefined,
    );
    await stop(clock, second);
    await client.close();
  });

  it('that cannot renew its lease ends and writes nothing more, and the other goes on', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const line = new Line(kube);
    const base = { settings, clock, client, logger: silentLogger };
    const first = startOperator({
      ...base,
      kube: line.port,
      metrics: createMetrics('operator'),
      leaderIdentity: 'first',
    });
    const isMade = async () =>
      (await getOrNothing(kube, services, { namespace: system, name: 'query-interpreter' })) !== undefined;
    await until(clock, 'shared services', isMade);
    const second = startOperator({ ...base, kube, metrics: createMetrics('operator'), leaderIdentity: 'second' });
    line.refuse = (verb) => verb === 'update';
    await clock.advance(RENEW_DEADLINE_MS);
    assert.equal(await first.ended, 'lost');
    const { writes } = line;
    await applyTenant(kube, 'acme');
    const key = { namespace: 'default', name: 'hs-acme' };
    await until(clock, 'nodes', async () => (await getOrNothing(kube, statefulSets, key)) !== undefined);
    assert.equal(line.writes, writes);
    await stop(clock, second);
    await client.close();
  });

  it('lists again when its watches have expired, and repairs what was deleted unseen', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const line = new Line(kube);
    const metrics = createMetrics('operator');
    const operator = startOperator({ settings, clock, client, logger: silentLogger, kube: line.port, metrics });
    await applyTenant(kube, 'acme');
    const key = { namespace: 'default', name: 'hs-acme' };
    await until(clock, 'nodes', async () => (await getOrNothing(kube, statefulSets, key)) !== undefined);
    await clock.advance(1_000);
    line.expire();
    await kube.delete(services, key);
    await until(clock, 'Service again', async () => (await getOrNothing(kube, services, key)) !== undefined);
    await stop(clock, operator);
    await client.close();
  });

  it('waits out a storm of conflicts instead of joining it, and converges after it', async () => {
    using folder = createTemporaryFolder();
    const clock = new FakeClock();
    const kube = await startCluster(clock);
    const client = deafClient(folder.path);
    const settings = parsePlatformSettings('', { namespace: system });
    const line = new Line(kube);
    const metrics = createMetrics('operator');
    const operator = startOperator({ settings, clock, client, logger: silentLogger, kube: line.port, metrics });
    await until(
      clock,
      'shared services',
      async () => (await getOrNothing(kube, services, { namespace: system, name: 'query-interpreter' })) !== undefined,
    );
    await clock.advance(5_000);
    line.refuse = () => true;
    line.refused = 0;
    await applyTenant(kube, 'acme');
    await clock.advance(60_000);
    // Of the tenant and of the shared services, which need its key: each waits 0.1 s, 0.2 s, … up to a minute.
    assert.ok(line.refused >= 10 && line.refused <= 30, `${line.refused} tries`);
    line.refuse = () => false;
    const key = { namespace: 'default', name: 'hs-acme' };
    await clock.advance(60_000);
    await until(clock, 'nodes', async () => (await getOrNothing(kube, statefulSets, key)) !== undefined);
    await stop(clock, operator);
    await client.close();
  });
});

const writeVerbs = ['create', 'update', 'apply', 'patchStatus', 'mergePatch', 'delete'] as const;
type WriteVerb = (typeof writeVerbs)[number];

/** The way from one operator to the API server, on which things go wrong. */
class Line {
  refuse: (verb: WriteVerb) => boolean = () => false;
  refused = 0;
  writes = 0;
  readonly port: Kube;
  #watches = new AbortController();

  constructor(kube: EmbeddedApiServer) {
    const guarded = Object.fromEntries(
      writeVerbs.map((verb) => [
        verb,
        async (...args: unknown[]) => {
          if (this.refuse(verb)) {
            this.refused += 1;
            throw kubeError({ reason: 'Conflict', message: 'somebody wrote first' });
          }
          this.writes += 1;
          return await (kube[verb].bind(kube) as (...all: unknown[]) => Promise<unknown>)(...args); // handed on as they came
        },
      ]),
    );
    const watch: Kube['watch'] = (resource, options) => this.#watch(kube, resource, options);
    const reads = { get: kube.get.bind(kube), list: kube.list.bind(kube), createEvent: kube.createEvent.bind(kube) };
    this.port = { ...reads, watch, ...guarded } as unknown as Kube; // every method of the port is there
  }

  /** Every watch that is open ends with 410. */
  expire(): void {
    this.#watches.abort();
    this.#watches = new AbortController();
  }

  async *#watch<T extends KubeObject>(
    kube: Kube,
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { signal } = this.#watches;
    const signals = [signal, ...(options.signal === undefined ? [] : [options.signal])];
    yield* kube.watch(resource, { ...options, signal: AbortSignal.any(signals) });
    if (signal.aborted) throw kubeError({ reason: 'Expired', message: 'too old resource version' });
  }
}
