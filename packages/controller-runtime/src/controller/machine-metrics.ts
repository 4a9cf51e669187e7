import { Counter, durationBucketsSeconds, Gauge, Histogram, type Registry } from '@hybridstore/runtime';
import type { ReconcileResult } from './reconcile-result.ts';
import type { QueueObserver, WorkQueue } from './work-queue.ts';

/**
 * Figures of the machine itself. What means the same as in other operators bears the name that it has there, so that their
 * dashboards fit: `controller_runtime_…`, `workqueue_…`, `leader_election_…` (sigs.k8s.io/controller-runtime
 * pkg/internal/controller/metrics, pkg/metrics/workqueue.go; k8s.io/component-base). What has no name there begins with
 * ours. Label values: names of controllers and kinds, error codes, results.
 */
export type MachineMetrics = {
  /** Figures of one controller, as long as the process lives. */
  readonly ofController: (controller: WatchedController) => ControllerMetrics;
  readonly watchRestarts: Counter<'resource' | 'reason'>;
  readonly isLeader: Gauge<'name'>;
};

export type WatchedController = {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly workers: number;
};

export type ControllerMetrics = QueueObserver & {
  readonly noteReconcile: (kind: ReconcileResult['kind'] | 'failed', seconds: number) => void;
  /** A key that failed is put back. */
  readonly noteFailure: (code: string) => void;
  /** A key is put back for later, whatever the reason. */
  readonly noteRequeue: () => void;
};

/** As controller-runtime names results. A wait is a requeue after the time that is the net below it. */
const resultNames = { done: 'success', requeue: 'requeue_after', wait: 'requeue_after', failed: 'error' } as const;

/** `prefix` begins the names of what only we have: `<prefix>_controller_retries_total`. */
export function createMachineMetrics(registry: Registry, prefix: string): MachineMetrics {
  const registers = [registry];
  const controllers: WatchedController[] = [];
  const reconciles = createReconcileMetrics(registers, controllers);
  const queues = createQueueMetrics(registers, controllers);
  const retriesByCode = new Counter({
    name: `${prefix}_controller_retries_total`,
    help: 'Reconciles that failed and are tried again, by error code',
    labelNames: ['controller', 'code'],
    registers,
  });
  return {
    ofController: (watched) => {
      controllers.push(watched);
      const controller = watched.name;
      const labels = { name: controller, controller };
      return {
        added: () => queues.adds.inc(labels),
        taken: (seconds) => queues.waits.observe(labels, seconds),
        finished: (seconds) => queues.works.observe(labels, seconds),
        noteReconcile: (kind, seconds) => {
          reconciles.total.inc({ controller, result: resultNames[kind] });
          reconciles.seconds.observe({ controller }, seconds);
          if (kind === 'failed') reconciles.errors.inc({ controller });
        },
        noteFailure: (code) => retriesByCode.inc({ controller, code }),
        noteRequeue: () => queues.retries.inc(labels),
      };
    },
    watchRestarts: new Counter({
      name: `${prefix}_controller_watch_restarts_total`,
      help: 'Watches that ended and were resumed or listed anew, by reason',
      labelNames: ['resource', 'reason'],
      registers,
    }),
    isLeader: new Gauge({
      name: 'leader_election_master_status',
      help: '1 while this process holds the lease of that name, 0 while it does not',
      labelNames: ['name'],
      registers,
    }),
  };
}

function createReconcileMetrics(registers: Registry[], controllers: readonly WatchedController[]) {
  const labelNames = ['controller'] as const;
  const readAll = (name: string, help: string, read: (one: WatchedController) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const one of controllers) this.set({ controller: one.name }, read(one));
      },
    });
  readAll('controller_runtime_max_concurrent_reconciles', 'Keys that may be reconciled at once', (one) => one.workers);
  readAll('controller_runtime_active_workers', 'Keys that are being reconciled', (one) => one.queue.active);
  return {
    total: new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Reconciles by their result: success, requeue_after or error',
      labelNames: ['controller', 'result'],
      registers,
    }),
    errors: new Counter({
      name: 'controller_runtime_reconcile_errors_total',
      help: 'Reconciles that failed',
      labelNames,
      registers,
    }),
    seconds: new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Time of one reconcile',
      labelNames,
      buckets: durationBucketsSeconds,
      registers,
    }),
  };
}

function createQueueMetrics(registers: Registry[], controllers: readonly WatchedController[]) {
  // The same twice, as there: a queue bears the name of its controller.
  const labelNames = ['name', 'controller'] as const;
  const readAll = (name: string, help: string, read: (queue: WorkQueue) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const { name: one, queue } of controllers) this.set({ name: one, controller: one }, read(queue));
      },
    });
  readAll('workqueue_depth', 'Keys that wait for a worker', (queue) => queue.depth);
  readAll(
    'workqueue_unfinished_work_seconds',
    'Time that the keys in work have taken so far, all together',
    (queue) => queue.activeMs().reduce((sum, each) => sum + each, 0) / 1_000,
  );
  readAll(
    'workqueue_longest_running_processor_seconds',
    'Time that the longest of the keys in work has taken so far',
    (queue) => Math.max(0, ...queue.activeMs()) / 1_000,
  );
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames, buckets: durationBucketsSeconds, registers });
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  return {
    adds: counter('workqueue_adds_total', 'Keys that were added, but those that waited already'),
    retries: counter('workqueue_retries_total', 'Keys that were put back for later'),
    waits: histogram('workqueue_queue_duration_seconds', 'Time that a key waited for a worker'),
    works: histogram('workqueue_work_duration_seconds', 'Time that a worker had a key'),
  };
}
