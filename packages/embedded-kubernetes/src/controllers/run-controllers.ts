import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Kube, Resource } from '@hybridstore/controller-runtime';
import {
  configMaps,
  deployments,
  isJsonEqual,
  type KubeObject,
  keyOf,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  type Stored,
  secrets,
  services,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { type Clock, isHybridStoreError, type Logger, privateFile, privateFolder } from '@hybridstore/runtime';
import type { Action } from './action.ts';
import { decideDeployment, readDeploymentStatus } from './deployment.ts';
import { type Collected, collectGarbage } from './garbage-collector.ts';
import { Mirror } from './mirror.ts';
import { buildServiceNames, podsBehind, type ServiceNames } from './service-names.ts';
import { decideStatefulSet, readStatefulSetStatus } from './stateful-set.ts';

export type ControllersOptions = {
  readonly kube: Kube;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hostsFile: string;
  /** Names beside those of Services. */
  readonly fixedNames?: ServiceNames;
  /** Every stored object of every kind, for the garbage collector. */
  readonly allObjects: () => readonly Stored<KubeObject>[];
  readonly resourceOf: (object: KubeObject) => Resource;
  /** Five lower-case letters or digits for the name of a Deployment's pod. */
  readonly randomSuffix: () => string;
};

const fieldManager = 'embedded-controllers';

/**
 * The parts of kube-controller-manager that a platform on one machine needs: StatefulSets and Deployments become pods,
 * claims are bound, Services become names. Level-triggered: any change leads to one look at everything, never two at once.
 */
export class Controllers {
  readonly #options: ControllersOptions;
  readonly #stop = new AbortController();
  readonly mirrors;
  readonly #listeners: (() => void)[] = [];
  #isDirty = false;
  /** A look before every kind was listed would take what is not listed yet for missing. */
  #isStarted = false;
  #running: Promise<void> | undefined;
  #names = '';

  constructor(options: ControllersOptions) {
    this.#options = options;
    const mirror = <T extends KubeObject>(resource: Resource<T>) =>
      new Mirror<T>({ kube: options.kube, resource, clock: options.clock, onChange: () => this.#wake() });
    this.mirrors = {
      pods: mirror(pods),
      claims: mirror(persistentVolumeClaims),
      statefulSets: mirror(statefulSets),
      deployments: mirror(deployments),
      services: mirror(services),
      configMaps: mirror(configMaps),
      secrets: mirror(secrets),
    };
  }

  async start(): Promise<void> {
    for (const mirror of Object.values(this.mirrors)) await mirror.start(this.#stop.signal);
    this.#isStarted = true;
    this.#wake();
    // Whoever starts after this finds statuses that were looked at once.
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Called after each look at the state. */
  onSync(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Addresses behind a Service now. */
  addressesOf(namespace: string, service: string): readonly string[] {
    const stored = this.mirrors.services.get(namespace, service);
    return stored ? podsBehind(stored, this.mirrors.pods.all()).map((pod) => pod.status?.podIP ?? '') : [];
  }

  #wake(): void {
    this.#isDirty = true;
    if (!this.#isStarted || this.#running || this.#stop.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#isDirty) this.#wake();
    });
  }

  async #run(): Promise<void> {
    // Changes that arrive together are looked at together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#isDirty = false;
    await this.#sync();
    for (const listener of this.#listeners) listener();
  }

  async #sync(): Promise<void> {
    const world = { pods: this.mirrors.pods.all(), claims: this.mirrors.claims.all() };
    const actions = [
      ...this.mirrors.statefulSets.all().flatMap((set) => decideStatefulSet(set, world)),
      ...this.mirrors.deployments
        .all()
        .flatMap((deployment) => decideDeployment(deployment, world.pods, this.#options.randomSuffix)),
    ];
    for (const action of actions) await this.#tolerate(() => this.#carryOut(action));
    for (const claim of world.claims) if (!hasVolume(claim)) await this.#tolerate(() => this.#bind(claim));
    for (const collected of collectGarbage(this.#options.allObjects()))
      await this.#tolerate(() => this.#collect(collected));
    await this.#reportStatus(world.pods);
    this.#writeNames(world.pods);
  }

  async #carryOut(action: Action): Promise<void> {
    const { kube } = this.#options;
    switch (action.kind) {
      case 'create-pod':
        this.#options.logger.debug('pod_created', { pod: action.pod.metadata.name });
        await kube.create(pods, action.pod, { fieldManager });
        return;
      case 'delete-pod':
        await kube.delete(pods, action.key, { preconditions: { uid: action.uid } });
        return;
      case 'create-claim':
        await kube.create(persistentVolumeClaims, action.claim, { fieldManager });
        return;
      case 'delete-claim':
        await kube.delete(persistentVolumeClaims, action.key, { preconditions: { uid: action.uid } });
    }
  }

  async #collect(collected: Collected): Promise<void> {
    const { kube, resourceOf } = this.#options;
    const { object } = collected;
    const { uid, resourceVersion } = object.metadata;
    if (collected.kind === 'delete') await kube.delete(resourceOf(object), keyOf(object), { preconditions: { uid } });
    else
      await kube.mergePatch(
        resourceOf(object),
        keyOf(object),
        { metadata: { finalizers: collected.finalizers, resourceVersion } },
        { fieldManager },
      );
  }

  async #bind(claim: Stored<PersistentVolumeClaim>): Promise<void> {
    const storage = claim.spec?.resources?.requests?.storage;
    await this.#patchStatus(persistentVolumeClaims, claim, {
      phase: 'Bound',
      accessModes: claim.spec?.accessModes ?? [],
      ...(storage === undefined ? {} : { capacity: { storage } }),
    });
  }

  async #reportStatus(allPods: readonly Stored<Pod>[]): Promise<void> {
    const time = new Date(this.#options.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    for (const set of this.mirrors.statefulSets.all())
      await this.#tolerate(() => this.#patchStatus(statefulSets, set, readStatefulSetStatus(set, allPods)));
    for (const deployment of this.mirrors.deployments.all())
      await this.#tolerate(() =>
        this.#patchStatus(deployments, deployment, readDeploymentStatus(deployment, allPods, time)),
      );
  }

  async #patchStatus<T extends KubeObject & { readonly status?: object }>(
    resource: Resource<T>,
    object: Stored<T>,
    status: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (isJsonEqual(object.status ?? {}, status)) return;
    const { apiVersion, kind } = resource;
    await this.#options.kube.patchStatus(
      resource,
      { apiVersion, kind, metadata: keyOf(object), status },
      { fieldManager, force: true },
    );
  }

  /** Somebody else was faster: the object is gone, changed or there already. The next look sees it. */
  async #tolerate(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isHybridStoreError(error)) throw error;
      this.#options.logger.debug('controller_retries', { error });
      if (error.code !== 'not_found' && error.code !== 'conflict')
        this.#options.logger.warn('controller_action_failed', { error });
    }
  }

  #writeNames(allPods: readonly Stored<Pod>[]): void {
    const served = buildServiceNames(this.mirrors.services.all(), allPods);
    const names = JSON.stringify({ ...this.#options.fixedNames, ...served });
    if (names === this.#names) return;
    const { hostsFile } = this.#options;
    mkdirSync(dirname(hostsFile), { recursive: true, mode: privateFolder });
    writeFileSync(`${hostsFile}.new`, names, { mode: privateFile });
    renameSync(`${hostsFile}.new`, hostsFile);
    this.#names = names;
  }
}

/** One that is as large as is asked for: every volume here can grow. */
function hasVolume({ spec, status }: PersistentVolumeClaim): boolean {
  const storage = spec?.resources?.requests?.storage;
  return status?.phase === 'Bound' && (storage === undefined || status.capacity?.storage === storage);
}
