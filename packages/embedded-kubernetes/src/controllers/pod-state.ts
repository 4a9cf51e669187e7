import { createHash } from 'node:crypto';
import type { Pod, PodTemplateSpec } from '@hybridstore/controller-runtime';
import { buildControllerReference, type KubeObject, type Stored } from '@hybridstore/controller-runtime';

export function isOwnedBy(object: KubeObject, owner: Stored<KubeObject>): boolean {
  return (object.metadata.ownerReferences ?? []).some((reference) => reference.uid === owner.metadata.uid);
}

export function isLeaving(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export function isReady(pod: Pod): boolean {
  return (
    !isLeaving(pod) &&
    (pod.status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}

/** A pod made from another template than this one has another revision. Ten hex digits, as short as a label needs. */
export function hashTemplate(template: PodTemplateSpec): string {
  return createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
}

export function buildPod(
  owner: Stored<KubeObject>,
  template: PodTemplateSpec,
  name: string,
  extra: { readonly labels: Readonly<Record<string, string>>; readonly spec?: Partial<Pod['spec']> },
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      labels: { ...template.metadata?.labels, ...extra.labels },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ownerReferences: [buildControllerReference(owner)],
    },
    spec: { ...template.spec, ...extra.spec, nodeName: 'embedded' },
  };
}
