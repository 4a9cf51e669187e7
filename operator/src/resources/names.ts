import type { ServiceName } from '@hybridstore/contracts';
import { services } from '@hybridstore/contracts';

/** Identity of a tenant: the Tenant object's namespace and name. */
export type TenantKey = { readonly namespace: string; readonly name: string };

/** `namespace/name`: how tokens, the catalog and the nodes name a tenant. */
export function tenantIdOf(tenant: TenantKey): string {
  return `${tenant.namespace}/${tenant.name}`;
}

/** Names of everything made for one tenant. The prefix keeps them apart from the objects of people. */
export type TenantNames = ReturnType<typeof tenantNames>;

export function tenantNames(tenantName: string) {
  const base = `hs-${tenantName}`;
  return {
    base,
    /** Of a set that is made now, see `nodesDomain`. No Tenant can have a base that begins like it. */
    headlessService: `hsn-${tenantName}`,
    dataClaim: `${base}-data`,
    pod: (ordinal: number) => `${base}-${ordinal}`,
    logClaim: (ordinal: number) => `${logVolumeName}-${base}-${ordinal}`,
  } as const;
}

export const logVolumeName = 'log';

/** The ordinal of a node's pod; undefined for a name that is not of this tenant's StatefulSet. */
export function ordinalOf(tenantName: string, pod: string): number | undefined {
  const prefix = `${tenantNames(tenantName).base}-`;
  const digits = pod.startsWith(prefix) ? pod.slice(prefix.length) : '';
  return /^(0|[1-9][0-9]{0,4})$/.test(digits) ? Number(digits) : undefined;
}

/** The ordinal of the node whose log volume this claim is; undefined for a claim that is none of this tenant's. */
export function logClaimOrdinalOf(tenantName: string, claim: string): number | undefined {
  const prefix = `${logVolumeName}-`;
  return claim.startsWith(prefix) ? ordinalOf(tenantName, claim.slice(prefix.length)) : undefined;
}

/** Where the kubelet asks every pod of ours. No policy lets anybody else in, and a kubelet may always ask its own pods. */
export const probePort = 9_800;

export const tenantNodePort = services['tenant-node'];

/** Any ready node of the tenant. */
export function tenantUrl(tenant: TenantKey): string {
  return `http://${tenantNames(tenant.name).base}.${tenant.namespace}.svc:${tenantNodePort}`;
}

/** One node, by the name that its StatefulSet gives it. */
export function nodeUrl(domain: string, pod: string, port: number = tenantNodePort): string {
  return `http://${pod}.${domain}:${port}`;
}

/**
 * Below which each node of the tenant has its name. A set keeps the headless Service that it was made with: sets of
 * earlier versions have `hs-<tenant>-nodes`, which is the name of the Tenant `<tenant>-nodes`, too.
 */
export function nodesDomain(tenant: TenantKey, service: string = tenantNames(tenant.name).headlessService): string {
  return `${service}.${tenant.namespace}.svc`;
}

/** The services that run once for all tenants, in the operator's namespace. */
export const sharedServiceNames = [
  'auth-gateway',
  'operation-node',
  'cbo-engine',
  'metadata-catalog',
  'monitoring',
  'query-interpreter',
] as const satisfies readonly ServiceName[];
export type SharedServiceName = (typeof sharedServiceNames)[number];

/**
 * The process that holds the users where there are several gateways: the gateway's program, on the gateway's volume, under a
 * name of its own, so that no client is led there.
 */
export const userStoreName = 'user-store';
/** What a Deployment of the operator's namespace is named by. */
export type SharedWorkload = SharedServiceName | typeof userStoreName;

/** Which program and which settings the pods of a workload have. */
export function serviceOfWorkload(workload: SharedWorkload): SharedServiceName {
  return workload === userStoreName ? 'auth-gateway' : workload;
}

/** Processes that read a file of settings. */
export const configuredServices = [...sharedServiceNames, 'tenant-node'] as const satisfies readonly ServiceName[];
export type ConfiguredService = (typeof configuredServices)[number];

export function sharedServiceUrl(
  service: ServiceName | SharedWorkload,
  namespace: string,
  port: number = portOf(service),
): string {
  return `http://${service}.${namespace}.svc:${port}`;
}

/** The headless Service by which the replicas of a shared service find each other. */
export function replicasServiceName(service: SharedServiceName): string {
  return `${service}-replicas`;
}

/** On which a service, or another workload of its program, listens. */
export function portOf(name: ServiceName | SharedWorkload): number {
  return services[name === userStoreName ? 'auth-gateway' : name];
}

export function signingSecretName(issuer: ServiceName): string {
  return `${issuer}-signing-key`;
}

export function stateClaimName(service: SharedServiceName): string {
  return `${service}-state`;
}

/** Which of several operators leads, in the operator's namespace. */
export const leaseName = 'hybridstore-operator';
/** Public keys of all issuers, in the operator's namespace. */
export const jwksConfigMapName = 'hybridstore-jwks';
/** Files of settings of the shared services, in the operator's namespace; those of tenant nodes are with each tenant. */
export const settingsConfigMapName = 'hybridstore-config';
export function settingsKey(service: ConfiguredService): string {
  return `${service}.json`;
}
/** What monitoring watches, in the operator's namespace. */
export const targetsConfigMapName = 'monitoring-targets';
/** From which the signing secrets of all tenants are derived, in the operator's namespace. */
export const tenantMasterSecretName = 'tenant-node-master-key';
/**
 * Signing secrets of all tenants of a namespace, each under its tenant's name. One name for all, so that a role can grant
 * reading this Secret and no other.
 */
export { tenantKeysSecretName } from '@hybridstore/contracts';
/** Name and password of the platform's administrator, in the operator's namespace. */
export const adminSecretName = 'hybridstore-admin';
export const adminUsername = 'admin';
