import type { HealthAll, MonitoringTarget, ServiceHealth } from '@hybridstore/contracts';
import { type Clock, Semaphore, SingleFlight } from '@hybridstore/runtime';
import { instanceKeyOf, type Probe, type Targets } from './ports.ts';

const probesAtOnceMax = 32;
const probesWaitingMax = 10_000;
/** A look this fresh answers for the next one: a dashboard that everybody opens must not become load. */
const freshMs = 1_000;

/** The last look at every process. */
export class HealthBoard {
  readonly #targets: Targets;
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #limit = new Semaphore({ running: probesAtOnceMax, waiting: probesWaitingMax });
  readonly #flight = new SingleFlight<'all', void>();
  #seen = new Map<string, ServiceHealth>();
  #seenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly targets: Targets; readonly probe: Probe; readonly clock: Clock }) {
    this.#targets = options.targets;
    this.#probe = options.probe;
    this.#clock = options.clock;
  }

  /** Looks at every process now, unless that was done within the last second. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#seenAtMs < freshMs) return;
    await this.#flight.run('all', () => this.#checkAll());
  }

  read(): HealthAll {
    const services = [...this.#seen.values()].sort(
      (a, b) => a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance),
    );
    const isHealthy = services.length > 0 && services.every((one) => one.status === 'healthy');
    return { status: isHealthy ? 'healthy' : 'degraded', services };
  }

  async #checkAll(): Promise<void> {
    const targets = this.#targets.read();
    const seen = await Promise.all(targets.map((target) => this.#limit.run(() => this.#check(target))));
    this.#seen = new Map(seen.map((health, index) => [keyOf(targets[index]), health]));
    this.#seenAtMs = this.#clock.monotonicMs();
  }

  async #check(target: MonitoringTarget): Promise<ServiceHealth> {
    const startedMs = this.#clock.monotonicMs();
    const result = await this.#probe.check(target);
    return {
      service: target.service,
      instance: target.instance,
      url: target.url,
      status: result.status,
      checked_at: new Date(this.#clock.now()).toISOString(),
      elapsed_ms: Math.round((this.#clock.monotonicMs() - startedMs) * 100) / 100,
      version: result.version,
      reasons: [...result.reasons],
    };
  }
}

function keyOf(target: MonitoringTarget | undefined): string {
  return target === undefined ? '' : instanceKeyOf(target);
}
