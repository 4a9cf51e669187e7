import { services } from '@hybridstore/contracts';
import type { OwnerReference, Service } from '@hybridstore/controller-runtime';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import { portOf, replicasServiceName, type SharedServiceName, type SharedWorkload, tenantNodePort } from './names.ts';
import type { PlatformSettings } from './settings.ts';
import { ownedMetadata, type TenantInput } from './tenant-metadata.ts';

/** Any ready node of the tenant. */
export function buildTenantService({ tenant }: TenantInput): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(tenant, tenant.names.base),
    spec: {
      type: 'ClusterIP',
      selector: tenant.selector,
      ports: [{ name: 'http', port: tenantNodePort, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

/** A name for each node. Nodes that are not ready have theirs too, since they join the others before they are ready. */
export function buildHeadlessService({ tenant }: TenantInput, name: string = tenant.names.headlessService): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: ownedMetadata(tenant, name),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: tenant.selector,
      ports: [{ name: 'http', port: tenantNodePort, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

export function buildSharedService(
  service: SharedWorkload,
  { namespace, network: { metricsPort } }: PlatformSettings,
  owners: readonly OwnerReference[],
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: service, namespace, labels: sharedServiceLabels(service), ...ownedBy(owners) },
    spec: {
      type: 'ClusterIP',
      selector: sharedServiceSelector(service),
      ports: [
        { name: 'http', port: portOf(service), targetPort: 'http', protocol: 'TCP' },
        ...(metricsPort === undefined
          ? []
          : [{ name: 'metrics', port: metricsPort, targetPort: 'metrics', protocol: 'TCP' as const }]),
      ],
    },
  };
}

/**
 * An address for each replica, also for one that ends and still has work. Its port has a name of its own, by which no
 * monitor collects figures a second time.
 */
export function buildReplicasService(
  service: SharedServiceName,
  { namespace }: PlatformSettings,
  owners: readonly OwnerReference[],
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: replicasServiceName(service),
      namespace,
      labels: sharedServiceLabels(service),
      ...ownedBy(owners),
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: sharedServiceSelector(service),
      ports: [{ name: 'replicas', port: services[service], targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

/** No field at all when there is no owner: server-side apply would otherwise own an empty list. */
export function ownedBy(owners: readonly OwnerReference[]): { readonly ownerReferences?: readonly OwnerReference[] } {
  return owners.length === 0 ? {} : { ownerReferences: owners };
}
