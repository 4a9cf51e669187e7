/** Kubernetes objects that several parts of the local cluster need. */
export type ProcessService = {
  readonly name: string;
  readonly namespace: string;
  /** Fixed service address; without it, one is given out. */
  readonly clusterIp?: string;
  /** Address on which the process listens. */
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP'; readonly port: number }[];
};

/** A service whose endpoint is a process of a node instead of pods: no selector, and an endpoint slice made by hand. */
export function serviceToProcess(service: ProcessService): object[] {
  const { name, namespace, ports } = service;
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: {
        ...(service.clusterIp === undefined ? {} : { clusterIP: service.clusterIp }),
        ports: ports.map((port) => ({ ...port, targetPort: port.port })),
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-process`,
        namespace,
        labels: {
          'kubernetes.io/service-name': name,
          'endpointslice.kubernetes.io/managed-by': 'local-cluster',
        },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: [service.address], conditions: { ready: true } }],
      ports,
    },
  ];
}

/** Lets the user of the certificate `local-cluster:NAME` do what the rules say. */
export function userRole(name: string, rules: readonly object[]): object[] {
  const metadata = { name: `local-cluster:${name}` };
  const api = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: `${api}/v1`, kind: 'ClusterRole', metadata, rules },
    {
      apiVersion: `${api}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: api, kind: 'ClusterRole', name: metadata.name },
      subjects: [{ apiGroup: api, kind: 'User', name: metadata.name }],
    },
  ];
}
