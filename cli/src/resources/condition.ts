import type { KubeObject } from '@hybridstore/controller-runtime';

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
};

/** A condition that speaks of the object as it is: one about an older spec says nothing about this one. */
export function readCondition(object: KubeObject, type: string): Condition | undefined {
  const { status } = object as { readonly status?: { readonly conditions?: readonly Condition[] } };
  const condition = status?.conditions?.find((candidate) => candidate.type === type);
  const isOld = (condition?.observedGeneration ?? Number.POSITIVE_INFINITY) < (object.metadata.generation ?? 0);
  return isOld ? undefined : condition;
}
