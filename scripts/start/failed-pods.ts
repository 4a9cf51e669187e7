import { type Kube, listAll, pods } from '@hybridstore/controller-runtime';
import { HybridStoreError } from '@hybridstore/runtime';

/** The last lines that a pod printed. */
export type ReadPodLog = (namespace: string, name: string) => string;

const restartsMax = 2;
const refusal = /^(.* cannot start: .*?)( \([a-z_]+\))?$/;

/**
 * Pods that will not start however often they are tried: they end again and again, and say why themselves. Restarts are
 * counted from when the watch begins, for what an earlier run left says nothing about this one.
 */
export class FailedPods {
  readonly #kube: Kube;
  readonly #readLog: ReadPodLog;
  readonly #seen = new Map<string, { readonly count: number; readonly restarts: number }>();

  constructor(kube: Kube, readLog: ReadPodLog) {
    this.#kube = kube;
    this.#readLog = readLog;
  }

  /** Throws `corrupt` with a pod's own words once it was started in vain too often. */
  async check(): Promise<void> {
    for (const pod of (await listAll(this.#kube, pods)).items) {
      const count = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
      const before = this.#seen.get(pod.metadata.uid) ?? { count, restarts: 0 };
      const restarts = before.restarts + (count > before.count ? 1 : 0);
      this.#seen.set(pod.metadata.uid, { count, restarts });
      if (restarts < restartsMax) continue;
      const words = lastRefusal(this.#readLog(pod.metadata.namespace ?? 'default', pod.metadata.name));
      if (words !== undefined) throw new HybridStoreError('corrupt', words, { pod: pod.metadata.name });
    }
  }
}

function lastRefusal(log: string): string | undefined {
  return refusal.exec(log.trimEnd().split('\n').at(-1) ?? '')?.[1];
}
