import { type Clock, HybridStoreError, type Logger } from '@hybridstore/runtime';
import { formatKey, type KubeObject, keyOf, type ObjectKey, parseKey } from '../kube/object.ts';
import type { Informer } from './informer.ts';
import type { ControllerMetrics, MachineMetrics } from './machine-metrics.ts';
import type { CacheChange } from './object-cache.ts';
import type { ReconcileResult } from './reconcile-result.ts';
import { decideRequeue } from './requeue.ts';
import { type QueueObserver, WorkQueue, type WorkQueueOptions } from './work-queue.ts';

/**
 * Workers that take keys from the queue and reconcile them. Knows no kind: `reconcile` gets a name, never an event.
 *
 *   informer change → enqueue(key) → queue → worker → reconcile(key) → done | requeue | wait | throw → requeue.ts
 */
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult>;

export type ControllerOptions = Omit<WorkQueueOptions, 'clock' | 'random' | 'observer'> & {
  readonly name: string;
  readonly reconcile: Reconcile;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics?: MachineMetrics;
  /** Keys reconciled at once. */
  readonly workers?: number;
  /** A reconcile that takes longer is stopped by its signal and fails. */
  readonly reconcileMsMax?: number;
};

const workersDefault = 4;
const reconcileMsMaxDefault = 120_000;
/** Reconciles in flight get this long at shutdown before their signal aborts. */
const drainMsMax = 10_000;

type Resync = {
  readonly intervalMs: number;
  readonly keys: () => readonly ObjectKey[];
};

export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #metrics: ControllerMetrics | undefined;
  readonly #workers: number;
  readonly #resyncs: Resync[] = [];

  constructor(options: ControllerOptions) {
    const { name, workers = workersDefault, metrics } = options;
    this.name = name;
    this.#options = options;
    this.#workers = workers;
    const observer: QueueObserver = {
      added: () => this.#metrics?.added(),
      taken: (seconds) => this.#metrics?.taken(seconds),
      finished: (seconds) => this.#metrics?.finished(seconds),
    };
    this.queue = new WorkQueue({ ...options, observer });
    this.#metrics = metrics?.ofController({ name, workers, queue: this.queue });
  }

  enqueue(key: ObjectKey, delayMs = 0): void {
    const isTaken = this.queue.addAfter(formatKey(key), delayMs);
    if (!isTaken) this.#options.logger.warn('key_refused', { controller: this.name, key: formatKey(key) });
  }

  /**
   * Enqueues the keys that a change of this kind concerns; by default the changed object's own. With `gatherMs` that long
   * after the first change, so that a burst of them costs one reconcile.
   */
  watch<T extends KubeObject>(
    informer: Informer<T>,
    keysOf: (change: CacheChange<T>) => readonly ObjectKey[] = ownKey,
    { gatherMs = 0 }: { readonly gatherMs?: number } = {},
  ): void {
    informer.onChange((change) => {
      for (const key of keysOf(change)) this.enqueue(key, gatherMs);
    });
  }

  /** Enqueues every cached object again and again, against whatever no event reported. Starts with `run`. */
  resync<T extends KubeObject>(informer: Informer<T>, intervalMs: number): void {
    this.#resyncs.push({ intervalMs, keys: () => informer.cache.list().map(keyOf) });
  }

  /**
   * Works until the signal aborts, then drains: no key is begun, reconciles in flight may finish for 10 s. The caller
   * guarantees that the caches which `reconcile` reads have synced.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const hardStop = new AbortController();
    let cancelDrain = () => {};
    const drain = () => {
      this.queue.close();
      cancelDrain = clock.schedule(drainMsMax, () => hardStop.abort(stopped(this.name)));
    };
    if (signal.aborted) drain();
    else signal.addEventListener('abort', drain, { once: true });
    const resyncing = this.#resyncs.map((resync) => this.#repeat(resync, signal));
    await Promise.all(Array.from({ length: this.#workers }, () => this.#work(hardStop.signal)));
    await Promise.all(resyncing);
    signal.removeEventListener('abort', drain);
    cancelDrain();
  }

  async #repeat({ intervalMs, keys }: Resync, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      // Up to a tenth longer, so that controllers of one process do not come in step.
      await clock.sleep(intervalMs * (1 + random() / 10), signal).catch(() => {}); // an abort is seen by the loop
      if (!signal.aborted) for (const key of keys()) this.enqueue(key);
    }
  }

  async #work(hardStop: AbortSignal): Promise<void> {
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      await this.#process(key, hardStop);
      this.queue.done(key);
    }
  }

  async #process(key: string, hardStop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    const result = await this.#reconcileBounded(key, hardStop);
    this.#metrics?.noteReconcile(result, (clock.monotonicMs() - startedMs) / 1_000);
  }

  /** Never throws; gives the label of the result. */
  async #reconcileBounded(key: string, hardStop: AbortSignal): Promise<ReconcileResult['kind'] | 'failed'> {
    const limit = new AbortController();
    const stop = () => limit.abort(hardStop.reason);
    const { clock, reconcileMsMax = reconcileMsMaxDefault } = this.#options;
    const cancel = clock.schedule(reconcileMsMax, () => limit.abort(tooSlow(this.name, key, reconcileMsMax)));
    hardStop.addEventListener('abort', stop, { once: true });
    try {
      const result = await this.#options.reconcile(parseKey(key), limit.signal);
      this.#settle(key, result);
      return result.kind;
    } catch (error) {
      this.#retry(key, limit.signal.aborted ? limit.signal.reason : error);
      return 'failed';
    } finally {
      cancel();
      hardStop.removeEventListener('abort', stop);
    }
  }

  #settle(key: string, result: ReconcileResult): void {
    this.queue.forget(key);
    if (result.kind !== 'done') {
      this.queue.addAfter(key, result.afterMs);
      this.#metrics?.noteRequeue();
    }
    if (result.kind === 'wait')
      this.#options.logger.debug('reconcile_waits', { controller: this.name, key, reason: result.reason });
  }

  #retry(key: string, error: unknown): void {
    const { code, delayMsMin, isExpected } = decideRequeue(error);
    const delayMs = this.queue.retry(key, delayMsMin);
    this.#metrics?.noteRequeue();
    this.#metrics?.noteFailure(code);
    const fields = {
      controller: this.name,
      key,
      code,
      delay_ms: Math.round(delayMs),
      failures: this.queue.failures(key),
      error,
    };
    if (isExpected) this.#options.logger.info('reconcile_retried', fields);
    else this.#options.logger.error('reconcile_failed', fields);
  }
}

function ownKey<T extends KubeObject>(change: CacheChange<T>): readonly ObjectKey[] {
  return [keyOf(change.object)];
}

/** Keys of the controlling owners of one kind: how a change of a child reaches its parent. */
export function ownerKeys(ownerKind: string) {
  return ({ object }: CacheChange<KubeObject>): readonly ObjectKey[] => {
    const { namespace, ownerReferences = [] } = object.metadata;
    const owners = ownerReferences.filter((owner) => owner.controller === true && owner.kind === ownerKind);
    return owners.map(({ name }) => (namespace === undefined ? { name } : { namespace, name }));
  };
}

function tooSlow(controller: string, key: string, limitMs: number): HybridStoreError {
  return new HybridStoreError(
    'deadline_exceeded',
    `${controller}: reconcile of ${key} took longer than ${limitMs} ms`,
    { key },
  );
}

function stopped(controller: string): HybridStoreError {
  return new HybridStoreError('unavailable', `${controller}: stopped during shutdown`);
}
