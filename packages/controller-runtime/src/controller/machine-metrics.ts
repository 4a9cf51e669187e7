import { Counter, durationBucketsSeconds, Gauge, Histogram, type Registry } from '@hybridstore/runtime';

/** What the machine tells of itself. Label values: names of controllers and kinds, error codes, results. */
export type MachineMetrics = {
  readonly queueDepth: Gauge<'controller'>;
  readonly reconcileSeconds: Histogram<'controller' | 'result'>;
  readonly retries: Counter<'controller' | 'code'>;
  readonly watchRestarts: Counter<'resource' | 'reason'>;
  readonly isLeader: Gauge<'lease'>;
};

export function createMachineMetrics(registry: Registry): MachineMetrics {
  const registers = [registry];
  return {
    queueDepth: new Gauge({
      name: 'hybridstore_controller_queue_depth',
      help: 'Keys that wait for a worker',
      labelNames: ['controller'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'hybridstore_controller_reconcile_seconds',
      help: 'Time of one reconcile by its result',
      labelNames: ['controller', 'result'],
      buckets: durationBucketsSeconds,
      registers,
    }),
    retries: new Counter({
      name: 'hybridstore_controller_retries_total',
      help: 'Reconciles that failed and are tried again, by error code',
      labelNames: ['controller', 'code'],
      registers,
    }),
    watchRestarts: new Counter({
      name: 'hybridstore_controller_watch_restarts_total',
      help: 'Watches that ended and were resumed or listed anew, by reason',
      labelNames: ['resource', 'reason'],
      registers,
    }),
    isLeader: new Gauge({
      name: 'hybridstore_controller_is_leader',
      help: '1 while this process holds the lease',
      labelNames: ['lease'],
      registers,
    }),
  };
}
