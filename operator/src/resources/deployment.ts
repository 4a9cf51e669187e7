import { services } from '@hybridstore/contracts';
import type { Deployment, OwnerReference } from '@hybridstore/controller-runtime';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import {
  adminSecretName,
  adminUsername,
  jwksConfigMapName,
  replicasServiceName,
  type SharedServiceName,
  settingsConfigMapName,
  settingsKey,
  sharedServiceNames,
  sharedServiceUrl,
  signingSecretName,
  stateClaimName,
  targetsConfigMapName,
} from './names.ts';
import { buildPodSpec, scrapeAnnotations, secretFile, secretKey, sidePortVariables, toEnvironment } from './pod.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';
import { buildSettingsMount, type SettingsMount } from './settings-file.ts';

const stateFolder = '/var/lib/hybridstore/state';
const targetsFolder = '/etc/hybridstore/targets';
const adminFolder = '/etc/hybridstore/admin';

/** Services whose state must outlive a pod: a volume each, hence one pod each. */
const statefulServices: ReadonlySet<SharedServiceName> = new Set(['auth-gateway', 'metadata-catalog', 'monitoring']);

export function keepsState(service: SharedServiceName): boolean {
  return statefulServices.has(service);
}

/** The pods of one shared service. */
export function buildDeployment(
  service: SharedServiceName,
  settings: PlatformSettings,
  owners: readonly OwnerReference[],
): Deployment {
  const selector = sharedServiceSelector(service);
  const mount = buildSettingsMount(settings.config[service], settingsConfigMapName, settingsKey(service));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: service,
      namespace: settings.namespace,
      labels: sharedServiceLabels(service),
      ...ownedBy(owners),
    },
    spec: {
      replicas: settings.services[service].replicas,
      revisionHistoryLimit: 5,
      // Two pods cannot share a state volume, so the old one leaves first.
      strategy: keepsState(service)
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: sharedServiceLabels(service),
          annotations: { ...scrapeAnnotations(service, settings.network.metricsPort), ...mount.annotations },
        },
        spec: buildServicePod(service, settings, mount),
      },
    },
  };
}

function buildServicePod(service: SharedServiceName, settings: PlatformSettings, mount: SettingsMount) {
  return buildPodSpec({
    service,
    image: settings.image.services,
    imageSettings: settings.image,
    serviceAccountName: service,
    keys: { jwksConfigMap: jwksConfigMapName, signingSecret: signingSecretName(service), signingKey: secretKey },
    env: toEnvironment({ ...mount.variables, ...buildVariables(service, settings) }),
    resources: settings.services[service].resources,
    volumes: [
      ...(keepsState(service)
        ? [{ name: 'state', persistentVolumeClaim: { claimName: stateClaimName(service) } }]
        : []),
      ...(service === 'monitoring' ? [{ name: 'targets', configMap: { name: targetsConfigMapName } }] : []),
      ...(service === 'auth-gateway'
        ? [{ name: 'admin', secret: { secretName: adminSecretName, defaultMode: 0o440 } }]
        : []),
      ...mount.volumes,
    ],
    volumeMounts: [
      ...(keepsState(service) ? [{ name: 'state', mountPath: stateFolder }] : []),
      ...(service === 'monitoring' ? [{ name: 'targets', mountPath: targetsFolder, readOnly: true }] : []),
      ...(service === 'auth-gateway' ? [{ name: 'admin', mountPath: adminFolder, readOnly: true }] : []),
      ...mount.volumeMounts,
    ],
    selector: sharedServiceSelector(service),
    metricsPort: settings.network.metricsPort,
  });
}

function buildVariables(service: SharedServiceName, settings: PlatformSettings): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: settings.logLevel,
    SHUTDOWN_DELAY_SECONDS: String(settings.shutdownDelaySeconds),
    TENANT_URL_TEMPLATE: 'http://hs-{name}.{namespace}.svc:8000',
    ...Object.fromEntries(
      sharedServiceNames.map((name) => [urlVariable(name), sharedServiceUrl(name, settings.namespace)]),
    ),
    ...(keepsState(service) ? { DATA_PATH: stateFolder } : {}),
    ...(service === 'monitoring' ? { TARGETS_FILE: `${targetsFolder}/targets.json` } : {}),
    ...(service === 'operation-node'
      ? { REPLICAS_URL: `http://${replicasServiceName(service)}.${settings.namespace}.svc:${services[service]}` }
      : {}),
    // The gateway signs the tokens of users with the key of its own secret.
    ...(service === 'auth-gateway'
      ? {
          JWT_SECRET_FILE: secretFile,
          ADMIN_USERNAME: adminUsername,
          ADMIN_PASSWORD_FILE: `${adminFolder}/password`,
        }
      : {}),
    ...settings.services[service].env,
    ...sidePortVariables(settings.network.metricsPort),
  };
}

/** `METADATA_CATALOG_URL`, …: where a service finds another one. */
export function urlVariable(service: SharedServiceName): string {
  return `${service.replaceAll('-', '_').toUpperCase()}_URL`;
}
