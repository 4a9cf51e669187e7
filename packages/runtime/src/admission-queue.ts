import { retryLater } from './errors.ts';

export type AdmissionBounds = {
  readonly runningMax: number;
  readonly runningPerTenantMax: number;
  readonly waitingMax: number;
  readonly waitingPerTenantMax: number;
};

/** A place among the running queries. `release` gives it back, once; from the time that it was held the queue estimates how long others will wait. */
export type Admission = { release(heldMs: number): void };

export type TenantLoad = { readonly running: number; readonly waiting: number };

/** For whom a query runs. */
export type AdmissionOwner = { readonly tenant: string; readonly user: string };

type Waiting = { readonly start: (admission: Admission) => void };
/** The lines of a tenant's users, in the order of their turns. */
type TenantLine = Map<string, Waiting[]>;

const retryAfterMsMin = 1_000;
const retryAfterMsMax = 30_000;
/** Weight of the newest query in the mean of held times. */
const meanWeight = 0.1;
/** What one user may hold of his tenant's places, and of its line: the rest is for the others. */
const userShare = 0.8;

/**
 * Admits a bounded number of queries in total, per tenant and per user. The others wait in a bounded line per user, first
 * come, first served; a free place goes to the tenants in turn, and there to the users in turn, so that who has a long line
 * does not hold up the others.
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
 * A tenant or user that runs as many as it may is passed over and keeps its turn. **Nobody waits beside a place that he may
 * have.**
 *
 * Left out on purpose: turns count queries, not their time or cost (an estimate may be wrong, and a deadline bounds each);
 * priorities and weights; a line across replicas, each of which has places of its own.
 */
export class AdmissionQueue {
  readonly #bounds: AdmissionBounds & { readonly runningPerUserMax: number; readonly waitingPerUserMax: number };
  /** In the order of their turns: who has been served goes to the end. */
  readonly #lines = new Map<string, TenantLine>();
  /** By tenant, and by tenant and user. */
  readonly #running = new Map<string, number>();
  readonly #runningOfUsers = new Map<string, number>();
  #runningTotal = 0;
  #waitingTotal = 0;
  #meanHeldMs = retryAfterMsMin;

  constructor(bounds: AdmissionBounds) {
    this.#bounds = {
      ...bounds,
      runningPerUserMax: Math.ceil(bounds.runningPerTenantMax * userShare),
      waitingPerUserMax: Math.ceil(bounds.waitingPerTenantMax * userShare),
    };
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
        { running: this.#running.get(tenant) ?? 0, waiting: countWaiting(this.#lines.get(tenant)) },
      ]),
    );
  }

  /** Resolves when the query may run. Throws `overloaded` with the place it would have had, or the signal's reason. */
  async admit(owner: AdmissionOwner, signal: AbortSignal): Promise<Admission> {
    signal.throwIfAborted();
    if (this.#mayRun(owner)) return this.#start(owner);
    this.#requireRoom(owner);
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#leave(owner, entry);
        reject(signal.reason);
      };
      const entry: Waiting = {
        start: (admission) => {
          signal.removeEventListener('abort', leave);
          resolve(admission);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#wait(owner, entry);
    });
  }

  #wait({ tenant, user }: AdmissionOwner, entry: Waiting): void {
    const users: TenantLine = this.#lines.get(tenant) ?? new Map();
    const line = users.get(user) ?? [];
    line.push(entry);
    users.set(user, line);
    this.#lines.set(tenant, users);
    this.#waitingTotal += 1;
  }

  /** While nobody waits beside a place that he may have, a place that a newcomer may have is nobody else's. */
  #mayRun(owner: AdmissionOwner): boolean {
    const { runningMax, runningPerTenantMax, runningPerUserMax } = this.#bounds;
    return (
      this.#runningTotal < runningMax &&
      (this.#running.get(owner.tenant) ?? 0) < runningPerTenantMax &&
      (this.#runningOfUsers.get(keyOf(owner)) ?? 0) < runningPerUserMax
    );
  }

  #requireRoom({ tenant, user }: AdmissionOwner): void {
    const { waitingMax, waitingPerTenantMax, waitingPerUserMax } = this.#bounds;
    const users = this.#lines.get(tenant);
    const [ofTenant, ofUser] = [countWaiting(users), users?.get(user)?.length ?? 0];
    const isUserAtBound = ofUser >= waitingPerUserMax;
    if (this.#waitingTotal < waitingMax && ofTenant < waitingPerTenantMax && !isUserAtBound) return;
    const [waiting, whose] = isUserAtBound ? [ofUser, 'user'] : [ofTenant, 'tenant'];
    throw retryLater(
      'overloaded',
      `${waiting} queries of the ${whose} are waiting already`,
      this.#estimateWaitMs(ofTenant),
      { position: ofTenant + 1, queue_length: this.#waitingTotal },
    );
  }

  /** When about half of those in front will have had their turn. */
  #estimateWaitMs(inFront: number): number {
    const places = Math.min(this.#bounds.runningMax, this.#bounds.runningPerTenantMax);
    const waitMs = (this.#meanHeldMs * (inFront + 1)) / places / 2;
    return Math.round(Math.min(retryAfterMsMax, Math.max(retryAfterMsMin, waitMs)));
  }

  #start(owner: AdmissionOwner): Admission {
    this.#count(owner, 1);
    let isHeld = true;
    return {
      release: (heldMs) => {
        if (!isHeld) return;
        isHeld = false;
        this.#meanHeldMs += meanWeight * (heldMs - this.#meanHeldMs);
        this.#count(owner, -1);
        this.#startWaiting();
      },
    };
  }

  #count(owner: AdmissionOwner, change: 1 | -1): void {
    this.#runningTotal += change;
    addTo(this.#running, owner.tenant, change);
    addTo(this.#runningOfUsers, keyOf(owner), change);
  }

  #startWaiting(): void {
    for (const [tenant, users] of this.#lines) {
      if (this.#runningTotal >= this.#bounds.runningMax) return;
      const user = [...users.keys()].find((name) => this.#mayRun({ tenant, user: name }));
      if (user === undefined) continue;
      const line = users.get(user) ?? [];
      const entry = line.shift();
      this.#waitingTotal -= 1;
      // Both set again behind the others: iteration of a Map comes to the tenant after them, while there are places.
      users.delete(user);
      if (line.length > 0) users.set(user, line);
      this.#lines.delete(tenant);
      if (users.size > 0) this.#lines.set(tenant, users);
      entry?.start(this.#start({ tenant, user }));
    }
  }

  #leave({ tenant, user }: AdmissionOwner, entry: Waiting): void {
    const users = this.#lines.get(tenant);
    const line = users?.get(user) ?? [];
    const place = line.indexOf(entry);
    if (place < 0) return;
    line.splice(place, 1);
    this.#waitingTotal -= 1;
    if (line.length === 0) users?.delete(user);
    if (users?.size === 0) this.#lines.delete(tenant);
  }
}

/** Neither part of a tenant's id nor a subject holds a space. */
function keyOf({ tenant, user }: AdmissionOwner): string {
  return `${tenant} ${user}`;
}

function countWaiting(users: TenantLine | undefined): number {
  return [...(users?.values() ?? [])].reduce((sum, line) => sum + line.length, 0);
}

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
