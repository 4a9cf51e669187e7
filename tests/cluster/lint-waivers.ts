/** A finding of the linter that stays, on which objects, and why. One that finds nothing any more fails the test, too. */
export type Waiver = {
  readonly check: string;
  /** `Kind/name`. */
  readonly objects: RegExp;
  readonly reason: string;
};

const burstable =
  'a tenant and a service may use what a machine has left; requests are what they are promised, and memory has its limit';

export const waivers: readonly Waiver[] = [
  {
    check: 'container-resources',
    objects: /^(Deployment|StatefulSet)\//,
    reason:
      'no limit of CPU by default: it throttles while the machine is idle, and requests share it out when it is not; memory has one',
  },
  { check: 'container-resource-requests-equal-limits', objects: /^(Deployment|StatefulSet)\//, reason: burstable },
  { check: 'container-cpu-requests-equal-limits', objects: /^(Deployment|StatefulSet)\//, reason: burstable },
  { check: 'container-memory-requests-equal-limits', objects: /^(Deployment|StatefulSet)\//, reason: burstable },
  {
    check: 'container-ephemeral-storage-request-and-limit',
    objects: /^(Deployment|StatefulSet)\//,
    reason: 'root file systems are read-only; what is written goes to volumes and to emptyDirs with a sizeLimit',
  },
  {
    check: 'container-ephemeral-storage-request-equals-limit',
    objects: /^StatefulSet\/hs-acme$/,
    reason:
      'requested is what statements may spill; the limit is for /tmp and lines of log as well, which are mostly empty',
  },
  {
    check: 'container-image-pull-policy',
    objects: /^(Deployment|StatefulSet)\//,
    reason: 'tags are versions, which do not move; image.pullPolicy is Always where a registry moves them',
  },
  {
    check: 'deployment-strategy',
    objects: /^Deployment\/(user-store|metadata-catalog|monitoring)$/,
    reason: 'its volume is held by one pod, which must end before the next one starts: Recreate',
  },
  {
    check: 'deployment-replicas',
    objects: /^Deployment\/(hybridstore-operator|user-store|metadata-catalog|monitoring)$/,
    reason:
      'one pod holds its volume; how many operators there are is a value of the chart, and one of several works at a time',
  },
  {
    check: 'container-security-context-user-group-id',
    objects: /^StatefulSet\/hs-acme$/,
    reason: 'the Tenant that asks for everything asks for ids of its own; those of the platform are above 10,000',
  },
  {
    check: 'pod-networkpolicy',
    objects: /^Deployment\/hybridstore-operator$/,
    reason:
      'the operator makes it (NetworkPolicy operator): its ports and peers follow from the settings; the linter wants both directions, and nobody knows where an API server is',
  },
  {
    check: 'statefulset-has-host-podantiaffinity',
    objects: /^StatefulSet\/hs-acme$/,
    reason: 'nodes of a tenant are spread over machines by topologySpreadConstraints',
  },
];
