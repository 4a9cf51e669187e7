import type { KubeObject } from '../kube/object.ts';
import type { Controller } from './controller.ts';
import type { Informer } from './informer.ts';

/** Informers and controllers of one process as one thing that starts, syncs, works and drains. */
export type ControlLoop = {
  readonly informers: readonly Pick<Informer<KubeObject>, 'run' | 'untilSynced'>[];
  readonly controllers: readonly Pick<Controller, 'run'>[];
};

/** Runs until the signal aborts; returns when every reconcile in flight has ended. Watches end last. */
export async function runControlLoop({ informers, controllers }: ControlLoop, signal: AbortSignal): Promise<void> {
  const reading = new AbortController();
  const reflecting = informers.map((informer) => informer.run(reading.signal));
  try {
    await Promise.all(informers.map((informer) => informer.untilSynced(signal)));
    await Promise.all(controllers.map((controller) => controller.run(signal)));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    reading.abort();
    await Promise.all(reflecting);
  }
}
