import { Gauge, type Registry } from '@hybridstore/runtime';
import type { HealthBoard } from './domain/health-board.ts';

/** What monitoring saw of all processes, for a Prometheus that scrapes only monitoring. Label values are names of processes that the operator runs. */
export function registerPlatformMetrics(registry: Registry, board: HealthBoard): void {
  const labelNames = ['watched_service', 'watched_instance'];
  const gauge = (
    name: string,
    help: string,
    read: (health: ReturnType<HealthBoard['read']>['services'][number]) => number,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const one of board.read().services)
          this.set({ watched_service: one.service, watched_instance: one.instance }, read(one));
      },
    });
  gauge('hybridstore_up', '1 when the process answers /health', (one) => (one.status === 'unreachable' ? 0 : 1));
  gauge('hybridstore_ready', '1 when the process answers /ready', (one) => (one.status === 'healthy' ? 1 : 0));
  gauge('hybridstore_probe_duration_seconds', 'Time of the last look', (one) => one.elapsed_ms / 1_000);
}
