import type { Kube, KubeObject } from '@hybridstore/controller-runtime';
import { HybridStoreError, isHybridStoreError, systemClock } from '@hybridstore/runtime';
import { readCondition } from './condition.ts';
import { resourceOf } from './kind-names.ts';
import { keyOf, nameOf } from './read-objects.ts';

export const waitSecondsDefault = 120;
export const waitSecondsMax = 3_600;
const stepMs = 250;

/** Until Ready is true for what the object's spec says now. Throws `deadline_exceeded` with the reason why not. */
export async function waitUntilReady(kube: Kube, object: KubeObject, timeoutMs: number): Promise<void> {
  await poll(timeoutMs, async () => {
    const ready = readCondition(await kube.get(resourceOf(object.kind), keyOf(object)), 'Ready');
    if (ready?.status === 'True') return undefined;
    return `${nameOf(object)} is not ready: ${ready?.reason ?? 'no condition yet'} ${ready?.message ?? ''}`.trim();
  });
}

/** Until the object is gone, or another one has its name. Throws `deadline_exceeded` with what holds it. */
export async function waitUntilGone(kube: Kube, object: KubeObject, uid: string, timeoutMs: number): Promise<void> {
  await poll(timeoutMs, async () => {
    const stored = await kube.get(resourceOf(object.kind), keyOf(object)).catch((error: unknown) => {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    });
    if (stored === undefined || stored.metadata.uid !== uid) return undefined;
    return `${nameOf(object)} is still there, held by ${stored.metadata.finalizers?.join(', ') ?? 'nothing'}`;
  });
}

/** `look` says what is still missing, or nothing. */
async function poll(timeoutMs: number, look: () => Promise<string | undefined>): Promise<void> {
  const untilMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (systemClock.monotonicMs() > untilMs)
      throw new HybridStoreError('deadline_exceeded', `${missing} after ${timeoutMs / 1_000} s`);
    await systemClock.sleep(stepMs);
  }
}
