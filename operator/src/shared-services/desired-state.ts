import { type Jwks, type MonitoringTarget, monitoringTargetsMax, type ServiceName } from '@hybridstore/contracts';
import type { OwnerReference, PersistentVolumeClaim, Resource, Stored } from '@hybridstore/controller-runtime';
import {
  type Child,
  child,
  configMaps,
  deployments,
  networkPolicies,
  persistentVolumeClaims,
  podDisruptionBudgets,
  type StatefulSet,
  serviceAccounts,
  services,
} from '@hybridstore/controller-runtime';
import { buildJwksConfigMap, buildSettingsConfigMap, buildTargetsConfigMap } from '../resources/config-map.ts';
import { buildDeployment, hasStateClaim, hasUserStore } from '../resources/deployment.ts';
import { readMetricsPort } from '../resources/held-template.ts';
import { sharedServiceLabels, tenantLabel } from '../resources/labels.ts';
import {
  nodesDomain,
  nodeUrl,
  type SharedServiceName,
  type SharedWorkload,
  serviceOfWorkload,
  sharedServiceNames,
  sharedServiceUrl,
  tenantIdOf,
  tenantNames,
  userStoreName,
} from '../resources/names.ts';
import { buildOperatorNetworkPolicy, buildSharedNetworkPolicy } from '../resources/network-policy.ts';
import { buildStateClaim } from '../resources/persistent-volume-claim.ts';
import { buildSharedDisruptionBudget } from '../resources/pod-disruption-budget.ts';
import { buildReplicasService, buildSharedService } from '../resources/service.ts';
import { buildServiceAccount } from '../resources/service-account.ts';
import type { PlatformSettings } from '../resources/settings.ts';

export type SharedInput = {
  readonly settings: PlatformSettings;
  readonly jwks: Jwks;
  readonly targets: readonly MonitoringTarget[];
  /** Volumes that are there already, by the service that keeps its state on one. */
  readonly stateClaims?: ReadonlyMap<SharedServiceName, PersistentVolumeClaim>;
  /** What takes the shared services along when it is deleted: the operator's configuration. Empty: nothing does. */
  readonly owners: readonly OwnerReference[];
};

/** Everything that the shared services are made of but their Secrets, in an order in which each finds what it needs. */
export function buildSharedChildren(input: SharedInput): readonly Child[] {
  const { settings, jwks, targets } = input;
  return [
    ...child(configMaps, buildJwksConfigMap(settings, jwks)),
    ...child(configMaps, buildTargetsConfigMap(settings.namespace, targets)),
    ...child(configMaps, buildSettingsConfigMap(settings, input.owners)),
    ...child(networkPolicies, buildOperatorNetworkPolicy(settings, input.owners)),
    ...child(podDisruptionBudgets, buildSharedDisruptionBudget(settings, input.owners)),
    ...sharedServiceNames.filter((name) => settings.services[name].enabled).flatMap((name) => buildOne(name, input)),
  ];
}

function buildOne(service: SharedServiceName, { settings, owners, stateClaims }: SharedInput): readonly Child[] {
  const isShared = service === 'auth-gateway' && hasUserStore(settings);
  const claim = hasStateClaim(service, settings)
    ? buildStateClaim(service, settings, stateClaims?.get(service))
    : undefined;
  return [
    ...child(persistentVolumeClaims, claim),
    ...(isShared ? buildWorkload(userStoreName, settings, owners) : []),
    ...child(services, service === 'operation-node' ? buildReplicasService(service, settings, owners) : undefined),
    ...buildWorkload(service, settings, owners),
  ];
}

function buildWorkload(
  workload: SharedWorkload,
  settings: PlatformSettings,
  owners: readonly OwnerReference[],
): readonly Child[] {
  const { namespace } = settings;
  const labels = sharedServiceLabels(workload);
  const { serviceAccount: account } = settings.services[serviceOfWorkload(workload)];
  return [
    ...child(serviceAccounts, buildServiceAccount({ name: workload, namespace, labels, owners, settings: account })),
    ...child(networkPolicies, buildSharedNetworkPolicy(workload, settings, owners)),
    ...child(services, buildSharedService(workload, settings, owners)),
    ...child(deployments, buildDeployment(workload, settings, owners)),
  ];
}

/** Kinds of which the platform may come to need fewer. Volumes and Secrets are never among them. */
export const prunedKinds: readonly Resource[] = [
  deployments,
  services,
  networkPolicies,
  serviceAccounts,
  podDisruptionBudgets,
];

/** What monitoring watches: the shared services, the operator, and each node of each tenant by its own name. */
export function buildTargets(
  settings: PlatformSettings,
  sets: readonly Stored<StatefulSet>[],
): readonly MonitoringTarget[] {
  const { metricsPort } = settings.network;
  const shared: readonly ServiceName[] = [
    ...sharedServiceNames.filter((name) => settings.services[name].enabled),
    'operator',
  ];
  const users = hasUserStore(settings) ? [{ service: 'auth-gateway', instance: userStoreName } as const] : [];
  const targets = [
    ...[...shared.map((service) => ({ service, instance: service })), ...users].map((target) => ({
      ...target,
      ...buildUrls((port) => sharedServiceUrl(target.instance, settings.namespace, port), metricsPort),
    })),
    ...sets.flatMap(nodeTargets).sort((a, b) => (a.url < b.url ? -1 : 1)),
  ];
  return targets.slice(0, monitoringTargetsMax);
}

function buildUrls(
  urlAt: (port?: number) => string,
  metricsPort: number | undefined,
): Pick<MonitoringTarget, 'url' | 'metrics_url'> {
  return { url: urlAt(), ...(metricsPort === undefined ? {} : { metrics_url: urlAt(metricsPort) }) };
}

/** At the port of its template: a set may wait for its turn to follow the settings. */
function nodeTargets(set: Stored<StatefulSet>): readonly MonitoringTarget[] {
  const metricsPort = readMetricsPort(set.spec?.template);
  const name = set.metadata.labels?.[tenantLabel];
  const { namespace } = set.metadata;
  if (name === undefined || namespace === undefined) return [];
  const key = { namespace, name };
  const domain = nodesDomain(key, set.spec?.serviceName);
  return Array.from({ length: set.spec?.replicas ?? 0 }, (_, ordinal) => {
    const pod = tenantNames(name).pod(ordinal);
    const urls = buildUrls((port) => nodeUrl(domain, pod, port), metricsPort);
    return { service: 'tenant-node', instance: pod, ...urls, tenant_id: tenantIdOf(key) };
  });
}
