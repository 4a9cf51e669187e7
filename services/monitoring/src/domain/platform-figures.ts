import { type MonitoringTarget, services } from '@hybridstore/contracts';
import { type Clock, type Logger, Semaphore } from '@hybridstore/runtime';
import { type Figures, type StatusClass, statusClasses } from './figures.ts';
import { instanceKeyOf, type Scraper, type Targets } from './ports.ts';

/** The processes of one service together. The counters only rise, whatever restarts or leaves. */
export type ServiceFigures = {
  requests: Record<StatusClass, number>;
  cpuSeconds: number;
  residentBytes: number;
  requestsPerSecond: number;
};

const scrapesAtOnceMax = 16;
const scrapesWaitingMax = 10_000;

type Seen = { readonly figures: Figures; readonly atMs: number };

/**
 * Sums over all processes by service, so that the number of series does not grow with tenants. A counter that fell
 * belongs to a restarted process and counts from 0, as in Prometheus' own rate().
 */
export class PlatformFigures {
  readonly #targets: Targets;
  readonly #scraper: Scraper;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limit = new Semaphore({ running: scrapesAtOnceMax, waiting: scrapesWaitingMax });
  readonly #services = new Map<string, ServiceFigures>();
  #seen = new Map<string, Seen>();

  constructor(options: {
    readonly targets: Targets;
    readonly scraper: Scraper;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#targets = options.targets;
    this.#scraper = options.scraper;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  read(): ReadonlyMap<string, Readonly<ServiceFigures>> {
    return this.#services;
  }

  async collect(): Promise<void> {
    const targets = this.#targets.read();
    const found = await Promise.all(targets.map((target) => this.#limit.run(() => this.#scrape(target))));
    const before = this.#seen;
    this.#seen = new Map();
    for (const one of this.#services.values()) Object.assign(one, { residentBytes: 0, requestsPerSecond: 0 });
    for (const [index, target] of targets.entries()) this.#add(target, found[index], before.get(instanceKeyOf(target)));
  }

  async #scrape(target: MonitoringTarget): Promise<Seen | undefined> {
    try {
      return { figures: await this.#scraper.scrape(target), atMs: this.#clock.monotonicMs() };
    } catch (error) {
      // Its absence shows in the health of the platform; the counters go on when it is back.
      this.#logger.debug('figures_not_collected', { service: target.service, instance: target.instance, error });
      return undefined;
    }
  }

  #add(target: MonitoringTarget, now: Seen | undefined, before: Seen | undefined): void {
    const kept = now ?? before;
    if (kept) this.#seen.set(instanceKeyOf(target), kept);
    if (!now) return;
    const service = this.#serviceOf(target);
    let requests = 0;
    for (const status of statusClasses) {
      const rise = riseOf(now.figures.requests[status], before?.figures.requests[status]);
      service.requests[status] += rise;
      requests += rise;
    }
    service.cpuSeconds += riseOf(now.figures.cpuSeconds, before?.figures.cpuSeconds);
    service.residentBytes += now.figures.residentBytes;
    if (before && now.atMs > before.atMs) service.requestsPerSecond += (requests * 1_000) / (now.atMs - before.atMs);
  }

  #serviceOf(target: MonitoringTarget): ServiceFigures {
    const name = serviceLabel(target.service);
    const held = this.#services.get(name);
    if (held) return held;
    const fresh = {
      requests: { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 },
      cpuSeconds: 0,
      residentBytes: 0,
      requestsPerSecond: 0,
    };
    this.#services.set(name, fresh);
    return fresh;
  }
}

/** Names of services as label values: a closed set. */
export function serviceLabel(service: string): string {
  return Object.hasOwn(services, service) ? service : 'other';
}

function riseOf(now: number, before: number | undefined): number {
  return before === undefined || now < before ? now : now - before;
}
