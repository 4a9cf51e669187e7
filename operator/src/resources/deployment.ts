import type { Deployment, EnvironmentVariable } from '../kube/kinds.ts';
import type { OwnerReference } from '../kube/object.ts';
import { sharedServiceLabels, sharedServiceSelector } from './labels.ts';
import {
  jwksConfigMapName,
  type SharedServiceName,
  sharedServiceNames,
  sharedServiceUrl,
  signingSecretName,
  stateClaimName,
  targetsConfigMapName,
} from './names.ts';
import { buildPodSpec, scrapeAnnotations, secretKey, toEnvironment } from './pod.ts';
import { ownedBy } from './service.ts';
import type { PlatformSettings } from './settings.ts';

const stateFolder = '/var/lib/hybridstore/state';
const targetsFolder = '/etc/hybridstore/targets';

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
      replicas: keepsState(service) ? 1 : settings.services[service].replicas,
      revisionHistoryLimit: 5,
      // Two pods cannot share a state volume, so the old one leaves first.
      strategy: keepsState(service)
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: sharedServiceLabels(service), annotations: scrapeAnnotations(service) },
        spec: buildServicePod(service, settings),
      },
    },
  };
}

function buildServicePod(service: SharedServiceName, settings: PlatformSettings) {
  return buildPodSpec({
    service,
    image: settings.image.services,
    settings: settings.image,
    serviceAccountName: service,
    keys: { jwksConfigMap: jwksConfigMapName, signingSecret: signingSecretName(service) },
    env: [...toEnvironment(buildVariables(service, settings)), ...buildSecretVariables(service)],
    resources: settings.services[service].resources,
    volumes: [
      ...(keepsState(service)
        ? [{ name: 'state', persistentVolumeClaim: { claimName: stateClaimName(service) } }]
        : []),
      ...(service === 'monitoring' ? [{ name: 'targets', configMap: { name: targetsConfigMapName } }] : []),
    ],
    volumeMounts: [
      ...(keepsState(service) ? [{ name: 'state', mountPath: stateFolder }] : []),
      ...(service === 'monitoring' ? [{ name: 'targets', mountPath: targetsFolder, readOnly: true }] : []),
    ],
    selector: sharedServiceSelector(service),
  });
}

function buildVariables(service: SharedServiceName, settings: PlatformSettings): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: settings.logLevel,
    TENANT_URL_TEMPLATE: 'http://hs-{name}.{namespace}.svc:8000',
    ...Object.fromEntries(
      sharedServiceNames.map((name) => [urlVariable(name), sharedServiceUrl(name, settings.namespace)]),
    ),
    ...(keepsState(service) ? { DATA_PATH: stateFolder } : {}),
    ...(service === 'monitoring' ? { TARGETS_FILE: `${targetsFolder}/targets.json` } : {}),
    ...settings.services[service].env,
  };
}

/** `METADATA_CATALOG_URL`, …: where a service finds another one. */
export function urlVariable(service: SharedServiceName): string {
  return `${service.replaceAll('-', '_').toUpperCase()}_URL`;
}

/** The gateway signs the tokens of users with the key of its own secret. */
function buildSecretVariables(service: SharedServiceName): readonly EnvironmentVariable[] {
  if (service !== 'auth-gateway') return [];
  return [
    { name: 'JWT_SECRET', valueFrom: { secretKeyRef: { name: signingSecretName('auth-gateway'), key: secretKey } } },
  ];
}
