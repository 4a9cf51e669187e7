import { Counter, Gauge, type Registry } from '@hybridstore/runtime';
import { statusClasses } from './domain/figures.ts';
import type { HealthBoard } from './domain/health-board.ts';
import { type PlatformFigures, type ServiceFigures, serviceLabel } from './domain/platform-figures.ts';

const healthStates = ['healthy', 'not_ready', 'unreachable'] as const;

/**
 * A summary of all processes, for a Prometheus that scrapes monitoring only. Labels are the names of services and states:
 * the number of series does not depend on the number of tenants.
 */
export function registerPlatformMetrics(registry: Registry, board: HealthBoard, figures: PlatformFigures): void {
  registerHealth(registry, board);
  new Counter({
    name: 'hybridstore_platform_http_requests_total',
    help: 'Requests answered, by service and class of status',
    labelNames: ['watched_service', 'status_class'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [service, { requests }] of figures.read())
        for (const status of statusClasses)
          this.inc({ watched_service: service, status_class: status }, requests[status]);
    },
  });
  new Counter({
    name: 'hybridstore_platform_cpu_seconds_total',
    help: 'CPU time of all processes of a service',
    labelNames: ['watched_service'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [service, { cpuSeconds }] of figures.read()) this.inc({ watched_service: service }, cpuSeconds);
    },
  });
  registerLevel(registry, figures, {
    name: 'hybridstore_platform_http_requests_per_second',
    help: 'Requests a second over the last interval',
    read: (service) => service.requestsPerSecond,
  });
  registerLevel(registry, figures, {
    name: 'hybridstore_platform_resident_memory_bytes',
    help: 'Resident memory of all processes of a service',
    read: (service) => service.residentBytes,
  });
}

function registerLevel(
  registry: Registry,
  figures: PlatformFigures,
  level: {
    readonly name: string;
    readonly help: string;
    readonly read: (service: Readonly<ServiceFigures>) => number;
  },
): void {
  new Gauge({
    name: level.name,
    help: level.help,
    labelNames: ['watched_service'],
    registers: [registry],
    collect() {
      for (const [service, held] of figures.read()) this.set({ watched_service: service }, level.read(held));
    },
  });
}

function registerHealth(registry: Registry, board: HealthBoard): void {
  const count = (name: string, help: string, isCounted: (status: (typeof healthStates)[number]) => boolean) =>
    new Gauge({
      name,
      help,
      labelNames: ['watched_service'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { service, status } of board.read().services)
          this.inc({ watched_service: serviceLabel(service) }, isCounted(status) ? 1 : 0);
      },
    });
  count('hybridstore_platform_processes', 'Processes that are watched', () => true);
  count('hybridstore_platform_up', 'Processes that answer /health', (status) => status !== 'unreachable');
  count('hybridstore_platform_ready', 'Processes that answer /ready', (status) => status === 'healthy');
}
