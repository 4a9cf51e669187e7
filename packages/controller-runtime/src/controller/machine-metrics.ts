import { Counter, durationBucketsSeconds, Gauge, Histogram, type Registry } from '@hybridstore/runtime';

/** Figures of the machine itself. Label values: names of controllers and kinds, error codes, results. */
export type MachineMetrics = {
  readonly queueDepth: Gauge<'controller'>;
  readonly reconcileSeconds: Histogram<'controller' | 'result'>;
  readonly retries: Counter<'controller' | 'code'>;
  readonly watchRestarts: Counter<'resource' | 'reason'>;
  readonly isLeader: Gauge<'lease'>;
};

/** `prefix` begins each name: `<prefix>_controller_queue_depth`. */
export function createMachineMetrics(registry: Registry, prefix: string): MachineMetrics {
  const registers = [registry];
  return {
    queueDepth: new Gauge({
      name: `${prefix}_controller_queue_depth`,
      help: 'Keys that wait for a worker',
      labelNames: ['controller'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: `${prefix}_controller_reconcile_seconds`,
      help: 'Time of one reconcile by its result',
      labelNames: ['controller', 'result'],
      buckets: durationBucketsSeconds,
      registers,
    }),
    retries: new Counter({
      name: `${prefix}_controller_retries_total`,
      help: 'Reconciles that failed and are tried again, by error code',
      labelNames: ['controller', 'code'],
      registers,
    }),
    watchRestarts: new Counter({
      name: `${prefix}_controller_watch_restarts_total`,
      help: 'Watches that ended and were resumed or listed anew, by reason',
      labelNames: ['resource', 'reason'],
      registers,
    }),
    isLeader: new Gauge({
      name: `${prefix}_controller_is_leader`,
      help: '1 while this process holds the lease',
      labelNames: ['lease'],
      registers,
    }),
  };
}
