import type { HealthAll, MonitoringTarget, ServiceHealth } from '@hybridstore/contracts';
import { type Clock, Semaphore, SingleFlight } from '@hybridstore/runtime';
import { instanceKeyOf, type Probe, type Targets } from './ports.ts';

const probesAtOnceMax = 32;
const probesWaitingMax = 10_000;
/** A look this fresh answers for the next one: a dashboard that everybody opens must not become load. */
const freshMs = 1_000;

/** What was seen of one process last, and whose it is. */
export type Sighting = { readonly health: ServiceHealth; readonly tenantId: string | undefined };

/** The last look at every process. */
export class HealthBoard {
  readonly #targets: Targets;
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #limit = new Semaphore({ running: probesAtOnceMax, waiting: probesWaitingMax });
  readonly #flight = new SingleFlight<'all', void>();
  readonly #seen = new Map<string, Sighting>();
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

  /** Every process that is watched and was looked at. While a look is under way, the part that it has reached is new. */
  sightings(): Sighting[] {
    return [...this.#seen.values()].sort(
      ({ health: a }, { health: b }) => a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance),
    );
  }

  read(): HealthAll {
    return summarize(this.sightings().map((one) => one.health));
  }

  async #checkAll(): Promise<void> {
    const targets = this.#targets.read();
    const keys = new Set(targets.map(instanceKeyOf));
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
    await Promise.all(targets.map((target) => this.#limit.run(() => this.#check(target))));
    this.#seenAtMs = this.#clock.monotonicMs();
  }

  async #check(target: MonitoringTarget): Promise<void> {
    const startedMs = this.#clock.monotonicMs();
    const result = await this.#probe.check(target);
    const health: ServiceHealth = {
      service: target.service,
      instance: target.instance,
      url: target.url,
      status: result.status,
      checked_at: new Date(this.#clock.now()).toISOString(),
      elapsed_ms: Math.round((this.#clock.monotonicMs() - startedMs) * 100) / 100,
      version: result.version,
      reasons: [...result.reasons],
    };
    this.#seen.set(instanceKeyOf(target), { health, tenantId: target.tenant_id });
  }
}

/** Healthy when there is something to watch and all of it is. */
export function summarize(services: readonly ServiceHealth[]): HealthAll {
  const isHealthy = services.length > 0 && services.every((one) => one.status === 'healthy');
  return { status: isHealthy ? 'healthy' : 'degraded', services: [...services] };
}
