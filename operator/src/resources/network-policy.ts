import { type ServiceName, services } from '@hybridstore/contracts';
import type { NetworkPolicy, NetworkPolicyPeer, OwnerReference } from '@hybridstore/controller-runtime';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import { portOf, type SharedServiceName, type SharedWorkload } from './names.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

type Callee = ServiceName | SharedWorkload;

/** Shared services that each one calls. `tenant-node` stands for the nodes of every tenant. */
const callees: Readonly<Record<SharedWorkload | 'operator', readonly Callee[]>> = {
  'auth-gateway': [
    'user-store',
    'operation-node',
    'cbo-engine',
    'metadata-catalog',
    'monitoring',
    'query-interpreter',
    'tenant-node',
  ],
  // Itself: its replicas ask each other for their queries.
  'operation-node': [
    'auth-gateway',
    'operation-node',
    'query-interpreter',
    'cbo-engine',
    'metadata-catalog',
    'tenant-node',
  ],
  'query-interpreter': ['auth-gateway', 'metadata-catalog', 'tenant-node'],
  'cbo-engine': ['auth-gateway', 'metadata-catalog'],
  'metadata-catalog': ['auth-gateway', 'tenant-node'],
  'user-store': [],
  monitoring: [
    'auth-gateway',
    'user-store',
    'operation-node',
    'cbo-engine',
    'metadata-catalog',
    'query-interpreter',
    'operator',
    'tenant-node',
  ],
  operator: ['metadata-catalog', 'tenant-node'],
};

/** Tenant nodes notify the catalog of commits and ask the gateway which tokens were revoked, as every service does. */
const calledByNodes: readonly SharedServiceName[] = ['metadata-catalog', 'auth-gateway'];

type Rule = NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>[number];
type EgressRule = NonNullable<NonNullable<NetworkPolicy['spec']>['egress']>[number];

/**
 * Who may open a connection to whom. Each policy selects the pods of one service or one tenant, in both directions, so
 * whatever is not listed is refused.
 *
 *   clients → auth-gateway (→ user-store) → operation-node → query-interpreter, cbo-engine → metadata-catalog
 *                  │                └──────────────┬──────────────────────────────┘ │
 *                  └──────────────────────→ tenant nodes of one tenant ←──→ (catalog)
 *   query-interpreter → tenant nodes, while the catalog is away
 *   monitoring, Prometheus → everybody;  operator → tenant nodes, metadata-catalog;  everybody → auth-gateway (revocations)
 *
 * Tenant nodes reach their own tenant's nodes, the catalog and the gateway, nothing else: neither another tenant nor the
 * internet.
 *
 * For the nodes of one tenant.
 */
export function buildTenantNetworkPolicy({ tenant, settings }: TenantInput): NetworkPolicy | undefined {
  if (!settings.network.policies) return undefined;
  const own: NetworkPolicyPeer = { podSelector: { matchLabels: tenant.selector } };
  const callers = callersOf('tenant-node').map((caller) => sharedPeer(caller, settings.namespace));
  const { prometheus, tenantClients } = settings.network;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: ownedMetadata(tenant, tenant.names.base),
    spec: {
      podSelector: { matchLabels: tenant.selector },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        allowFrom([own, ...callers, ...prometheus, ...tenantClients], services['tenant-node']),
        ...allowMetrics(settings),
      ],
      egress: [
        allowTo([own], services['tenant-node']),
        ...calledByNodes.map((service) => allowTo([sharedPeer(service, settings.namespace)], services[service])),
        ...allowDns(settings),
      ],
    },
  };
}

/** For the pods of one shared service. */
export function buildSharedNetworkPolicy(
  service: SharedWorkload,
  settings: PlatformSettings,
  owners: readonly OwnerReference[],
): NetworkPolicy | undefined {
  if (!settings.network.policies) return undefined;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: service,
      namespace: settings.namespace,
      labels: sharedServiceLabels(service),
      ...ownedBy(owners),
    },
    spec: {
      podSelector: { matchLabels: sharedServiceSelector(service) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [buildSharedIngress(service, settings), ...allowMetrics(settings)],
      egress: [
        ...callees[service].map((callee) => allowTo([peerOf(callee, settings.namespace)], portOf(callee))),
        ...(service === 'monitoring' ? allowScraping(settings) : []),
        ...(service === 'auth-gateway' ? allowPostgres(settings) : []),
        ...allowDns(settings),
      ],
    },
  };
}

/** For the pods of the operator itself: who may come in. Whom it calls is open, since nobody knows where an API server is. */
export function buildOperatorNetworkPolicy(
  settings: PlatformSettings,
  owners: readonly OwnerReference[],
): NetworkPolicy | undefined {
  const { namespace, network } = settings;
  if (!network.policies) return undefined;
  const callers = callersOf('operator').map((caller) => sharedPeer(caller, namespace));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'operator', namespace, labels: sharedServiceLabels('operator'), ...ownedBy(owners) },
    spec: {
      podSelector: { matchLabels: sharedPods('operator') },
      policyTypes: ['Ingress'],
      ingress: [allowFrom([...callers, ...network.prometheus], services.operator), ...allowMetrics(settings)],
    },
  };
}

function buildSharedIngress(service: SharedWorkload, settings: PlatformSettings): Rule {
  const { prometheus, gatewayClients } = settings.network;
  // The gateway is the public edge: without a list of clients it answers everybody.
  if (service === 'auth-gateway' && gatewayClients.length === 0) return { ports: [tcp(services[service])] };
  const callers = callersOf(service).map((caller) => sharedPeer(caller, settings.namespace));
  const nodes = calledByNodes.some((called) => called === service) ? [anyTenantNode] : [];
  const clients = service === 'auth-gateway' ? gatewayClients : [];
  return allowFrom([...callers, ...nodes, ...prometheus, ...clients], portOf(service));
}

/** Where /metrics has a port of its own, only those come in who collect: not even the clients of the gateway. */
function allowMetrics({ namespace, network: { prometheus, metricsPort } }: PlatformSettings): readonly Rule[] {
  if (metricsPort === undefined) return [];
  const collectors = (['monitoring', 'operator'] as const).map((service) => sharedPeer(service, namespace));
  return [allowFrom([...collectors, ...prometheus], metricsPort)];
}

function allowScraping({ namespace, network: { metricsPort } }: PlatformSettings): readonly EgressRule[] {
  if (metricsPort === undefined) return [];
  return [
    allowTo(
      [...new Set(callees.monitoring)].map((callee) => peerOf(callee, namespace)),
      metricsPort,
    ),
  ];
}

function callersOf(callee: Callee): readonly (SharedWorkload | 'operator')[] {
  const names = Object.keys(callees) as readonly (SharedWorkload | 'operator')[]; // keys of a literal of this file
  return names.filter((caller) => callees[caller].includes(callee));
}

/** Nodes of all tenants, in whatever namespace. */
const anyTenantNode: NetworkPolicyPeer = {
  namespaceSelector: {},
  podSelector: {
    matchLabels: { 'app.kubernetes.io/component': 'tenant-node', 'app.kubernetes.io/part-of': 'hybridstore' },
  },
};

function peerOf(service: Callee, namespace: string): NetworkPolicyPeer {
  return service === 'tenant-node' ? anyTenantNode : sharedPeer(service, namespace);
}

/** By the namespace's own name label, which the API server sets: nobody else can wear it. */
function sharedPeer(service: Callee, namespace: string): NetworkPolicyPeer {
  return {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    podSelector: { matchLabels: sharedPods(service) },
  };
}

/** What all pods of a service wear, also those that the chart makes. */
function sharedPods(service: Callee) {
  return { 'app.kubernetes.io/component': service, 'app.kubernetes.io/part-of': 'hybridstore' };
}

function allowFrom(from: readonly NetworkPolicyPeer[], port: number): Rule {
  return { from, ports: [tcp(port)] };
}

function allowTo(to: readonly NetworkPolicyPeer[], port: number): EgressRule {
  return { to, ports: [tcp(port)] };
}

/** Who says where the database is bounds it; else it may be anywhere, outside of the cluster too. */
function allowPostgres({ postgres }: PlatformSettings): readonly EgressRule[] {
  if (postgres === undefined) return [];
  const { peers, port } = postgres;
  return [peers.length === 0 ? { ports: [tcp(port)] } : allowTo(peers, port)];
}

/** No rule at all without a peer: an empty list of peers would mean everywhere. */
function allowDns(settings: PlatformSettings): readonly EgressRule[] {
  const { dns } = settings.network;
  const ports = [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ];
  return dns.length === 0 ? [] : [{ to: dns, ports }];
}

function tcp(port: number) {
  return { port, protocol: 'TCP' } as const;
}
