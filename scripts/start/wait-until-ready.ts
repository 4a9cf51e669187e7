import {
  deployments,
  type Kube,
  type KubeObject,
  listAll,
  type Resource,
  statefulSets,
} from '@hybridstore/controller-runtime';
import { HybridStoreError, systemClock } from '@hybridstore/runtime';
import type { FailedPods } from './failed-pods.ts';

const stepMs = 50;

type Conditions = {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly observedGeneration?: number;
    }[];
  };
};

export type WorkloadWait = {
  /** Deployments that there will be at least. */
  readonly countMin: number;
  readonly timeoutMs: number;
  readonly failed: Pick<FailedPods, 'check'>;
};

/** Waits until every Deployment and StatefulSet has its pods ready. Throws at once when a pod says that it cannot start. */
export async function waitForWorkloads(kube: Kube, { countMin, timeoutMs, failed }: WorkloadWait): Promise<void> {
  await poll(timeoutMs, async () => {
    await failed.check();
    const made = (await listAll(kube, deployments)).items;
    const sets = (await listAll(kube, statefulSets)).items;
    const waiting = [...made, ...sets].filter(
      (one) =>
        (one.status?.readyReplicas ?? 0) < (one.spec?.replicas ?? 1) ||
        one.status?.observedGeneration !== one.metadata.generation,
    );
    if (made.length >= countMin && waiting.length === 0) return undefined;
    return `${made.length} of ${countMin} services made; not ready: ${waiting.map((one) => one.metadata.name).join(', ') || 'none'}`;
  });
}

/** Waits until objects are Ready for what their spec says now. */
export async function waitForReady(
  kube: Kube,
  objects: readonly { readonly resource: Resource; readonly object: KubeObject }[],
  timeoutMs: number,
): Promise<void> {
  await poll(timeoutMs, async () => {
    for (const { resource, object } of objects) {
      const stored = await kube.get(resource, {
        namespace: object.metadata.namespace ?? 'default',
        name: object.metadata.name ?? '',
      });
      // Every kind that is waited for reports its conditions in this form.
      const ready = (stored as Conditions).status?.conditions?.find((one) => one.type === 'Ready');
      if (ready?.status !== 'True' || (ready.observedGeneration ?? 0) < (stored.metadata.generation ?? 0)) {
        return `${stored.kind}/${stored.metadata.name}: ${ready?.reason ?? 'no condition yet'} ${ready?.message ?? ''}`;
      }
    }
    return undefined;
  });
}

/** `look` says what is still missing, or nothing. */
async function poll(timeoutMs: number, look: () => Promise<string | undefined>): Promise<void> {
  const untilMs = performance.now() + timeoutMs;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (performance.now() > untilMs)
      throw new HybridStoreError('deadline_exceeded', `not ready within ${timeoutMs / 1_000} s: ${missing}`);
    await systemClock.sleep(stepMs);
  }
}
