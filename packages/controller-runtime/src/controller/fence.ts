import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import type { Kube } from '../kube/ports.ts';

/**
 * The fence stands between a leader and the API server: a write passes only while the lease is surely held, by the
 * monotonic clock, checked right before it is sent. A leader that was paused (by the machine, by a debugger) wakes up
 * behind a closed fence.
 */
export class Fence {
  readonly #clock: Clock;
  #heldUntilMs: number;

  constructor(clock: Clock, heldUntilMs: number) {
    this.#clock = clock;
    this.#heldUntilMs = heldUntilMs;
  }

  isHeld(): boolean {
    return this.#clock.monotonicMs() < this.#heldUntilMs;
  }

  remainingMs(): number {
    return Math.max(0, this.#heldUntilMs - this.#clock.monotonicMs());
  }

  /** Once down, the fence stays down: a renewal that comes too late opens nothing. */
  extend(heldUntilMs: number): void {
    if (this.isHeld()) this.#heldUntilMs = heldUntilMs;
  }

  drop(): void {
    this.#heldUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Throws `unavailable` when the lease may be another's. */
  assertHeld(): void {
    if (!this.isHeld())
      throw new HybridStoreError('unavailable', 'the lease is lost: this process must not write', {
        reason: 'LeaseLost',
      });
  }
}

/** The port with every write behind the fence; reads pass. */
export function fenceKube(kube: Kube, fence: Fence): Kube {
  const guarded =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      fence.assertHeld();
      return write(...args);
    };
  // A generic method loses its parameter in the wrapper: hence the assertions.
  return {
    fieldManager: kube.fieldManager,
    get: kube.get.bind(kube),
    list: kube.list.bind(kube),
    watch: kube.watch.bind(kube),
    create: guarded(kube.create.bind(kube)) as Kube['create'],
    update: guarded(kube.update.bind(kube)) as Kube['update'],
    apply: guarded(kube.apply.bind(kube)) as Kube['apply'],
    patchStatus: guarded(kube.patchStatus.bind(kube)) as Kube['patchStatus'],
    mergePatch: guarded(kube.mergePatch.bind(kube)) as Kube['mergePatch'],
    delete: guarded(kube.delete.bind(kube)),
    createEvent: guarded(kube.createEvent.bind(kube)),
  };
}
