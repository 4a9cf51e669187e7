import type { NodeProblem } from '@hybridstore/contracts';
import type { PersistentVolumeClaim, Pod, StatefulSet, Stored } from '@hybridstore/controller-runtime';

/** On a log claim whose node has handed over; the value is the time. */
export const drainedAnnotation = 'hybridstore.dev/drained-at';

/** What there is of a tenant, as last seen. */
export type TenantWorld = {
  readonly statefulSet: Stored<StatefulSet> | undefined;
  readonly nodes: readonly NodeView[];
  readonly dataClaim: Stored<PersistentVolumeClaim> | undefined;
  readonly logClaims: ReadonlyMap<number, Stored<PersistentVolumeClaim>>;
};

/** What a node says is wrong with it. */
export type FoundProblem = NodeProblem & { readonly pod: string };

export type NodeView = {
  readonly pod: string;
  readonly ordinal: number;
  /** Ready now, by its own status, and made from a template that the set still knows. */
  readonly isReady: boolean;
  /** Made from an older template than the set has now. */
  readonly isOutdated: boolean;
  readonly object: Stored<Pod>;
};

/** Why a node cannot serve. Each reason has a heading in docs/operating/runbooks/tenant.md. */
export type NodeFailure = {
  readonly reason:
    | 'PodsRefused'
    | 'Unschedulable'
    | 'VolumePending'
    | 'ImagePullFailed'
    | 'CrashLooping'
    | 'ContainerNotCreated';
  readonly pod: string;
  readonly image: string;
  /** The words of who refused it, or the last that the container said. */
  readonly message: string;
  readonly isOutdated: boolean;
};
