import { services } from '@hybridstore/contracts';
import type { Deployment, OwnerReference } from '@hybridstore/controller-runtime';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import {
  adminSecretName,
  adminUsername,
  jwksConfigMapName,
  replicasServiceName,
  type SharedServiceName,
  type SharedWorkload,
  serviceOfWorkload,
  settingsConfigMapName,
  settingsKey,
  sharedServiceNames,
  sharedServiceUrl,
  signingSecretName,
  stateClaimName,
  targetsConfigMapName,
  userStoreName,
} from './names.ts';
import {
  buildPodSpec,
  scrapeAnnotations,
  secretFile,
  secretKey,
  shutdownVariables,
  sidePortVariables,
  toEnvironment,
} from './pod.ts';
import { buildPodMetadata } from './pod-template.ts';
import { buildPostgresVariables, mountPostgres, noMounts } from './postgres.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';
import { buildSettingsMount, type SettingsMount } from './settings-file.ts';

const stateFolder = '/var/lib/hybridstore/state';
const targetsFolder = '/etc/hybridstore/targets';
const adminFolder = '/etc/hybridstore/admin';

/** Services whose state must outlive a pod: a volume each, which one pod holds. */
const statefulServices: ReadonlySet<SharedServiceName> = new Set(['auth-gateway', 'metadata-catalog', 'monitoring']);

export function keepsState(service: SharedServiceName): boolean {
  return statefulServices.has(service);
}

/** Whether a service may have one pod only. Several gateways leave the users to one more process, which has the volume. */
export function runsOnce(service: SharedServiceName): boolean {
  return keepsState(service) && service !== 'auth-gateway';
}

/** Whether a process of its own holds the users: those of several gateways, where they are in no PostgreSQL. */
export function hasUserStore({ services, postgres }: PlatformSettings): boolean {
  return services['auth-gateway'].replicas > 1 && postgres === undefined;
}

/** Whether there is a volume for what a service keeps. */
export function hasStateClaim(service: SharedServiceName, { postgres }: PlatformSettings): boolean {
  return keepsState(service) && !(service === 'auth-gateway' && postgres !== undefined);
}

/** Whose pod has the volume of its service. */
function holdsVolume(workload: SharedWorkload, settings: PlatformSettings): boolean {
  const isAsking = workload === 'auth-gateway' && hasUserStore(settings);
  return hasStateClaim(serviceOfWorkload(workload), settings) && !isAsking;
}

/** Whose process makes the administrator: the one that has the users, or each that shares a database. */
function makesAdministrator(workload: SharedWorkload, settings: PlatformSettings): boolean {
  const isGateway = serviceOfWorkload(workload) === 'auth-gateway';
  return isGateway && (settings.postgres !== undefined || holdsVolume(workload, settings));
}

/** The pods of one shared service, or of the process that holds its users. */
export function buildDeployment(
  workload: SharedWorkload,
  settings: PlatformSettings,
  owners: readonly OwnerReference[],
): Deployment {
  const service = serviceOfWorkload(workload);
  const selector = sharedServiceSelector(workload);
  const mount = buildSettingsMount(settings.config[service], settingsConfigMapName, settingsKey(service));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: workload,
      namespace: settings.namespace,
      labels: sharedServiceLabels(workload),
      ...ownedBy(owners),
    },
    spec: {
      replicas: workload === userStoreName ? 1 : settings.services[service].replicas,
      revisionHistoryLimit: 5,
      // Two pods cannot share a state volume, so the old one leaves first.
      strategy: holdsVolume(workload, settings)
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector },
      template: {
        metadata: buildPodMetadata(settings.services[service].podTemplate, {
          labels: sharedServiceLabels(workload),
          annotations: { ...scrapeAnnotations(service, settings.network.metricsPort), ...mount.annotations },
        }),
        spec: buildServicePod(workload, settings, mount),
      },
    },
  };
}

function buildServicePod(workload: SharedWorkload, settings: PlatformSettings, mount: SettingsMount) {
  const service = serviceOfWorkload(workload);
  const hasVolume = holdsVolume(workload, settings);
  const hasAdmin = makesAdministrator(workload, settings);
  const postgres = service === 'auth-gateway' ? mountPostgres(settings.postgres) : noMounts;
  return buildPodSpec({
    service,
    image: settings.image.services,
    settings,
    template: settings.services[service].podTemplate,
    serviceAccountName: workload,
    keys: { jwksConfigMap: jwksConfigMapName, signingSecret: signingSecretName(service), signingKey: secretKey },
    env: toEnvironment({ ...mount.variables, ...buildVariables(workload, settings) }),
    resources: settings.services[service].resources,
    volumes: [
      ...(hasVolume ? [{ name: 'state', persistentVolumeClaim: { claimName: stateClaimName(service) } }] : []),
      ...(service === 'monitoring' ? [{ name: 'targets', configMap: { name: targetsConfigMapName } }] : []),
      ...(hasAdmin ? [{ name: 'admin', secret: { secretName: adminSecretName, defaultMode: 0o440 } }] : []),
      ...postgres.volumes,
      ...mount.volumes,
    ],
    volumeMounts: [
      ...(hasVolume ? [{ name: 'state', mountPath: stateFolder }] : []),
      ...(service === 'monitoring' ? [{ name: 'targets', mountPath: targetsFolder, readOnly: true }] : []),
      ...(hasAdmin ? [{ name: 'admin', mountPath: adminFolder, readOnly: true }] : []),
      ...postgres.volumeMounts,
      ...mount.volumeMounts,
    ],
    selector: sharedServiceSelector(workload),
  });
}

function buildVariables(workload: SharedWorkload, settings: PlatformSettings): Readonly<Record<string, string>> {
  const service = serviceOfWorkload(workload);
  return {
    ...shutdownVariables(leavingOf(workload, settings), settings.services[service].podTemplate),
    TENANT_URL_TEMPLATE: 'http://hs-{name}.{namespace}.svc:8000',
    ...Object.fromEntries(
      sharedServiceNames.map((name) => [urlVariable(name), sharedServiceUrl(name, settings.namespace)]),
    ),
    ...(holdsVolume(workload, settings) ? { DATA_PATH: stateFolder } : {}),
    ...(service === 'monitoring' ? { TARGETS_FILE: `${targetsFolder}/targets.json` } : {}),
    ...(service === 'operation-node'
      ? { REPLICAS_URL: `http://${replicasServiceName(service)}.${settings.namespace}.svc:${services[service]}` }
      : {}),
    ...(service === 'auth-gateway' ? buildGatewayVariables(workload, settings) : {}),
    ...settings.services[service].env,
    ...sidePortVariables(settings.network.metricsPort),
  };
}

/** The gateway signs the tokens of users with the key of its own secret. */
function buildGatewayVariables(workload: SharedWorkload, settings: PlatformSettings): Readonly<Record<string, string>> {
  const { replicas } = settings.services['auth-gateway'];
  const isAsking = workload === 'auth-gateway' && hasUserStore(settings);
  return {
    JWT_SECRET_FILE: secretFile,
    ...(workload === 'auth-gateway' && replicas > 1 ? { GATEWAY_REPLICAS: String(replicas) } : {}),
    ...(isAsking ? { USER_STORE_URL: sharedServiceUrl(userStoreName, settings.namespace) } : {}),
    ...(makesAdministrator(workload, settings)
      ? { ADMIN_USERNAME: adminUsername, ADMIN_PASSWORD_FILE: `${adminFolder}/password` }
      : {}),
    ...buildPostgresVariables(settings.postgres),
  };
}

/** In which every gateway reads the list of what was revoked, while nothing more is. */
const userStoreDelaySeconds = 2;

/**
 * What is one pod has no other to lead callers to, and is called by processes of ours, which wait for it: every second of
 * delay would be one more without it.
 */
function leavingOf(workload: SharedWorkload, settings: PlatformSettings) {
  const { shutdownDelaySeconds, shutdownFinishSeconds } = settings;
  if (workload === userStoreName) return { shutdownDelaySeconds: userStoreDelaySeconds, shutdownFinishSeconds };
  return { shutdownDelaySeconds: runsOnce(workload) ? 0 : shutdownDelaySeconds, shutdownFinishSeconds };
}

/** `METADATA_CATALOG_URL`, …: where a service finds another one. */
export function urlVariable(service: SharedServiceName): string {
  return `${service.replaceAll('-', '_').toUpperCase()}_URL`;
}
