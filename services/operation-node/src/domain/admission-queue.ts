import { retryLater } from '@hybridstore/runtime';

export type AdmissionBounds = {
  readonly runningMax: number;
  readonly runningPerTenantMax: number;
  readonly waitingMax: number;
  readonly waitingPerTenantMax: number;
};

/** A place among the running queries. `release` gives it back, once; from the time that it was held the queue estimates how long others will wait. */
export type Admission = { release(heldMs: number): void };

export type TenantLoad = { readonly running: number; readonly waiting: number };

type Waiting = { readonly start: (admission: Admission) => void };

const retryAfterMsMin = 1_000;
const retryAfterMsMax = 30_000;
/** Weight of the newest query in the mean of held times. */
const meanWeight = 0.1;

/**
 * Admits a bounded number of queries in total and per tenant. The others wait in a bounded line per tenant, first come,
 * first served; a free place goes to the tenants in turn, so that a tenant with a long line does not hold up the others.
 *
 * One place, tenants a, b and c; a came first with four queries:
 * ```text
 *             lines, next turn first               has the place
 *             a: 2 3 4 | b: 1 2 | c: 1             a1
 *   a1 ends   b: 1 2 | c: 1 | a: 3 4               a2
 *   a2 ends   c: 1 | a: 3 4 | b: 2                 b1
 *   b1 ends   a: 3 4 | b: 2                        c1      c waits no more: its line is gone
 *   c1 ends   b: 2 | a: 4                          a3
 * ```
 * A tenant that runs as many as it may is passed over and keeps its turn. **Nobody waits beside a place that it may have.**
 *
 * Left out on purpose: turns count queries, not their time or cost (an estimate may be wrong, and a deadline bounds each);
 * priorities and weights of tenants; a line across replicas, each of which has places of its own.
 */
export class AdmissionQueue {
  readonly #bounds: AdmissionBounds;
  /** In the order of their turns: who has been served goes to the end. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #running = new Map<string, number>();
  #runningTotal = 0;
  #waitingTotal = 0;
  #meanHeldMs = retryAfterMsMin;

  constructor(bounds: AdmissionBounds) {
    this.#bounds = bounds;
  }

  get running(): number {
    return this.#runningTotal;
  }

  get waiting(): number {
    return this.#waitingTotal;
  }

  /** Tenants that run or wait now. */
  loads(): ReadonlyMap<string, TenantLoad> {
    const tenants = new Set([...this.#running.keys(), ...this.#lines.keys()]);
    return new Map(
      [...tenants].map((tenant) => [
        tenant,
        { running: this.#running.get(tenant) ?? 0, waiting: this.#lines.get(tenant)?.length ?? 0 },
      ]),
    );
  }

  /** Resolves when the query may run. Throws `overloaded` with the place it would have had, or the signal's reason. */
  async admit(tenantId: string, signal: AbortSignal): Promise<Admission> {
    signal.throwIfAborted();
    if (this.#mayRun(tenantId) && !this.#lines.has(tenantId)) return this.#start(tenantId);
    this.#requireRoom(tenantId);
    return new Promise((resolve, reject) => {
      const line = this.#lines.get(tenantId) ?? [];
      const leave = () => {
        this.#leave(tenantId, entry);
        reject(signal.reason);
      };
      const entry: Waiting = {
        start: (admission) => {
          signal.removeEventListener('abort', leave);
          resolve(admission);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      line.push(entry);
      this.#lines.set(tenantId, line);
      this.#waitingTotal += 1;
    });
  }

  #mayRun(tenantId: string): boolean {
    const running = this.#running.get(tenantId) ?? 0;
    return this.#runningTotal < this.#bounds.runningMax && running < this.#bounds.runningPerTenantMax;
  }

  #requireRoom(tenantId: string): void {
    const waiting = this.#lines.get(tenantId)?.length ?? 0;
    if (this.#waitingTotal < this.#bounds.waitingMax && waiting < this.#bounds.waitingPerTenantMax) return;
    throw retryLater(
      'overloaded',
      `${waiting} queries of the tenant are waiting already`,
      this.#estimateWaitMs(waiting),
      {
        position: waiting + 1,
        queue_length: this.#waitingTotal,
      },
    );
  }

  /** When about half of those in front will have had their turn. */
  #estimateWaitMs(inFront: number): number {
    const places = Math.min(this.#bounds.runningMax, this.#bounds.runningPerTenantMax);
    const waitMs = (this.#meanHeldMs * (inFront + 1)) / places / 2;
    return Math.round(Math.min(retryAfterMsMax, Math.max(retryAfterMsMin, waitMs)));
  }

  #start(tenantId: string): Admission {
    this.#running.set(tenantId, (this.#running.get(tenantId) ?? 0) + 1);
    this.#runningTotal += 1;
    let isHeld = true;
    return {
      release: (heldMs) => {
        if (!isHeld) return;
        isHeld = false;
        this.#release(tenantId, heldMs);
      },
    };
  }

  #release(tenantId: string, heldMs: number): void {
    this.#meanHeldMs += meanWeight * (heldMs - this.#meanHeldMs);
    this.#runningTotal -= 1;
    const running = (this.#running.get(tenantId) ?? 1) - 1;
    if (running > 0) this.#running.set(tenantId, running);
    else this.#running.delete(tenantId);
    this.#startWaiting();
  }

  #startWaiting(): void {
    for (const [tenantId, line] of this.#lines) {
      if (this.#runningTotal >= this.#bounds.runningMax) return;
      if (!this.#mayRun(tenantId)) continue;
      const entry = line.shift();
      this.#waitingTotal -= 1;
      this.#lines.delete(tenantId);
      // Set again behind the others: iteration of a Map comes to it after them, while there are places.
      if (line.length > 0) this.#lines.set(tenantId, line);
      entry?.start(this.#start(tenantId));
    }
  }

  #leave(tenantId: string, entry: Waiting): void {
    const line = this.#lines.get(tenantId) ?? [];
    const place = line.indexOf(entry);
    if (place < 0) return;
    line.splice(place, 1);
    this.#waitingTotal -= 1;
    if (line.length === 0) this.#lines.delete(tenantId);
  }
}
