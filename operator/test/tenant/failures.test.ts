import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, ObjectKey, Resource, Stored } from '@hybridstore/controller-runtime';
import { events, formatTime, persistentVolumeClaims, pods, statefulSets } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';
import { tenantLabels } from '../../src/resources/labels.ts';
import { BenchCluster, conditionOf, settings } from '../bench-cluster.ts';

/*
 * What happens to a node → what its Tenant says. The texts are those of Kubernetes 1.35: of the API server, the scheduler,
 * the volume controllers and the kubelet, as they stand in Events and in the status of pods.
 */

const pod = { namespace: 'default', name: 'hs-acme-1' };
const logClaim = { namespace: 'default', name: 'log-hs-acme-1' };
const dataClaim = { namespace: 'default', name: 'hs-acme-data' };
const set = { namespace: 'default', name: 'hs-acme' };
const image = 'registry.example:5000/hybridstore:0.9.9';
/** Within which every failure must be reported. */
const reportedMsMax = 60_000;

async function patchStatus(cluster: BenchCluster, resource: Resource, key: ObjectKey, status: object): Promise<void> {
  const { apiVersion, kind } = resource;
  const object = { apiVersion, kind, metadata: { ...key }, status: { ...status } };
  await cluster.api.patchStatus(resource, object, { fieldManager: 'kubernetes', force: true });
}

type NewEvent = { readonly type?: string; readonly reason: string; readonly note: string };

let eventCount = 0;

/** As the recorder of a controller of Kubernetes leaves it: counted, with the time of the last. */
async function recordEvent(cluster: BenchCluster, about: Resource, key: ObjectKey, event: NewEvent): Promise<void> {
  eventCount += 1;
  const { metadata } = await cluster.api.get(about, key);
  const now = formatTime(cluster.clock.now());
  await cluster.api.create(events, {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace: 'default', name: `${key.name}.${eventCount}` },
    type: 'Warning',
    ...event,
    regarding: { apiVersion: about.apiVersion, kind: about.kind, ...key, uid: metadata.uid },
    eventTime: now.replace('Z', '.000000Z'),
    deprecatedCount: 1,
    deprecatedLastTimestamp: now,
  });
}

async function startTenant(spec: object = {}): Promise<BenchCluster> {
  const cluster = await BenchCluster.start();
  await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2, ...spec });
  await cluster.settle();
  await cluster.clock.advance(30_000);
  await cluster.pass();
  cluster.events.length = 0;
  return cluster;
}

async function removePod({ api }: BenchCluster): Promise<void> {
  await api.delete(pods, pod, { gracePeriodSeconds: 0 });
}

/** Made anew, of the set's template, and not ready. */
async function makePod(cluster: BenchCluster, status: object = {}): Promise<void> {
  await removePod(cluster);
  const labels = { ...tenantLabels('acme'), 'controller-revision-hash': cluster.revision };
  const spec = { containers: [{ name: 'tenant-node', image }] };
  await cluster.api.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: { ...pod, labels }, spec });
  await patchStatus(cluster, pods, pod, { phase: 'Pending', ...status });
}

const unscheduled = (message: string) => ({
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
});

function container(state: object, more: object = {}): object {
  const now = { type: 'Ready', status: 'False', reason: 'ContainersNotReady' };
  const fixed = { name: 'tenant-node', image, ready: false, restartCount: 0 };
  return {
    conditions: [{ type: 'PodScheduled', status: 'True' }, now],
    containerStatuses: [{ ...fixed, ...more, state }],
  };
}

const waiting = (reason: string, message?: string) => container({ waiting: { reason, message } });

function ended(cluster: BenchCluster, terminated: object): object {
  return { lastState: { terminated: { finishedAt: formatTime(cluster.clock.now()), ...terminated } } };
}

async function unbind(cluster: BenchCluster, key: ObjectKey): Promise<void> {
  await patchStatus(cluster, persistentVolumeClaims, key, { phase: 'Pending' });
}

type Failure = {
  readonly name: string;
  readonly spec?: object;
  readonly happen: (cluster: BenchCluster) => Promise<void>;
  readonly reason: string;
  readonly says: string;
};

/** The set's controller cannot make the pod. */
function refused(name: string, words: string): Failure {
  const note = `create Pod hs-acme-1 in StatefulSet hs-acme failed error: ${words}`;
  const happen = async (cluster: BenchCluster) => {
    await removePod(cluster);
    await recordEvent(cluster, statefulSets, set, { reason: 'FailedCreate', note });
  };
  return { name, happen, reason: 'PodsRefused', says: note };
}

function notPlaced(name: string, says: string): Failure {
  return { name, happen: (cluster) => makePod(cluster, unscheduled(says)), reason: 'Unschedulable', says };
}

const unbound =
  '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.';

function notBound(name: string, claim: ObjectKey, event: NewEvent): Failure {
  const happen = async (cluster: BenchCluster) => {
    await unbind(cluster, claim);
    await makePod(cluster, unscheduled(unbound));
    await recordEvent(cluster, persistentVolumeClaims, claim, event);
  };
  return { name, happen, reason: 'VolumePending', says: `claim ${claim.name} is Pending: ${event.note}` };
}

function notStarted(name: string, event: NewEvent, reason: string): Failure {
  const happen = async (cluster: BenchCluster) => {
    await makePod(cluster, waiting('ContainerCreating'));
    await recordEvent(cluster, pods, pod, event);
  };
  return { name, happen, reason, says: event.note };
}

function notPulled(name: string, word: string, says: string): Failure {
  return { name, happen: (cluster) => makePod(cluster, waiting(word, says)), reason: 'ImagePullFailed', says };
}

const registryWords = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
const startError =
  'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "hybridstore": executable file not found in $PATH';

const failures: readonly Failure[] = [
  refused(
    'a quota leaves no room for the pod',
    'pods "hs-acme-1" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=0, limited: pods=0',
  ),
  refused(
    'a quota leaves no room for its claim',
    'failed to create PVC log-hs-acme-1: persistentvolumeclaims "log-hs-acme-1" is forbidden: exceeded quota: storage, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=2, limited: persistentvolumeclaims=2',
  ),
  refused(
    'an admission webhook denies it',
    'admission webhook "deny.example.com" denied the request: no pods on a Friday',
  ),
  refused(
    'an admission webhook cannot be called',
    'Internal error occurred: failed calling webhook "deny.example.com": failed to call webhook: Post "https://deny.default.svc:443/validate?timeout=10s": dial tcp 10.96.12.3:443: connect: connection refused',
  ),
  refused(
    'an admission policy denies it',
    `pods "hs-acme-1" is forbidden: ValidatingAdmissionPolicy 'digests' with binding 'digests' denied request: images need a digest`,
  ),
  refused(
    'a LimitRange forbids its size',
    'pods "hs-acme-1" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
  ),
  refused(
    'the Pod Security level forbids it',
    'pods "hs-acme-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "sidecar" must set securityContext.allowPrivilegeEscalation=false)',
  ),
  refused(
    'its service account is missing',
    'pods "hs-acme-1" is forbidden: error looking up service account default/hs-acme: serviceaccount "hs-acme" not found',
  ),
  notPlaced(
    'no machine has 64 CPUs',
    '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  ),
  notPlaced(
    'every machine has a taint',
    '0/2 nodes are available: 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  ),
  notPlaced(
    'no machine has its labels',
    "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
  ),
  {
    name: 'no machine has room, and its claim is bound only where it is placed',
    happen: async (cluster) => {
      await unbind(cluster, logClaim);
      await makePod(cluster, unscheduled('0/2 nodes are available: 2 Insufficient memory.'));
      const note = 'waiting for first consumer to be created before binding';
      await recordEvent(cluster, persistentVolumeClaims, logClaim, {
        type: 'Normal',
        reason: 'WaitForFirstConsumer',
        note,
      });
    },
    reason: 'Unschedulable',
    says: '0/2 nodes are available: 2 Insufficient memory.',
  },
  notBound('the storage class of its log does not exist', logClaim, {
    reason: 'ProvisioningFailed',
    note: 'storageclass.storage.k8s.io "nope" not found',
  }),
  notBound('the storage class of the tables does not exist', dataClaim, {
    reason: 'ProvisioningFailed',
    note: 'storageclass.storage.k8s.io "nope" not found',
  }),
  notBound('there is no default class and no volume', logClaim, {
    type: 'Normal',
    reason: 'FailedBinding',
    note: 'no persistent volumes available for this claim and no storage class is set',
  }),
  notBound('the provisioner has no space', logClaim, {
    reason: 'ProvisioningFailed',
    note: 'failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = not enough free space',
  }),
  notBound('the provisioner does not answer', logClaim, {
    type: 'Normal',
    reason: 'ExternalProvisioning',
    note: "Waiting for a volume to be created either by the external provisioner 'disk.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
  }),
  {
    name: 'the claim that it should use is missing',
    spec: { storage: { data: { sharedVolume: { existingClaim: 'tables' } } } },
    happen: (cluster) =>
      makePod(cluster, unscheduled('0/2 nodes are available: persistentvolumeclaim "tables" not found.')),
    reason: 'VolumePending',
    says: 'persistentvolumeclaim "tables" not found',
  },
  notStarted(
    'its volume is attached to another machine',
    {
      reason: 'FailedAttachVolume',
      note: `Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can't be attached to another`,
    },
    'VolumePending',
  ),
  notStarted(
    'its volume cannot be mounted',
    {
      reason: 'FailedMount',
      note: 'MountVolume.SetUp failed for volume "pvc-1" : rpc error: code = Internal desc = mount failed: exit status 32',
    },
    'VolumePending',
  ),
  notStarted(
    'its machine gives it no network',
    {
      reason: 'FailedCreatePodSandBox',
      note: 'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: plugin type="bridge" failed (add): no IP addresses available',
    },
    'ContainerNotCreated',
  ),
  notPulled('its image is not in the registry', 'ErrImagePull', `rpc error: code = NotFound desc = ${registryWords}`),
  notPulled(
    'its image is still not there',
    'ImagePullBackOff',
    `Back-off pulling image "${image}": ErrImagePull: rpc error: code = NotFound desc = ${registryWords}`,
  ),
  notPulled(
    'the name of its image is none',
    'InvalidImageName',
    'Failed to apply default image tag "Registry/x:y:z": couldn\'t parse image name "Registry/x:y:z": invalid reference format',
  ),
  notPulled(
    'its image may not be pulled',
    'ErrImageNeverPull',
    `Container image "${image}" is not present with pull policy of Never`,
  ),
  {
    name: 'it crashes, and says why in its last line',
    happen: (cluster) => {
      const message = '{"level":"info","event":"starting"}\n{"level":"error","event":"log_unreadable"}\n\n';
      const words =
        'back-off 10s restarting failed container=tenant-node pod=hs-acme-1_default(00000000-0000-4000-8000-000000000001)';
      const last = ended(cluster, { exitCode: 1, reason: 'Error', message });
      const state = { waiting: { reason: 'CrashLoopBackOff', message: words } };
      return makePod(cluster, container(state, { restartCount: 3, ...last }));
    },
    reason: 'CrashLooping',
    says: 'it ended with exit code 1 (Error): {"level":"error","event":"log_unreadable"}',
  },
  {
    name: 'it crashes, and runs between two ends',
    happen: (cluster) => {
      const last = ended(cluster, { exitCode: 1, reason: 'Error', message: 'a segment is damaged' });
      const state = { running: { startedAt: formatTime(cluster.clock.now()) } };
      return makePod(cluster, container(state, { restartCount: 2, ...last }));
    },
    reason: 'CrashLooping',
    says: 'it ended with exit code 1 (Error): a segment is damaged',
  },
  {
    name: 'it gets less memory than it needs',
    happen: (cluster) => {
      const last = ended(cluster, { exitCode: 137, reason: 'OOMKilled' });
      return makePod(cluster, container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 1, ...last }));
    },
    reason: 'CrashLooping',
    says: 'it ended with exit code 137 (OOMKilled)',
  },
  {
    name: 'its image has no such program',
    happen: (cluster) => {
      const last = ended(cluster, { exitCode: 128, reason: 'StartError', message: startError });
      return makePod(cluster, container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 1, ...last }));
    },
    reason: 'CrashLooping',
    says: `it ended with exit code 128 (StartError): ${startError}`,
  },
  {
    name: 'a container that was put before it ends with an error',
    happen: (cluster) => {
      const message = 'iptables: permission denied';
      const init = { name: 'mesh-init', image: 'mesh:1', ready: false, restartCount: 3 };
      const last = ended(cluster, { exitCode: 2, reason: 'Error', message });
      const initContainerStatuses = [{ ...init, ...last, state: { waiting: { reason: 'CrashLoopBackOff' } } }];
      return makePod(cluster, { ...waiting('PodInitializing'), initContainerStatuses });
    },
    reason: 'CrashLooping',
    says: 'container mesh-init: it ended with exit code 2 (Error): iptables: permission denied',
  },
  {
    name: 'the image of a container that was put beside it is not there',
    happen: (cluster) => {
      const status = container({ running: { startedAt: formatTime(cluster.clock.now()) } }) as {
        readonly containerStatuses: readonly object[];
      };
      const message = 'Back-off pulling image "mesh:1": not found';
      const proxy = { name: 'mesh-proxy', image: 'mesh:1', ready: false, restartCount: 0 };
      const beside = { ...proxy, state: { waiting: { reason: 'ImagePullBackOff', message } } };
      const done = { terminated: { exitCode: 0, reason: 'Completed', finishedAt: formatTime(cluster.clock.now()) } };
      const initContainerStatuses = [{ name: 'mesh-init', image: 'mesh:1', ready: true, restartCount: 0, state: done }];
      return makePod(cluster, {
        ...status,
        initContainerStatuses,
        containerStatuses: [beside, ...status.containerStatuses],
      });
    },
    reason: 'ImagePullFailed',
    says: 'container mesh-proxy: Back-off pulling image "mesh:1": not found',
  },
  {
    name: 'a Secret that it mounts as a variable is missing',
    happen: (cluster) => makePod(cluster, waiting('CreateContainerConfigError', 'secret "hybridstore-keys" not found')),
    reason: 'ContainerNotCreated',
    says: 'CreateContainerConfigError: secret "hybridstore-keys" not found',
  },
];

const messageOf = (tenant: Awaited<ReturnType<BenchCluster['tenant']>>, type: string) =>
  tenant.status?.conditions?.find((condition) => condition.type === type)?.message;

/** Reconciles as often as the passes ask for, and gives after which time the Tenant said it. */
async function timeUntilReported(cluster: BenchCluster, reason: string): Promise<number> {
  for (let passedMs = 0; passedMs <= reportedMsMax; ) {
    const result = await cluster.pass();
    if (conditionOf(await cluster.tenant(), 'Ready') === `False/${reason}`) return passedMs;
    assert.ok(result.kind === 'requeue');
    await cluster.clock.advance(result.afterMs);
    passedMs += result.afterMs;
  }
  return Number.POSITIVE_INFINITY;
}

describe('a Tenant of which', () => {
  for (const { name, spec, happen, reason, says } of failures)
    it(`a node cannot serve since ${name} says ${reason} within a minute, in an Event once, and no more when it has passed`, async () => {
      const cluster = await startTenant(spec);
      await happen(cluster);
      assert.ok((await timeUntilReported(cluster, reason)) <= reportedMsMax);
      for (let count = 0; count < 3; count += 1) {
        await cluster.clock.advance(15_000);
        await cluster.pass();
      }
      const tenant = await cluster.tenant();
      const used = reason === 'PodsRefused' ? settings.image.services : image;
      const text = `hs-acme-1 (${used}): ${says}`;
      assert.deepEqual([conditionOf(tenant, 'Degraded'), messageOf(tenant, 'Degraded')], [`True/${reason}`, text]);
      assert.equal(messageOf(tenant, 'Ready'), `1 of 2 nodes are ready; ${text}`);
      assert.deepEqual(
        cluster.events.map((event) => [event.type, event.reason, event.note]),
        [['Warning', reason, `Degraded: ${text}`]],
      );
      await cluster.runKubernetes();
      await cluster.pass();
      const later = await cluster.tenant();
      assert.equal(conditionOf(later, 'Degraded'), 'False/AsExpected');
      assert.equal(messageOf(later, 'Ready'), '2 of 2 nodes are ready');
    });

  const harmless: readonly (readonly [string, (cluster: BenchCluster) => Promise<void>])[] = [
    ['starts and is not ready yet', (cluster) => makePod(cluster, container({ running: {} }))],
    [
      'ended once',
      (cluster) =>
        makePod(cluster, container({ running: {} }, { restartCount: 1, ...ended(cluster, { exitCode: 1 }) })),
    ],
    [
      'is created, without a word of trouble',
      async (cluster) => {
        await makePod(cluster, waiting('ContainerCreating'));
        await recordEvent(cluster, pods, pod, { type: 'Normal', reason: 'Pulling', note: `Pulling image "${image}"` });
      },
    ],
    [
      'was refused, then made, and is gone for another cause',
      async (cluster) => {
        await removePod(cluster);
        await recordEvent(cluster, statefulSets, set, {
          reason: 'FailedCreate',
          note: 'create Pod hs-acme-1 in StatefulSet hs-acme failed error: pods "hs-acme-1" is forbidden: no',
        });
        await cluster.clock.advance(1_000);
        const note = 'create Pod hs-acme-1 in StatefulSet hs-acme successful';
        await recordEvent(cluster, statefulSets, set, { type: 'Normal', reason: 'SuccessfulCreate', note });
      },
    ],
    [
      'is missing, while another one was refused',
      async (cluster) => {
        await removePod(cluster);
        const note = 'create Pod hs-acme-11 in StatefulSet hs-acme failed error: pods "hs-acme-11" is forbidden: no';
        await recordEvent(cluster, statefulSets, set, { reason: 'FailedCreate', note });
      },
    ],
  ];
  for (const [name, happen] of harmless)
    it(`a node ${name} is not ready, and nothing is said to be wrong`, async () => {
      const cluster = await startTenant();
      await happen(cluster);
      await cluster.clock.advance(40_000);
      await cluster.pass();
      const tenant = await cluster.tenant();
      assert.deepEqual(
        ['Ready', 'Degraded'].map((type) => conditionOf(tenant, type)),
        ['False/NodesNotReady', 'False/AsExpected'],
      );
    });

  it('a node waits for its place for some seconds says nothing of it', async () => {
    const cluster = await startTenant();
    await makePod(cluster, unscheduled(unbound));
    await cluster.clock.advance(10_000);
    await cluster.pass();
    assert.equal(conditionOf(await cluster.tenant(), 'Degraded'), 'False/AsExpected');
  });

  it('no node was ever made, since the quota is for none, says so of the first', async () => {
    const cluster = await BenchCluster.start();
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 2 });
    await cluster.pass();
    const noteOf = (name: string) =>
      `create Pod ${name} in StatefulSet hs-acme failed error: pods "${name}" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0`;
    for (const name of ['hs-acme-0', 'hs-acme-1'])
      await recordEvent(cluster, statefulSets, set, { reason: 'FailedCreate', note: noteOf(name) });
    const afterMs = await timeUntilReported(cluster, 'PodsRefused');
    assert.ok(afterMs > 0 && afterMs <= reportedMsMax, 'a set that was just made is given its time');
    const tenant = await cluster.tenant();
    const text = `hs-acme-0 (${settings.image.services}): ${noteOf('hs-acme-0')}; and 1 more`;
    assert.equal(messageOf(tenant, 'Ready'), `0 of 2 nodes are ready; ${text}`);
    assert.equal(conditionOf(tenant, 'DataSafe'), 'True/NothingStored');
  });

  it('the Events cannot be read says what the pods alone show', async () => {
    const cluster = await startTenant();
    await unbind(cluster, logClaim);
    await makePod(cluster, unscheduled(unbound));
    const list = cluster.api.list.bind(cluster.api);
    cluster.api.list = async (resource, options) => {
      if (resource.kind === 'Event') throw new HybridStoreError('unavailable', 'etcdserver: request timed out');
      return await list(resource, options);
    };
    assert.ok((await timeUntilReported(cluster, 'Unschedulable')) <= reportedMsMax);
    assert.match(messageOf(await cluster.tenant(), 'Degraded') ?? '', /unbound immediate PersistentVolumeClaims/);
  });

  for (const [phase, dataSafe] of [
    ['Pending', 'True/NothingStored'],
    ['Lost', 'Unknown/NodesNotReady'],
  ] as const)
    it(`the log volume of a node is ${phase} names its claim, and speaks of rows only where there can be some`, async () => {
      const cluster = await startTenant();
      await patchStatus(cluster, persistentVolumeClaims, logClaim, { phase });
      await makePod(cluster, unscheduled(unbound));
      await cluster.pass();
      const tenant = await cluster.tenant();
      assert.deepEqual(
        [conditionOf(tenant, 'StorageReady'), messageOf(tenant, 'StorageReady'), conditionOf(tenant, 'DataSafe')],
        [`False/${phase}`, `claim log-hs-acme-1 is ${phase}`, dataSafe],
      );
    });

  it('a node crashes while it should leave never says that all are ready', async () => {
    const cluster = await startTenant();
    cluster.nodes.stuck.add('hs-acme-1');
    await cluster.applyTenant({ autoscaling: { mode: 'Off' }, replicas: 1 });
    for (let count = 0; count < 3; count += 1) await cluster.pass();
    assert.deepEqual(conditionOf(await cluster.tenant(), 'Progressing'), 'True/HandingOver');
    const last = ended(cluster, { exitCode: 1, reason: 'Error', message: 'a segment is damaged' });
    await makePod(cluster, container({ waiting: { reason: 'CrashLoopBackOff' } }, { restartCount: 3, ...last }));
    await cluster.pass();
    const tenant = await cluster.tenant();
    assert.equal(conditionOf(tenant, 'Ready'), 'False/CrashLooping');
    assert.match(messageOf(tenant, 'Ready') ?? '', /^1 of 2 nodes are ready; hs-acme-1 /);
  });

  it('a pod says that it is ready while its container has ended does not count it', async () => {
    const cluster = await startTenant();
    const containerStatuses = [{ name: 'tenant-node', image, ready: false, restartCount: 0, state: {} }];
    const conditions = [{ type: 'Ready', status: 'True' }];
    await makePod(cluster, { conditions, containerStatuses });
    await cluster.pass();
    assert.equal(messageOf(await cluster.tenant(), 'Ready'), '1 of 2 nodes are ready');
  });

  it('a pod is of neither the current nor the update revision does not count it', async () => {
    const cluster = await startTenant();
    const { metadata }: Stored<KubeObject> = await cluster.api.get(pods, pod);
    assert.equal(metadata.labels?.['controller-revision-hash'], 'a');
    const patch = { metadata: { labels: { 'controller-revision-hash': 'before' } } };
    await cluster.api.mergePatch(pods, pod, patch);
    await cluster.pass();
    assert.equal(messageOf(await cluster.tenant(), 'Ready'), '1 of 2 nodes are ready');
  });
});
