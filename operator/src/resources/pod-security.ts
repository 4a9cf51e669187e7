import type { PodSpec } from '@hybridstore/controller-runtime';
import type { TemplateSpec } from './pod-template.ts';
import type { PodSecuritySettings } from './settings.ts';

type PodSecurityContext = NonNullable<PodSpec['securityContext']>;

/** Distroless' `nonroot`, which the images are built for. */
export const userId = 65_532;

/** `fsGroup` makes volumes writable for the user. */
const assignedIds = { runAsUser: userId, runAsGroup: userId, fsGroup: userId } as const;

/**
 * Pod level of the Pod Security Standard `restricted`, v1.35. Users and groups are those of the template where it has a
 * securityContext, else ours, or none where the cluster assigns them: OpenShift refuses those that it did not assign.
 */
export function buildPodSecurity(spec: TemplateSpec, settings: PodSecuritySettings): PodSecurityContext {
  const ids = spec.securityContext ?? (settings.assignIds ? assignedIds : {});
  const { supplementalGroups = [], ...others } = ids as NonNullable<TemplateSpec['securityContext']>; // ours are some of them
  return {
    runAsNonRoot: true,
    ...others,
    fsGroupChangePolicy: others.fsGroupChangePolicy ?? 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
    ...(supplementalGroups.length === 0 ? {} : { supplementalGroups }),
  };
}

/** Container level of the same standard, plus a root file system that cannot be written. */
export const restrictedContainerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
} as const;
