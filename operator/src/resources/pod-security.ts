/** Distroless' `nonroot`, which the images are built for. */
export const userId = 65_532;

/** Pod level of the Pod Security Standard `restricted`, v1.35; `fsGroup` makes volumes writable for the user. */
export const restrictedPodSecurity = {
  runAsNonRoot: true,
  runAsUser: userId,
  runAsGroup: userId,
  fsGroup: userId,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

/** Container level of the same standard, plus a root file system that cannot be written. */
export const restrictedContainerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
} as const;
