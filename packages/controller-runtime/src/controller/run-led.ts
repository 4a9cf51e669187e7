import type { ObjectKey } from '../kube/object.ts';
import type { Kube } from '../kube/ports.ts';
import { fenceKube } from './fence.ts';
import { LeaderElection, type LeaderElectionOptions } from './leader-election.ts';

export type LedOptions = Omit<LeaderElectionOptions, 'kube' | 'lease' | 'identity'> & {
  readonly kube: Kube;
  /** Absent: this process is the only one. */
  readonly candidate?: {
    readonly lease: Required<ObjectKey>;
    /** Unique to this process. */
    readonly identity: string;
  };
};

/** `kube` and `assertLeads` throw once the lease may be another's; the signal aborts then, too. */
export type Lead = (kube: Kube, signal: AbortSignal, assertLeads: () => void) => Promise<void>;

/** Leads at once, or after the lease is held, until `lead` ends, the signal aborts or the lease is lost. */
export async function runLed(options: LedOptions, lead: Lead, signal: AbortSignal): Promise<'stopped' | 'lost'> {
  const { kube, candidate } = options;
  if (candidate === undefined) {
    await lead(kube, signal, () => {});
    return 'stopped';
  }
  const election = new LeaderElection({ ...options, ...candidate });
  return await election.run((fence, term) => lead(fenceKube(kube, fence), term, () => fence.assertHeld()), signal);
}
