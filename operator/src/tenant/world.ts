import type { NodeProblem } from '@hybridstore/contracts';
import type { PersistentVolumeClaim, StatefulSet, Stored } from '@hybridstore/controller-runtime';

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
  readonly isReady: boolean;
  /** Why its container waits (`CrashLoopBackOff`, `ImagePullBackOff`, …), when it does. */
  readonly waitingReason: string | undefined;
};
