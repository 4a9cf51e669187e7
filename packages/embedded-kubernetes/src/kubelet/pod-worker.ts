import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, ContainerState, Pod, PodStatus, Stored } from '@hybridstore/controller-runtime';
import { type Clock, type Logger, privateFile, privateFolder } from '@hybridstore/runtime';
import { buildEnvironment, rewritePath } from './container-environment.ts';
import { buildPodStatus } from './pod-status.ts';
import type { RunningPod } from './pod-usage.ts';
import { runProbe } from './probe.ts';
import { killProcessGroup, removeProcessRecord, writeProcessRecord } from './process-record.ts';
import { prepareVolumes, type VolumeSources } from './volumes.ts';

/** How a container becomes a local command; undefined: the image is not known here. */
export type Command = { readonly file: string; readonly args: readonly string[] };
export type CommandOf = (image: string, args: readonly string[]) => Command | undefined;

export type PodWorkerOptions = {
  readonly pod: Stored<Pod>;
  readonly address: string;
  readonly root: string;
  readonly commandOf: CommandOf;
  readonly sources: VolumeSources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly baseEnvironment: Readonly<Record<string, string>>;
  /** Restarts that earlier platforms on this folder counted. */
  readonly restartCount: number;
  /** Bytes of output at which a log is cut; at most twice as many are kept, and what comes between two looks. */
  readonly logBytesMax?: number;
  readonly report: (status: PodStatus) => void;
};

const backoffMsMin = 1_000;
const backoffMsMax = 30_000;
/** A container that ran this long starts its next back-off from the beginning. */
const settledMs = 60_000;
/** Before its first success a probe is tried more often than declared: nobody likes to wait for a start. */
const startProbeMs = 100;
const logBytesMaxDefault = 16 * 1024 * 1024;
const missingRetryMs = 200;

type Phase = 'waiting' | 'running' | 'backing-off' | 'stopping' | 'ended';

/** One pod as one local process: its folders, its variables, its probes, its restarts. No memory limit is enforced here. */
export class PodWorker {
  readonly #options: PodWorkerOptions;
  readonly #folder: string;
  readonly #container: Container;
  #pod: Stored<Pod>;
  #child: ChildProcess | undefined;
  #phase: Phase = 'waiting';
  #reason = 'ContainerCreating';
  #message = '';
  #isReady = false;
  #hasStarted = false;
  #startedAtMs = 0;
  #restartCount: number;
  #folders: readonly string[] = [];
  #backoffMs = backoffMsMin;
  #lastState: ContainerState | undefined;
  #cancelTimer: () => void = () => {};
  #cancelProbe: () => void = () => {};
  readonly #ended = Promise.withResolvers<void>();

  constructor(options: PodWorkerOptions) {
    this.#options = options;
    this.#pod = options.pod;
    this.#folder = podFolder(options.root, options.pod.metadata.uid);
    this.#container = options.pod.spec.containers[0] ?? { name: 'none' };
    this.#restartCount = options.restartCount;
    mkdirSync(this.#folder, { recursive: true, mode: privateFolder });
  }

  get address(): string {
    return this.#options.address;
  }

  /** `namespace/name`. */
  get name(): string {
    return nameOf(this.#pod);
  }

  /** Folders of its volumes since the last start. */
  get folders(): readonly string[] {
    return this.#folders;
  }

  get logFile(): string {
    return join(this.#folder, 'log');
  }

  /** Undefined while no process runs. */
  get running(): RunningPod | undefined {
    const pid = this.#child?.pid;
    if (pid === undefined) return undefined;
    return { uid: this.#pod.metadata.uid, container: this.#container.name, pid, startedAtMs: this.#startedAtMs };
  }

  start(): void {
    this.#tryToStart();
  }

  /** The pod's labels or a ConfigMap changed: mounted files follow. */
  refresh(pod: Stored<Pod>): void {
    this.#pod = pod;
    if (this.#phase === 'running') prepareVolumes(this.#options.root, this.#folder, pod, this.#options.sources);
  }

  /** SIGTERM, then SIGKILL after the grace; at once with a grace of 0. Resolves when the process is gone. */
  async stop(graceSeconds: number): Promise<void> {
    if (this.#phase !== 'stopping') {
      this.#cancelTimer();
      this.#cancelProbe();
      this.#phase = 'stopping';
      this.#isReady = false;
      if (!this.#child) this.#finish();
      else if (graceSeconds > 0) this.#child.kill('SIGTERM');
      else this.kill();
      this.#report();
    } else if (graceSeconds === 0) this.kill();
    const cancel = this.#options.clock.schedule(graceSeconds * 1_000, () => this.kill());
    await this.#ended.promise;
    cancel();
  }

  /** Removes what the pod had for itself. Claims stay. */
  removeFiles(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tryToStart(): void {
    const { options, missingVolumes, missingValues, environment, folders } = this.#gather();
    const local = { address: options.address, folders };
    // Only what the manifest says lies below a mount; the local command's own paths are of this machine.
    const words = [...(this.#container.command ?? []), ...(this.#container.args ?? [])];
    const command = options.commandOf(
      this.#container.image ?? '',
      words.map((word) => rewritePath(word, this.#container, local)),
    );
    if (!command) {
      this.#wait('ErrImageNeverPull', `image ${this.#container.image} has no local command`);
      return;
    }
    if (missingVolumes.length > 0) {
      this.#wait('ContainerCreating', `waiting for ${missingVolumes.join(', ')}`);
      return;
    }
    if (missingValues.length > 0) {
      this.#wait('CreateContainerConfigError', `not found: ${missingValues.join(', ')}`);
      return;
    }
    this.#spawn(command.file, command.args, environment);
  }

  #gather() {
    const options = this.#options;
    const volumes = prepareVolumes(options.root, this.#folder, this.#pod, options.sources);
    this.#folders = [...volumes.byName.values()];
    const { variables, missing } = buildEnvironment(
      this.#pod,
      this.#container,
      { address: options.address, folders: volumes.byName },
      options.sources,
    );
    const environment = {
      ...options.baseEnvironment,
      ...variables,
      HOST: options.address,
    };
    return { options, missingVolumes: volumes.missing, missingValues: missing, environment, folders: volumes.byName };
  }

  /** Something that the pod needs is not there yet: tried again soon, as the kubelet does. */
  #wait(reason: string, message: string): void {
    const isNews = reason !== this.#reason || message !== this.#message;
    this.#reason = reason;
    this.#message = message;
    if (isNews) this.#report();
    this.#cancelTimer = this.#options.clock.schedule(missingRetryMs, () => this.#tryToStart());
  }

  #spawn(file: string, args: readonly string[], environment: Readonly<Record<string, string>>): void {
    this.#boundLog();
    const log = openSync(this.logFile, 'a', privateFile);
    // A process group of its own: its children end with it, and a Ctrl-C at the terminal reaches the platform alone.
    const child = spawn(file, args, {
      cwd: this.#folder,
      env: environment,
      stdio: ['ignore', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    this.#phase = 'running';
    this.#startedAtMs = this.#options.clock.now();
    this.#isReady = false;
    this.#hasStarted = false;
    if (child.pid !== undefined) writeProcessRecord(this.#folder, child.pid);
    child.once('error', (error) =>
      this.#options.logger.error('pod_spawn_failed', { pod: this.#pod.metadata.name, error }),
    );
    child.once('close', (code, signal) => {
      if (child.pid !== undefined) killProcessGroup(child.pid);
      this.#exited(code, signal);
    });
    this.#report();
    this.#probe(0);
  }

  /** Ends the process and all that it started, at once. */
  kill(): void {
    if (this.#child?.pid !== undefined) killProcessGroup(this.#child.pid);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    removeProcessRecord(this.#folder);
    this.#cancelProbe();
    this.#isReady = false;
    if (this.#phase === 'stopping') {
      this.#finish();
      return;
    }
    this.#lastState = { terminated: buildTermination(code, signal, this.#startedAtMs, this.#options.clock.now()) };
    this.#options.logger.warn('pod_exited', { pod: this.#pod.metadata.name, code, signal });
    if (this.#options.clock.now() - this.#startedAtMs > settledMs) this.#backoffMs = backoffMsMin;
    this.#phase = 'backing-off';
    this.#reason = 'CrashLoopBackOff';
    this.#message = `back-off ${this.#backoffMs} ms restarting failed container`;
    this.#restartCount += 1;
    this.#report();
    this.#cancelTimer = this.#options.clock.schedule(this.#backoffMs, () => this.#tryToStart());
    this.#backoffMs = Math.min(backoffMsMax, this.#backoffMs * 2);
  }

  #finish(): void {
    this.#phase = 'ended';
    this.#ended.resolve();
  }

  /** One round of probes, then the next. Readiness decides traffic; liveness (and a start that never comes) ends the process. */
  #probe(failures: number): void {
    const { readinessProbe, livenessProbe, startupProbe } = this.#container;
    const probe = !this.#hasStarted ? (startupProbe ?? readinessProbe) : readinessProbe;
    const child = this.#child;
    const delayMs = this.#isReady ? (readinessProbe?.periodSeconds ?? 10) * 1_000 : startProbeMs;
    this.#cancelProbe = this.#options.clock.schedule(delayMs, async () => {
      const isUp = probe ? await runProbe(probe, this.#container, this.address) : true;
      const isAlive =
        !this.#hasStarted || !livenessProbe || (await runProbe(livenessProbe, this.#container, this.address));
      // The process that was asked may be gone by now; its successor has probes of its own.
      if (this.#phase !== 'running' || this.#child !== child) return;
      const failed = isAlive ? 0 : failures + 1;
      if (failed >= (livenessProbe?.failureThreshold ?? 3)) this.kill();
      this.#boundLog();
      this.#judge(isUp, Boolean(startupProbe));
      this.#probe(failed);
    });
  }

  /** Keeps the newest output and one part before it. The process appends, so its file may be cut under it. */
  #boundLog(): void {
    const { logBytesMax = logBytesMaxDefault, logger } = this.#options;
    const bytes = statSync(this.logFile, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes < logBytesMax) return;
    copyFileSync(this.logFile, `${this.logFile}.1`);
    truncateSync(this.logFile);
    logger.debug('pod_log_cut', { pod: this.name, bytes });
  }

  #judge(isUp: boolean, hasStartupProbe: boolean): void {
    const before = this.#isReady;
    if (!this.#hasStarted && isUp) {
      this.#hasStarted = true;
      // A start-up probe says that the process lives, not yet that it is ready.
      this.#isReady = !hasStartupProbe || !this.#container.readinessProbe;
    } else if (this.#hasStarted) this.#isReady = isUp;
    if (before !== this.#isReady) this.#report();
  }

  #report(): void {
    const time = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
    const isRunning = this.#phase === 'running' || (this.#phase === 'stopping' && this.#child !== undefined);
    const state: ContainerState = isRunning
      ? { running: { startedAt: time(this.#startedAtMs) } }
      : { waiting: { reason: this.#reason, message: this.#message } };
    this.#options.report(
      buildPodStatus(this.#pod, {
        address: this.address,
        isReady: this.#isReady,
        isRunning,
        hasStarted: this.#hasStarted,
        restartCount: this.#restartCount,
        state,
        now: time(this.#options.clock.now()),
        ...(this.#lastState ? { lastState: this.#lastState } : {}),
      }),
    );
  }
}

/** `namespace/name`. */
export function nameOf(pod: Stored<Pod>): string {
  return `${pod.metadata.namespace}/${pod.metadata.name}`;
}

export function podFolder(root: string, uid: string): string {
  return join(root, 'pods', uid);
}

function buildTermination(
  code: number | null,
  signal: NodeJS.Signals | null,
  startedAtMs: number,
  nowMs: number,
): NonNullable<ContainerState['terminated']> {
  const exitCode = code ?? 128 + (signal === 'SIGKILL' ? 9 : 15);
  const time = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    startedAt: time(startedAtMs),
    finishedAt: time(nowMs),
  };
}
