import type { ProcessUsage } from './process-usage.ts';

/** What a pod uses: processor over the window that ends now, memory at its end. */
export type PodUsage = {
  readonly uid: string;
  readonly container: string;
  readonly cpuNanocores: number;
  readonly memoryBytes: number;
  readonly atMs: number;
  readonly windowMs: number;
};

export type RunningPod = {
  readonly uid: string;
  readonly container: string;
  readonly pid: number;
  readonly startedAtMs: number;
};

type Look = { readonly pid: number; readonly cpuMs: number; readonly usage: PodUsage };

/** A window shorter than this says nothing about a processor that is counted in hundredths of a second. */
const windowMsMin = 1_000;

/** Usage of pods from one look to the next; the first window of a process begins with it. */
export class PodUsages {
  readonly #readUsage: (groups: ReadonlySet<number>) => ReadonlyMap<number, ProcessUsage>;
  /** Of the pods of the last look only. */
  #looks: ReadonlyMap<string, Look> = new Map();

  constructor(readUsage: (groups: ReadonlySet<number>) => ReadonlyMap<number, ProcessUsage>) {
    this.#readUsage = readUsage;
  }

  look(pods: readonly RunningPod[], nowMs: number): readonly PodUsage[] {
    const used = this.#readUsage(new Set(pods.map(({ pid }) => pid)));
    const looks = pods.flatMap((pod) => {
      const before = this.#looks.get(pod.uid);
      const usage = used.get(pod.pid);
      return usage === undefined
        ? []
        : [lookAt(pod, { before: before?.pid === pod.pid ? before : undefined, usage, nowMs })];
    });
    this.#looks = new Map(looks.map((look) => [look.usage.uid, look]));
    return looks.map(({ usage }) => usage);
  }
}

type Seen = { readonly before: Look | undefined; readonly usage: ProcessUsage; readonly nowMs: number };

function lookAt({ uid, container, pid, startedAtMs }: RunningPod, { before, usage, nowMs }: Seen): Look {
  const windowMs = nowMs - (before?.usage.atMs ?? startedAtMs);
  if (before !== undefined && windowMs < windowMsMin) return before;
  const cpuMs = Math.max(0, usage.cpuMs - (before?.cpuMs ?? 0)); // less, when a child ended that nobody waited for
  const cpuNanocores = Math.round((cpuMs / Math.max(windowMs, windowMsMin)) * 1e9);
  return {
    pid,
    cpuMs: usage.cpuMs,
    usage: { uid, container, cpuNanocores, memoryBytes: usage.memoryBytes, atMs: nowMs, windowMs },
  };
}
