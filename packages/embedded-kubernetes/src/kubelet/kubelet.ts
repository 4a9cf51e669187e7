import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Kube } from '@hybridstore/controller-runtime';
import { keyOf, type Pod, type PodStatus, pods, type Stored } from '@hybridstore/controller-runtime';
import { type Clock, HybridStoreError, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { Controllers } from '../controllers/run-controllers.ts';
import type { LoopbackNetwork } from './network.ts';
import { type PodUsage, PodUsages } from './pod-usage.ts';
import { type CommandOf, nameOf, PodWorker } from './pod-worker.ts';
import { killRecordedProcess } from './process-record.ts';
import { readGroupUsage } from './process-usage.ts';
import { claimFolder, type VolumeSources } from './volumes.ts';

export type KubeletOptions = {
  readonly kube: Kube;
  readonly controllers: Controllers;
  readonly network: LoopbackNetwork;
  /** Folder for pods (`pods/<uid>`) and claims (`volumes/<namespace>/<claim>.<uid>`). */
  readonly root: string;
  readonly commandOf: CommandOf;
  readonly baseEnvironment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly logger: Logger;
};

const fieldManager = 'embedded-kubelet';
const graceSecondsDefault = 30;
const logTailBytesMax = 1024 * 1024;

/** Runs the pods of the embedded platform as processes of this machine. */
export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #workers = new Map<string, PodWorker>();
  /** Folders of the claims that were seen by uid. Only a claim that was seen and is gone takes its files along: an empty list proves nothing. */
  readonly #claimFolders = new Map<string, string>();
  /** A successor of the same name must not start before its predecessor's process is gone: both would use the same volume. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #reports = new Map<string, Promise<void>>();
  readonly #usages = new PodUsages(readGroupUsage);
  #isStopping = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    options.controllers.onSync(() => this.#sync());
  }

  /** Ends processes that a killed platform left behind. Must be called before the first sync. */
  endOrphans(): number {
    const folder = join(this.#options.root, 'pods');
    if (!existsSync(folder)) return 0;
    return readdirSync(folder).filter((uid) => killRecordedProcess(join(folder, uid))).length;
  }

  /** Ends all processes; the pods stay in the store and start again with the next platform on this folder. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop(graceSecondsDefault)));
    await Promise.all(this.#leaving.values());
  }

  /** For a platform that ends without `stop`: no process outlives it. Synchronous, as an exit handler must be. */
  killAll(): void {
    this.#isStopping = true;
    for (const worker of this.#workers.values()) worker.kill();
  }

  /** The last lines of a pod's output. */
  readLog(namespace: string, name: string, linesMax: number): string {
    const pod = this.#options.controllers.mirrors.pods.get(namespace, name);
    const worker = pod && this.#workers.get(pod.metadata.uid);
    if (!worker) throw new HybridStoreError('not_found', `pods "${name}" not found`);
    const text = readFileSync(worker.logFile, 'utf8').slice(-logTailBytesMax);
    return `${text.trimEnd().split('\n').slice(-linesMax).join('\n')}\n`;
  }

  /** What the pods use that run now. Needs /proc. */
  readUsage(): readonly PodUsage[] {
    const running = [...this.#workers.values()].flatMap((worker) => worker.running ?? []);
    return this.#usages.look(running, this.#options.clock.now());
  }

  #sync(): void {
    if (this.#isStopping) return;
    const all = this.#options.controllers.mirrors.pods.all();
    const uids = new Set(all.map((pod) => pod.metadata.uid));
    for (const [uid, worker] of this.#workers) if (!uids.has(uid)) this.#end(uid, worker, 0);
    for (const pod of all) this.#syncPod(pod);
    this.#removeClaimFolders();
  }

  #syncPod(pod: Stored<Pod>): void {
    const worker = this.#workers.get(pod.metadata.uid);
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (worker)
        this.#end(pod.metadata.uid, worker, pod.metadata.deletionGracePeriodSeconds ?? graceSecondsDefault, pod);
      else if (!this.#leaving.has(nameOf(pod))) void this.#removePod(pod);
      return;
    }
    if (worker) worker.refresh(pod);
    else if (!this.#leaving.has(nameOf(pod))) this.#begin(pod);
  }

  #begin(pod: Stored<Pod>): void {
    const { network, root, commandOf, clock, logger, baseEnvironment } = this.#options;
    const before = pod.status?.containerStatuses?.[0];
    const worker = new PodWorker({
      pod,
      root,
      commandOf,
      clock,
      logger,
      baseEnvironment,
      address: network.take(),
      sources: this.#sources(),
      // A pod that ran under an earlier platform has been restarted by being here again.
      restartCount: before === undefined ? 0 : before.restartCount + 1,
      report: (status) => this.#report(pod, status),
    });
    this.#workers.set(pod.metadata.uid, worker);
    worker.start();
  }

  #end(uid: string, worker: PodWorker, graceSeconds: number, pod?: Stored<Pod>): void {
    const isLeaving = this.#leaving.has(worker.name);
    const stopped = worker.stop(graceSeconds);
    if (isLeaving) return;
    const ending = stopped.then(async () => {
      this.#workers.delete(uid);
      this.#options.network.giveBack(worker.address);
      await this.#reports.get(uid);
      this.#reports.delete(uid);
      worker.removeFiles();
      if (pod) await this.#removePod(pod);
      this.#leaving.delete(worker.name);
      this.#sync();
    });
    this.#leaving.set(worker.name, ending);
  }

  async #removePod(pod: Stored<Pod>): Promise<void> {
    try {
      await this.#options.kube.delete(pods, keyOf(pod), {
        gracePeriodSeconds: 0,
        preconditions: { uid: pod.metadata.uid },
      });
    } catch (error) {
      if (!isHybridStoreError(error, 'not_found') && !isHybridStoreError(error, 'conflict')) throw error;
    }
  }

  /** Reports of one pod follow each other, so that an older one never overtakes. */
  #report(pod: Stored<Pod>, status: PodStatus): void {
    const before = this.#reports.get(pod.metadata.uid) ?? Promise.resolve();
    const { kube, logger } = this.#options;
    const next = before.then(async () => {
      try {
        const patch = { apiVersion: 'v1', kind: 'Pod', metadata: keyOf(pod), status: { ...status } };
        await kube.patchStatus(pods, patch, { fieldManager, force: true });
      } catch (error) {
        if (!isHybridStoreError(error, 'not_found'))
          logger.warn('pod_status_failed', { pod: pod.metadata.name, error });
      }
    });
    this.#reports.set(pod.metadata.uid, next);
  }

  #sources(): VolumeSources {
    const { mirrors } = this.#options.controllers;
    return {
      configMap: (namespace, name) => mirrors.configMaps.get(namespace, name),
      secret: (namespace, name) => mirrors.secrets.get(namespace, name),
      claim: (namespace, name) => mirrors.claims.get(namespace, name),
    };
  }

  /** A claim that is gone takes its files along, once no process uses them. */
  #removeClaimFolders(): void {
    const claims = this.#options.controllers.mirrors.claims.all();
    for (const claim of claims) this.#claimFolders.set(claim.metadata.uid, claimFolder(this.#options.root, claim));
    const present = new Set(claims.map((claim) => claim.metadata.uid));
    const used = new Set([...this.#workers.values()].flatMap((worker) => worker.folders));
    for (const [uid, folder] of this.#claimFolders) {
      if (present.has(uid) || used.has(folder)) continue;
      rmSync(folder, { recursive: true, force: true });
      this.#claimFolders.delete(uid);
    }
  }
}
