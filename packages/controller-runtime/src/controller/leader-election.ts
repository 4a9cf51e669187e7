import type { Clock, Logger } from '@hybridstore/runtime';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import { type Lease, leases } from '../kube/kinds.ts';
import type { ObjectKey, Stored } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import { formatMicroTime } from '../kube/time.ts';
import { Fence } from './fence.ts';
import type { MachineMetrics } from './machine-metrics.ts';

/**
 * One of several operators acts. Who holds the Lease may write; he renews it every 2 s, and stops writing when he could
 * not renew it for 10 s. Others take it over when they saw no renewal for 15 s by their own clock, so clocks of
 * different machines are never compared. Source of times and record: client-go tools/leaderelection.
 */
export type LeaderElectionOptions = {
  readonly kube: Pick<Kube, 'get' | 'create' | 'update'>;
  readonly lease: Required<ObjectKey>;
  /** Unique to this process: pod name and a random part. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics?: MachineMetrics;
};

export const leaseDurationMs = 15_000;
export const renewDeadlineMs = 10_000;
export const retryPeriodMs = 2_000;
/** Waiters spread their attempts over 1 to 2.2 periods. */
const retryJitter = 1.2;

/** Gets the fence and a signal that aborts when the lease is lost or the election stops. */
export type LeadFenced = (fence: Fence, signal: AbortSignal) => Promise<void>;

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  #observed: Stored<Lease> | undefined;
  #observedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  /**
   * Waits for the lease, leads, and returns when the lease is lost, `lead` ends or the signal aborts; then the lease is
   * given back, so that the next one need not wait. A process that lost its lease should end: its caches and timers
   * belong to the past.
   */
  async run(lead: LeadFenced, signal: AbortSignal): Promise<'lost' | 'stopped'> {
    this.#options.metrics?.isLeader.set({ name: this.#options.lease.name }, 0);
    const fence = await this.#acquire(signal);
    if (fence === undefined) return 'stopped';
    const term = new AbortController();
    const stop = () => term.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    this.#report('lease_acquired', 1);
    const leading = lead(fence, term.signal).finally(() => term.abort());
    leading.catch(() => {}); // seen below; until then nobody awaits it
    await this.#renewUntilLost(fence, term);
    const isLost = !fence.isHeld();
    this.#report(isLost ? 'lease_lost' : 'lease_released', 0);
    // The last reconciles drain under the fence; only then may the next leader begin at once.
    await leading.finally(() => signal.removeEventListener('abort', stop));
    if (fence.isHeld()) await this.#release(fence);
    return isLost ? 'lost' : 'stopped';
  }

  async #acquire(signal: AbortSignal): Promise<Fence | undefined> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      if (await this.#tryHold(signal)) return new Fence(clock, startedMs + renewDeadlineMs);
      await clock.sleep(retryPeriodMs * (1 + random() * retryJitter), signal).catch(() => {}); // an abort is seen by the loop
    }
    return undefined;
  }

  /** The deadline counts from before the request: the server may have stored the renewal at any moment after. */
  async #renewUntilLost(fence: Fence, term: AbortController): Promise<void> {
    const { clock } = this.#options;
    const cut = () => term.abort(new Error('the lease is lost'));
    let cancelCut = clock.schedule(fence.remainingMs(), cut);
    while (!term.signal.aborted) {
      await clock.sleep(retryPeriodMs, term.signal).catch(() => {}); // an abort is seen by the loop
      if (term.signal.aborted) break;
      const startedMs = clock.monotonicMs();
      if (!(await this.#tryHold(term.signal))) continue;
      fence.extend(startedMs + renewDeadlineMs);
      cancelCut();
      cancelCut = clock.schedule(fence.remainingMs(), cut);
    }
    cancelCut();
  }

  /** Whether the lease is ours after this. Failures are logged: the deadline decides, not one answer. */
  async #tryHold(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#takeOrRenew(signal);
    } catch (error) {
      if (!signal.aborted)
        this.#options.logger.warn('lease_attempt_failed', { lease: this.#options.lease.name, error });
      return false;
    }
  }

  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { kube, lease, identity, clock } = this.#options;
    const current = await kube.get(leases, lease, { signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (current === undefined) return this.#create(signal);
    this.#observe(current);
    const holder = current.spec?.holderIdentity ?? '';
    const isFree = holder === '' || clock.monotonicMs() >= this.#observedAtMs + durationMsOf(current);
    if (holder !== identity && !isFree) return false;
    this.#observe(await kube.update(leases, this.#buildRecord(current, holder !== identity), { signal }));
    return true;
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    try {
      this.#observe(await this.#options.kube.create(leases, this.#buildRecord(undefined, true), { signal }));
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** A record that changed restarts the waiting time. */
  #observe(current: Stored<Lease>): void {
    if (current.metadata.resourceVersion === this.#observed?.metadata.resourceVersion) return;
    this.#observed = current;
    this.#observedAtMs = this.#options.clock.monotonicMs();
  }

  #buildRecord(current: Stored<Lease> | undefined, isNewHolder: boolean): Lease {
    const { lease, identity, clock } = this.#options;
    const now = formatMicroTime(clock.now());
    return {
      apiVersion: leases.apiVersion,
      kind: leases.kind,
      metadata: current?.metadata ?? { ...lease },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: leaseDurationMs / 1_000,
        acquireTime: isNewHolder ? now : (current?.spec?.acquireTime ?? now),
        renewTime: now,
        leaseTransitions: (current?.spec?.leaseTransitions ?? 0) + (isNewHolder && current !== undefined ? 1 : 0),
      },
    };
  }

  /** Best effort: without it the next leader waits 15 s. */
  async #release(fence: Fence): Promise<void> {
    const { kube, logger, lease } = this.#options;
    const current = this.#observed;
    fence.drop();
    if (current === undefined) return;
    try {
      await kube.update(leases, { ...current, spec: { ...current.spec, holderIdentity: '', leaseDurationSeconds: 1 } });
    } catch (error) {
      logger.warn('lease_release_failed', { lease: lease.name, error });
    }
  }

  #report(event: string, isLeader: 0 | 1): void {
    const { logger, metrics, lease, identity } = this.#options;
    metrics?.isLeader.set({ name: lease.name }, isLeader);
    logger.info(event, { lease: lease.name, identity });
  }
}

function durationMsOf(lease: Lease): number {
  const seconds = lease.spec?.leaseDurationSeconds;
  return seconds === undefined ? leaseDurationMs : seconds * 1_000;
}
