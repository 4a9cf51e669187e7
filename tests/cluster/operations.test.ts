import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listAll, pods, statefulSets } from '@hybridstore/controller-runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { startClusterPlatform } from '../e2e/cluster-platform.ts';
import { eventually, type Platform } from '../e2e/platform.ts';
import {
  apply,
  assertExactlyOnce,
  dataSource,
  idColumns,
  ingest,
  ready,
  remove,
  Session,
  tenant,
} from '../e2e/session.ts';
import { helm } from './helm.ts';
import { kubectl } from './kubectl.ts';
import { readCanIList, readRightsPage } from './rights-page.ts';

const run = promisify(execFile);
const commandLine = new URL('../../cli/bin/hybridstore.js', import.meta.url).pathname;
const prometheus = process.env['PROMETHEUS_URL'] ?? 'http://prometheus.monitoring.svc:9090';

/** Both streams of the command line, as somebody at a terminal would read them. */
async function hybridstore(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [commandLine, '--tenant', 'default/wandering', ...args]);
  return stderr + stdout;
}

function accountOf(platform: Platform, name: string): string {
  return `system:serviceaccount:${platform.systemNamespace}:${name}`;
}

const allowDeletion = ['--type=merge', '--patch={"spec":{"preventDeletion":false}}'];

function readField(kind: string, name: string, namespace: string, path: string): Promise<string> {
  return kubectl('get', kind, name, '-n', namespace, '-o', `jsonpath=${path}`);
}

/** True once that much time has passed. */
function whenPassed(durationMs: number): () => Promise<true | undefined> {
  const begunMs = performance.now();
  return async () => (performance.now() - begunMs >= durationMs ? true : undefined);
}

/** What only a real cluster can show: eviction, rollouts, helm, Prometheus, kubectl. */
describe('operations on a cluster', () => {
  const folder = createTemporaryFolder();
  const objects = [tenant('wandering', { replicas: 2 }), dataSource('wandering', 'ledger', idColumns)];
  let platform: Platform;
  let session: Session;
  let acknowledged: number[] = [];

  before(async () => {
    platform = await startClusterPlatform();
    await apply(platform, ...objects);
    await ready(platform, ...objects);
    session = await Session.open(platform, 'default/wandering');
    acknowledged = await ingest(session, 'ledger', { from: 0, batches: 20, rowsPerBatch: 50, key: 'before' });
  });
  after(async () => {
    folder[Symbol.dispose]();
    await remove(platform, ...objects.toReversed());
  });

  it('shows tenants, sources and policies in kubectl with their columns', async () => {
    assert.match(await kubectl('get', 'tenants', '-n', 'default'), /NAME\s+.*READY/);
    assert.match(await kubectl('get', 'hybridstore', '-A'), /wandering/);
    assert.match(await kubectl('describe', 'tenant', 'wandering', '-n', 'default'), /Type:\s+Ready/);
  });

  it('answers the command line, which finds its way by KUBECONFIG alone', async () => {
    const file = join(folder.path, 'rows.ndjson');
    const ids = Array.from({ length: 200 }, (_, index) => 500_000 + index);
    writeFileSync(file, ids.map((id) => JSON.stringify({ id, note: 'by hand' })).join('\n'));
    assert.match(await hybridstore('get', 'tenants'), /^NAME.*\n(?:.*\n)*wandering\s+True/);
    assert.match(await hybridstore('load', file, '--source', 'ledger'), /200 rows/);
    acknowledged = [...acknowledged, ...ids];
    const count = 'SELECT COUNT(*) AS n FROM ledger';
    assert.equal(await hybridstore('query', count, '--format', 'csv'), `n\r\n${acknowledged.length}\r\n`);
    // The list of nodes reaches monitoring by a mounted ConfigMap, which a kubelet brings up to date within a minute or so.
    await eventually(
      'the node in the status',
      async () => (/tenant-node\s+hs-wandering-0\s+healthy/.test(await hybridstore('status')) ? true : undefined),
      180_000,
    );
  });

  it('follows kubectl scale, up and down, and keeps every row', async () => {
    await kubectl('scale', 'tenant/wandering', '-n', 'default', '--replicas=3');
    await eventually(
      'three nodes',
      async () =>
        (await platform.kube.get(statefulSets, { namespace: 'default', name: 'hs-wandering' })).status
          ?.readyReplicas === 3
          ? true
          : undefined,
      120_000,
    );
    await kubectl('scale', 'tenant/wandering', '-n', 'default', '--replicas=2');
    await eventually(
      'two nodes',
      async () =>
        (await platform.kube.get(statefulSets, { namespace: 'default', name: 'hs-wandering' })).status?.replicas === 2
          ? true
          : undefined,
      120_000,
    );
    await assertExactlyOnce(session, 'ledger', acknowledged);
  });

  it('answers every query while each of the services is replaced', async (context) => {
    const services = [
      ...['query-interpreter', 'cbo-engine', 'operation-node', 'auth-gateway'],
      ...['user-store', 'metadata-catalog', 'monitoring'],
    ];
    const count = 'SELECT COUNT(*) AS n FROM ledger';
    const failures: string[] = [];
    let [asked, longestMs, isOver] = [0, 0, false];
    // Asks as a client does that repeats nothing.
    const ask = async () => {
      while (!isOver) {
        const startedMs = performance.now();
        const { status, body } = await session.post('/query/sql', { query: count });
        longestMs = Math.max(longestMs, performance.now() - startedMs);
        asked += 1;
        if (status !== 200) failures.push(`${new Date().toISOString()} ${status} ${JSON.stringify(body)}`);
      }
    };
    const askers = Promise.all(Array.from({ length: 4 }, ask));
    try {
      for (const service of services) {
        const target = [`deployment/${service}`, '-n', platform.systemNamespace];
        await kubectl('rollout', 'restart', ...target);
        await kubectl('rollout', 'status', ...target, '--timeout=180s');
      }
    } finally {
      isOver = true;
    }
    await askers;
    context.diagnostic(`${asked} queries, ${failures.length} failed, the longest took ${Math.round(longestMs)} ms`);
    assert.deepEqual(failures, []);
    assert.ok(asked > 0);
  });

  it('runs every pod under the restricted standard, with no token of the API server on data pods', async () => {
    // The API server holds the pods of a namespace against the standard when its label changes, and warns of each that fails.
    for (const namespace of ['default', platform.systemNamespace]) {
      const label = 'pod-security.kubernetes.io/enforce=restricted';
      const { stderr } = await run('kubectl', [
        'label',
        '--overwrite',
        '--dry-run=server',
        'namespace',
        namespace,
        label,
      ]);
      assert.equal(stderr, '', namespace);
    }
    const { items } = await listAll(platform.kube, pods, {
      labelSelector: 'app.kubernetes.io/part-of=hybridstore',
    });
    assert.ok(items.length >= 8);
    for (const pod of items) {
      const [container] = pod.spec.containers;
      const security = container?.securityContext as
        | { readOnlyRootFilesystem?: boolean; allowPrivilegeEscalation?: boolean; capabilities?: { drop?: string[] } }
        | undefined;
      assert.deepEqual(
        [
          pod.metadata.name,
          security?.readOnlyRootFilesystem,
          security?.allowPrivilegeEscalation,
          security?.capabilities?.drop,
        ],
        [pod.metadata.name, true, false, ['ALL']],
      );
    }
  });

  it('grants the operator what the page of rights lists, and nothing else', async () => {
    const list = async (account: string, namespace: string) =>
      readCanIList(
        await kubectl('auth', 'can-i', '--list', `--as=${accountOf(platform, account)}`, '--namespace', namespace),
      );
    const page = readRightsPage();
    const ofTenants = page.get('In the namespaces of tenants')?.rights ?? assert.fail('no heading');
    const own = page.get('In its own namespace')?.rights ?? assert.fail('no heading');
    const binding = `${platform.systemNamespace}-hybridstore-operator`;
    // Not there where the operator watches named namespaces, of which its own is none.
    const isEverywhere = (await kubectl('get', 'clusterrolebindings', '-o', 'name')).includes(`/${binding}\n`);
    for (const [namespace, expected] of [
      ['default', ofTenants],
      [platform.systemNamespace, isEverywhere ? ofTenants.union(own) : own],
    ] as const) {
      // Every account may ask what it may.
      const common = await list('default', namespace);
      assert.deepEqual(
        [...(await list('hybridstore-operator', namespace)).difference(common)].sort(),
        [...expected].sort(),
        namespace,
      );
    }
  });

  it('lets the operator delete what wears its label alone', async () => {
    const make = (name: string, ...labels: readonly string[]) =>
      kubectl('create', 'configmap', name, '-n', 'default').then(() =>
        kubectl('label', 'configmap', name, '-n', 'default', 'made-by=test', ...labels),
      );
    const removeAsOperator = (name: string) =>
      kubectl('delete', 'configmap', name, '-n', 'default', `--as=${accountOf(platform, 'hybridstore-operator')}`);
    await make('theirs', 'app.kubernetes.io/managed-by=Helm');
    await make('ours', 'app.kubernetes.io/managed-by=hybridstore-operator');
    await assert.rejects(removeAsOperator('theirs'), /the operator deletes only what is labelled/);
    await removeAsOperator('ours');
    await kubectl('delete', 'configmap', 'theirs', '-n', 'default');
  });

  it('refuses to delete a Tenant that prevents it, names the field, and deletes it after', async () => {
    const kept = tenant('kept', { spec: { preventDeletion: true, hibernated: true } });
    await apply(platform, kept);
    await assert.rejects(
      kubectl('delete', 'tenant', 'kept', '-n', 'default'),
      /Forbidden.*spec\.preventDeletion of Tenant default\/kept is true; set it to false to delete it/,
    );
    assert.equal(await readField('tenant', 'kept', 'default', '{.metadata.deletionTimestamp}'), '');
    await kubectl('patch', 'tenant', 'kept', '-n', 'default', ...allowDeletion);
    await kubectl('delete', 'tenant', 'kept', '-n', 'default', '--timeout=120s');
  });

  it('lets a namespace be deleted, which ends once its Tenant may go', async () => {
    await kubectl('create', 'namespace', 'leaving');
    const held = tenant('held', { spec: { preventDeletion: true, hibernated: true } });
    await apply(platform, { ...held, metadata: { name: 'held', namespace: 'leaving' } });
    await eventually('the finalizer', async () =>
      (await readField('tenant', 'held', 'leaving', '{.metadata.finalizers}')).includes('hybridstore.dev')
        ? true
        : undefined,
    );
    await kubectl('delete', 'namespace', 'leaving', '--wait=false');
    await eventually('the Tenant marked', async () =>
      (await readField('tenant', 'held', 'leaving', '{.metadata.deletionTimestamp}')) === '' ? undefined : true,
    );
    assert.equal(await kubectl('get', 'namespace', 'leaving', '-o', 'jsonpath={.status.phase}'), 'Terminating');
    await kubectl('patch', 'tenant', 'held', '-n', 'leaving', ...allowDeletion);
    await kubectl('wait', '--for=delete', 'namespace/leaving', '--timeout=180s');
  });

  it('is scraped by a real Prometheus', async () => {
    const nodes = await eventually('tenant nodes up in Prometheus', async () => {
      const answer = (await (
        await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent('hybridstore_node_cpu_seconds_total')}`)
      ).json()) as { data: { result: { metric: Record<string, string> }[] } };
      return answer.data.result.length >= 2 ? answer.data.result : undefined;
    });
    assert.ok(nodes.length >= 2);
  });

  it('loses nothing when one of the two nodes is drained, and comes back', { timeout: 400_000 }, async () => {
    const pod = await platform.kube.get(pods, { namespace: 'default', name: 'hs-wandering-0' });
    const node = pod.spec.nodeName ?? '';
    let isDone = false;
    const writing = ingest(session, 'ledger', {
      from: 1_000_000,
      batches: 1_000_000,
      rowsPerBatch: 20,
      key: 'drain',
      isStopped: () => isDone,
    });
    await kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=180s');
    await ready(platform, ...objects);
    await eventually(
      'all pods elsewhere',
      async () => {
        const { items } = await listAll(platform.kube, pods, {
          namespace: 'default',
          labelSelector: 'app.kubernetes.io/instance=wandering',
        });
        return items.length === 2 &&
          items.every(
            (one) =>
              one.spec.nodeName !== node &&
              one.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'),
          )
          ? true
          : undefined;
      },
      180_000,
    );
    isDone = true;
    acknowledged = [...acknowledged, ...(await writing)];
    await kubectl('uncordon', node);
    await assertExactlyOnce(session, 'ledger', acknowledged);
  });

  const describePods = async () =>
    (await listAll(platform.kube, pods, { labelSelector: 'app.kubernetes.io/part-of=hybridstore' })).items
      .map(
        (pod) =>
          `${pod.metadata.namespace}/${pod.metadata.name} ${pod.metadata.uid} ${pod.status?.containerStatuses?.[0]?.restartCount}`,
      )
      .sort();

  it('runs on when the settings or the operator itself are deleted, and the chart brings them back', async () => {
    const describeOthers = async () => (await describePods()).filter((pod) => !pod.includes('/hybridstore-operator-'));
    const before = await describeOthers();
    const { systemNamespace: namespace } = platform;
    for (const [kind, name] of [
      ['configmap', 'hybridstore-settings'],
      ['deployment', 'hybridstore-operator'],
    ] as const) {
      await kubectl('delete', kind, name, '-n', namespace);
      // A garbage collector that had lost the last owner would need some seconds.
      await eventually('the garbage collector to have looked', whenPassed(20_000), 60_000);
      assert.deepEqual(await describeOthers(), before, kind);
      await helm('upgrade', namespace);
      await kubectl('get', kind, name, '-n', namespace);
    }
    await ready(platform, ...objects);
    assert.deepEqual(await describeOthers(), before);
  });

  it('restarts no pod when the chart is upgraded with nothing changed', async () => {
    const before = await describePods();
    await helm('upgrade', platform.systemNamespace);
    await ready(platform, ...objects);
    assert.deepEqual(await describePods(), before);
  });

  it('keeps tenants, users and keys over an uninstall, and finds them again after the next install', async () => {
    const readPods = async () =>
      (await listAll(platform.kube, pods, { labelSelector: 'app.kubernetes.io/instance=wandering' })).items
        .map(({ metadata }) => metadata.uid)
        .sort();
    const before = await readPods();
    await run('helm', ['uninstall', 'hybridstore', '--namespace', platform.systemNamespace, '--wait']);
    await eventually('shared services gone', async () => {
      const { items } = await listAll(platform.kube, pods, { namespace: platform.systemNamespace });
      return items.length === 0 ? true : undefined;
    });
    assert.match(await kubectl('get', 'tenants', '-n', 'default'), /wandering/);
    assert.deepEqual(await readPods(), before);

    await helm('install', platform.systemNamespace);
    // Its Services have other addresses now; the token of before is still good, because the keys were kept.
    const again = await startClusterPlatform();
    await ready(again, ...objects);
    assert.deepEqual(await readPods(), before);
    await assertExactlyOnce(new Session(again, session.tenant, session.token), 'ledger', acknowledged);
  });
});
