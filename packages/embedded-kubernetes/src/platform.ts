import { randomBytes } from 'node:crypto';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { KubeObject, Resource } from '@hybridstore/controller-runtime';
import { kubeError, listAll, pods } from '@hybridstore/controller-runtime';
import { type Clock, type Logger, systemDisk } from '@hybridstore/runtime';
import { EmbeddedApiServer } from './api/api-server.ts';
import { Controllers } from './controllers/run-controllers.ts';
import { listenOnHost } from './kubelet/host-port.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import { LoopbackNetwork } from './kubelet/network.ts';
import type { CommandOf } from './kubelet/pod-worker.ts';
import { Journal } from './storage/journal.ts';

export type EmbeddedPlatformOptions = {
  /** Everything is kept below: objects, claims, logs of pods, the hosts file. */
  readonly folder: string;
  readonly commandOf: CommandOf;
  readonly baseEnvironment: Readonly<Record<string, string>>;
  /** The variable by which each process finds the hosts file: addresses of Services and pods by name, in JSON. */
  readonly hostsFileVariable?: string;
  /** Who writes through `kube` when a call names nobody. */
  readonly fieldManager: string;
  /** Who reports Events; the field manager without one. */
  readonly reportingController?: string;
  /** Names that lead to the platform's own servers, as a Service would in a cluster. */
  readonly ownNames?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * A cluster in one process: the API server in memory, the controllers that Kubernetes would bring, and pods as local
 * processes on loopback addresses. A second platform on the same folder finds the objects and the volumes again.
 */
export class EmbeddedPlatform {
  readonly kube: EmbeddedApiServer;
  readonly controllers: Controllers;
  readonly kubelet: Kubelet;
  readonly hostsFile: string;
  readonly #journal: Journal;
  readonly #network: LoopbackNetwork;
  readonly #hostPorts: Server[] = [];
  readonly #onExit = (): void => this.kubelet.killAll();

  private constructor(
    options: EmbeddedPlatformOptions,
    journal: Journal,
    kube: EmbeddedApiServer,
    network: LoopbackNetwork,
  ) {
    this.kube = kube;
    this.#journal = journal;
    this.#network = network;
    this.hostsFile = join(options.folder, 'run', 'hosts.json');
    const { clock, logger } = options;
    this.controllers = new Controllers({
      kube,
      clock,
      logger,
      hostsFile: this.hostsFile,
      fixedNames: Object.fromEntries((options.ownNames ?? []).map((name) => [name, [network.host]])),
      allObjects: () => kube.store.collections().flatMap((collection) => kube.store.list(collection)),
      resourceOf: (object) => resourceOf(kube, object),
      randomSuffix: () => randomBytes(4).toString('hex').slice(0, 5),
    });
    this.kubelet = new Kubelet({
      kube,
      controllers: this.controllers,
      network,
      root: options.folder,
      commandOf: options.commandOf,
      baseEnvironment: { ...options.baseEnvironment, ...hostsVariable(options, this.hostsFile) },
      clock,
      logger,
    });
  }

  /** Opens the folder and ends what a killed platform left running; pods start with `start`. */
  static async open(options: EmbeddedPlatformOptions): Promise<EmbeddedPlatform> {
    const { journal, records } = await Journal.open(systemDisk, join(options.folder, 'objects.ndjson'));
    const { clock, fieldManager, reportingController = fieldManager } = options;
    const kube = new EmbeddedApiServer({ clock, fieldManager, reportingController, journal, records });
    const platform = new EmbeddedPlatform(options, journal, kube, await LoopbackNetwork.claim());
    const orphans = platform.kubelet.endOrphans();
    await forgetReadiness(kube);
    if (orphans > 0) options.logger.warn('orphaned_processes_ended', { count: orphans });
    return platform;
  }

  /** Loopback address of the platform's own servers. */
  get host(): string {
    return this.#network.host;
  }

  start(): Promise<void> {
    process.on('exit', this.#onExit);
    return this.controllers.start();
  }

  /** Serves a port of 127.0.0.1: each connection goes to one of the targets of that moment, in turn. */
  async listenOnHost(
    port: number,
    targets: () => readonly { readonly host: string; readonly port: number }[],
  ): Promise<void> {
    this.#hostPorts.push(await listenOnHost(port, targets));
  }

  /** Pods get SIGTERM and their grace; objects and volumes stay. */
  async stop(): Promise<void> {
    for (const server of this.#hostPorts) server.close();
    await this.kubelet.stop();
    process.off('exit', this.#onExit);
    await this.controllers.stop();
    await this.#journal.close();
    this.#network.close();
  }
}

function hostsVariable(
  { hostsFileVariable }: EmbeddedPlatformOptions,
  hostsFile: string,
): Readonly<Record<string, string>> {
  return hostsFileVariable === undefined ? {} : { [hostsFileVariable]: hostsFile };
}

/** Pods that were ready under an earlier platform are not: their processes are gone. Nobody may believe the old status. */
async function forgetReadiness(kube: EmbeddedApiServer): Promise<void> {
  const { items } = await listAll(kube, pods);
  for (const pod of items) {
    const { conditions: before, containerStatuses: containers } = pod.status ?? {};
    if (before === undefined) continue;
    const conditions = before.map((condition) =>
      condition.type === 'Ready' || condition.type === 'ContainersReady'
        ? { ...condition, status: 'False' }
        : condition,
    );
    const unready = containers?.map((container) => ({ ...container, ready: false }));
    const containerStatuses = unready === undefined ? {} : { containerStatuses: unready };
    await kube.update(
      pods,
      { ...pod, status: { ...pod.status, conditions, ...containerStatuses } },
      {
        fieldManager: 'embedded-kubelet',
        subresource: 'status',
      },
    );
  }
}

function resourceOf(kube: EmbeddedApiServer, object: KubeObject): Resource {
  const kind = kube.registry.findByKind(object.apiVersion, object.kind);
  if (kind) return kind.resource;
  throw kubeError({ reason: 'NotFound', message: `no kind ${object.kind} in ${object.apiVersion}` });
}
