import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  configMaps,
  deployments,
  listAll,
  persistentVolumeClaims,
  pods,
  type StatefulSet,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { silentLogger, systemClock } from '@hybridstore/runtime';
import { EmbeddedPlatform } from '../src/platform.ts';

const folder = mkdtempSync(join(tmpdir(), 'hybridstore-platform-'));
const program = join(folder, 'program.mjs');
const selector = { app: 'echo' };

// Answers with its variables, its mounted file and how often its claim was opened: real parts of a small pod.
writeFileSync(
  program,
  `import { createServer } from 'node:http';
import { appendFileSync, readFileSync } from 'node:fs';
appendFileSync(process.env.LOG_PATH + '/starts', 'x');
createServer((request, response) => {
  if (request.url === '/crash') process.exit(3);
  response.end(JSON.stringify({ ...process.env, file: readFileSync(process.env.CONFIG_FILE, 'utf8'), starts: readFileSync(process.env.LOG_PATH + '/starts', 'utf8').length }));
}).listen(8000, process.env.HOST, () => console.log('listening as', process.env.POD_NAME));
process.on('SIGTERM', () => process.exit(0));
`,
);

const template: NonNullable<StatefulSet['spec']>['template'] = {
  metadata: { labels: selector },
  spec: {
    containers: [
      {
        name: 'echo',
        image: 'echo:1',
        args: ['--config', '/etc/echo/settings.json'],
        env: [
          { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'CONFIG_FILE', value: '/etc/echo/settings.json' },
          { name: 'LOG_PATH', value: '/var/log-volume' },
          { name: 'GREETING', value: 'hello $(POD_NAME)' },
        ],
        ports: [{ name: 'http', containerPort: 8000 }],
        readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
        volumeMounts: [
          { name: 'config', mountPath: '/etc/echo' },
          { name: 'log', mountPath: '/var/log-volume' },
        ],
      },
    ],
    volumes: [{ name: 'config', configMap: { name: 'echo' } }],
    terminationGracePeriodSeconds: 5,
  },
};

function buildSet(replicas: number): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'echo', namespace: 'default' },
    spec: {
      replicas,
      serviceName: 'echo-nodes',
      selector: { matchLabels: selector },
      podManagementPolicy: 'Parallel',
      template,
      volumeClaimTemplates: [
        {
          metadata: { name: 'log' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
        },
      ],
    },
  };
}

function open(): Promise<EmbeddedPlatform> {
  return EmbeddedPlatform.open({
    folder,
    fieldManager: 'test',
    clock: systemClock,
    logger: silentLogger,
    baseEnvironment: {},
    commandOf: (image, args) => (image === 'echo:1' ? { file: process.execPath, args: [program, ...args] } : undefined),
  });
}

/** Bounds a hang; nothing here is measured by it. */
const hangMsMax = 60_000;

async function until<T>(what: string, probe: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadlineMs = performance.now() + hangMsMax;
  while (performance.now() < deadlineMs) {
    const value = await probe();
    if (value !== undefined) return value;
    await systemClock.sleep(25);
  }
  throw new Error(`never: ${what}`);
}

async function ask(address: string | undefined): Promise<Record<string, string>> {
  return (await (await fetch(`http://${address}:8000/`)).json()) as Record<string, string>;
}

describe('the embedded platform', { timeout: 4 * hangMsMax }, () => {
  let platform: EmbeddedPlatform;
  const readyPods = async (count: number) =>
    until(`${count} ready pods`, async () => {
      const { items } = await listAll(platform.kube, pods, { namespace: 'default', labelSelector: 'app=echo' });
      const ready = items.filter(
        (pod) =>
          pod.metadata.deletionTimestamp === undefined &&
          pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
      );
      return ready.length === count && items.length === count
        ? ready.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
        : undefined;
    });
  after(async () => {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('runs a StatefulSet as processes with their own addresses, variables, files and claims', async () => {
    platform = await open();
    await platform.start();
    await platform.kube.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'echo', namespace: 'default' },
      data: { 'settings.json': '{"a":1}' },
    });
    await platform.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'echo', namespace: 'default' },
      spec: { selector, ports: [{ port: 8000 }] },
    });
    await platform.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'echo-nodes', namespace: 'default' },
      spec: { clusterIP: 'None', selector, ports: [{ port: 8000 }] },
    });
    await platform.kube.create(statefulSets, buildSet(2));
    const [first, second] = await readyPods(2);
    const answer = await ask(first?.status?.podIP);
    assert.notEqual(first?.status?.podIP, second?.status?.podIP);
    assert.deepEqual(
      [answer['POD_NAME'], answer['GREETING'], answer['file'], answer['HOST'], answer['starts']],
      ['echo-0', 'hello echo-0', '{"a":1}', first?.status?.podIP, 1],
    );
    const hosts = await until('names', () => {
      const names = JSON.parse(readFileSync(platform.hostsFile, 'utf8')) as Record<string, string[]>;
      return names['echo.default.svc']?.length === 2 ? names : undefined;
    });
    assert.deepEqual(hosts['echo-1.echo-nodes.default.svc'], [second?.status?.podIP]);
    const set = await until('status', async () => {
      const stored = await platform.kube.get(statefulSets, { namespace: 'default', name: 'echo' });
      return stored.status?.readyReplicas === 2 ? stored : undefined;
    });
    assert.equal(set.status?.currentRevision, set.status?.updateRevision);
  });

  it('serves a Service on a host port', async () => {
    const port = 20_000 + (process.pid % 20_000);
    const targets = () => platform.controllers.addressesOf('default', 'echo').map((host) => ({ host, port: 8000 }));
    await platform.listenOnHost(port, targets);
    assert.match((await ask('127.0.0.1').catch(() => ({ POD_NAME: '' })))['POD_NAME'] ?? '', /^$/);
    const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Record<string, string>;
    assert.match(answer['POD_NAME'] ?? '', /^echo-[01]$/);
    await assert.rejects(() => platform.listenOnHost(port, targets), new RegExp(`port ${port} of 127.0.0.1 is in use`));
  });

  it('reads what each running pod uses, where there is /proc', async () => {
    const running = await readyPods(2);
    if (!existsSync('/proc/self/stat')) {
      assert.throws(() => platform.kubelet.readUsage(), /ENOENT/);
      return;
    }
    const usages = platform.kubelet.readUsage();
    assert.deepEqual(usages.map(({ uid }) => uid).sort(), running.map(({ metadata }) => metadata.uid).sort());
    for (const { container, memoryBytes, windowMs } of usages) {
      assert.equal(container, 'echo');
      assert.ok(memoryBytes > 1_000_000 && windowMs >= 0, `${memoryBytes} bytes in ${windowMs} ms`);
    }
  });

  it('restarts a crashed process and counts it', async () => {
    const [first] = await readyPods(2);
    await fetch(`http://${first?.status?.podIP}:8000/crash`).catch(() => undefined);
    const restarted = await until('restart', async () => {
      const pod = await platform.kube.get(pods, { namespace: 'default', name: 'echo-0' });
      const status = pod.status?.containerStatuses?.[0];
      return status?.restartCount === 1 && status.ready ? status : undefined;
    });
    assert.equal(restarted.lastState?.terminated?.exitCode, 3);
    assert.match(platform.kubelet.readLog('default', 'echo-0', 10), /listening as echo-0/);
  });

  it('makes a force-deleted pod anew, on the same claim', async () => {
    const [before] = await readyPods(2);
    await platform.kube.delete(pods, { namespace: 'default', name: 'echo-0' }, { gracePeriodSeconds: 0 });
    const after = await until('successor', async () => {
      const [pod] = await readyPods(2);
      return pod?.metadata.uid === before?.metadata.uid ? undefined : pod;
    });
    assert.equal((await ask(after.status?.podIP))['starts'], 3);
  });

  it('scales in from the highest ordinal and keeps its claim', async () => {
    await platform.kube.update(statefulSets, buildSet(1));
    const [only] = await readyPods(1);
    assert.equal(only?.metadata.name, 'echo-0');
    assert.equal(
      (await platform.kube.get(persistentVolumeClaims, { namespace: 'default', name: 'log-echo-1' })).status?.phase,
      'Bound',
    );
  });

  it('lets a bound claim grow', async () => {
    const key = { namespace: 'default', name: 'log-echo-0' };
    const storage = '2Mi';
    await platform.kube.mergePatch(persistentVolumeClaims, key, { spec: { resources: { requests: { storage } } } });
    const capacity = await until('a larger volume', async () => {
      const { status } = await platform.kube.get(persistentVolumeClaims, key);
      return status?.capacity?.storage === storage ? status.capacity : undefined;
    });
    assert.deepEqual(capacity, { storage });
  });

  it('finds objects, claims and pods again after it was stopped, and ends what a killed one left', async () => {
    await platform.stop();
    platform = await open();
    await platform.start();
    const [pod] = await readyPods(1);
    assert.equal((await ask(pod?.status?.podIP))['starts'], 4);
  });

  it('starts the pods of a set anew when somebody asks for a restart', async () => {
    const before = await readyPods(1);
    const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
    const key = { namespace: 'default', name: 'echo' };
    await platform.kube.strategicMergePatch(statefulSets, key, {
      spec: { template: { metadata: { annotations } } },
    });
    const old = new Set(before.map(({ metadata }) => metadata.uid));
    const anew = await until('new pods', async () => {
      const ready = await readyPods(1);
      return ready.every(({ metadata }) => !old.has(metadata.uid)) ? ready : undefined;
    });
    assert.deepEqual(
      anew.map(({ metadata }) => metadata.annotations?.['kubectl.kubernetes.io/restartedAt']),
      ['2026-01-01T00:00:00Z'],
    );
  });

  it('takes children along with their owner and leaves no process behind', async () => {
    const [pod] = await readyPods(1);
    await platform.kube.delete(statefulSets, { namespace: 'default', name: 'echo' });
    await readyPods(0);
    await assert.rejects(() => fetch(`http://${pod?.status?.podIP}:8000/`));
    assert.ok(existsSync(join(folder, 'volumes', 'default')));
  });

  it('replaces the pods of a Deployment one by one, never with fewer ready than wanted', async () => {
    const spec = { ...template.spec, volumes: [...(template.spec.volumes ?? []), { name: 'log', emptyDir: {} }] };
    const deployment = (greeting: string) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'front', namespace: 'default' },
      spec: {
        replicas: 2,
        selector: { matchLabels: selector },
        template: { metadata: { labels: selector, annotations: { greeting } }, spec },
      },
    });
    await platform.kube.create(deployments, deployment('one'));
    const before = (await readyPods(2)).map((pod) => pod.metadata.name);
    await platform.kube.update(deployments, deployment('two'));
    let fewest = 2;
    await until('rollout', async () => {
      const { items } = await listAll(platform.kube, pods, { namespace: 'default', labelSelector: 'app=echo' });
      const ready = items.filter(
        (pod) =>
          pod.metadata.deletionTimestamp === undefined &&
          pod.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
      return items.length === 2 && items.every((pod) => !before.includes(pod.metadata.name)) && ready.length === 2
        ? true
        : undefined;
    });
    assert.equal(fewest, 2);
  });
});
