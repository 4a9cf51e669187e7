import { type PodTemplate, type ServiceName, services } from '@hybridstore/contracts';
import type {
  Container,
  EnvironmentVariable,
  Labels,
  PodSpec,
  Probe,
  ResourceRequirements,
  Volume,
  VolumeMount,
} from '@hybridstore/controller-runtime';
import { probePort } from './names.ts';
import { buildPodSecurity, restrictedContainerSecurity } from './pod-security.ts';
import { buildOwnVariables, buildPlacement, buildPullSecrets } from './pod-template.ts';
import type { PlatformSettings } from './settings.ts';

/** Time for a process to close what it holds, which takes at most 25 s, beside the time in which it still answers. */
const closingSeconds = 30;

const jwksFolder = '/etc/hybridstore/jwks';
const secretFolder = '/etc/hybridstore/secret';
const levelFolder = '/etc/hybridstore/level';
export const temporaryBytes = '4Gi';

/** Where the keys of a pod come from. */
export type PodKeys = {
  readonly jwksConfigMap: string;
  readonly signingSecret: string;
  /** Under which the Secret holds this pod's own; nothing else of it is mounted. */
  readonly signingKey: string;
};

export const secretKey = 'secret';
export const jwksKey = 'jwks.json';
/** Beside the keys, for it is of every pod as they are; a process follows it, so that another level restarts none. */
export const logLevelKey = 'log-level';
export const secretFile = `${secretFolder}/${secretKey}`;

export type ServicePod = {
  readonly service: ServiceName;
  readonly image: string;
  readonly settings: PlatformSettings;
  /** What people say of these pods. */
  readonly template: PodTemplate | undefined;
  readonly serviceAccountName: string;
  readonly keys: PodKeys;
  readonly env: readonly EnvironmentVariable[];
  readonly resources: ResourceRequirements;
  readonly volumes: readonly Volume[];
  readonly volumeMounts: readonly VolumeMount[];
  readonly selector: Labels;
};

/** A pod of one service under the restricted standard, with keys, probes and a /tmp; nothing mounts an API token. */
export function buildPodSpec(pod: ServicePod): PodSpec {
  const { settings } = pod;
  const spec = pod.template?.spec ?? {};
  return {
    serviceAccountName: pod.serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: chooseTimes(settings, pod.template).graceSeconds,
    securityContext: buildPodSecurity(spec, settings.podSecurity),
    ...buildPullSecrets(settings.image.pullSecrets, spec),
    ...buildPlacement(spec, pod.selector),
    containers: [buildContainer(pod)],
    volumes: [
      { name: 'tmp', emptyDir: { sizeLimit: temporaryBytes } },
      { name: 'jwks', configMap: { name: pod.keys.jwksConfigMap, items: [{ key: jwksKey, path: jwksKey }] } },
      {
        name: 'level',
        configMap: {
          name: pod.keys.jwksConfigMap,
          items: [{ key: logLevelKey, path: logLevelKey }],
          optional: true,
        },
      },
      {
        name: 'secret',
        secret: {
          secretName: pod.keys.signingSecret,
          items: [{ key: pod.keys.signingKey, path: secretKey }],
          defaultMode: 0o440,
        },
      },
      ...pod.volumes,
    ],
  };
}

function buildContainer(pod: ServicePod): Container {
  const { image, network } = pod.settings;
  const { metricsPort } = network;
  return {
    name: pod.service,
    image: pod.image,
    imagePullPolicy: image.pullPolicy,
    args: [pod.service],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'status.podIP' } } },
      { name: 'JWKS_FILE', value: `${jwksFolder}/${jwksKey}` },
      { name: 'LOG_LEVEL_FILE', value: `${levelFolder}/${logLevelKey}` },
      { name: 'SERVICE_SECRET_FILE', value: secretFile },
      ...pod.env,
      ...buildOwnVariables(pod.template?.spec ?? {}),
    ],
    ports: [
      { name: 'http', containerPort: services[pod.service], protocol: 'TCP' },
      { name: 'probe', containerPort: probePort, protocol: 'TCP' },
      ...(metricsPort === undefined ? [] : [{ name: 'metrics', containerPort: metricsPort, protocol: 'TCP' as const }]),
    ],
    resources: pod.resources,
    securityContext: restrictedContainerSecurity,
    // Nobody writes a message file: why a container ended is in the last lines of its log.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    startupProbe: buildProbe('/health', { periodSeconds: 1, failureThreshold: 300 }),
    livenessProbe: buildProbe('/health', { periodSeconds: 10, failureThreshold: 6 }),
    readinessProbe: buildProbe('/ready', { periodSeconds: 2, failureThreshold: 2 }),
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'jwks', mountPath: jwksFolder, readOnly: true },
      { name: 'level', mountPath: levelFolder, readOnly: true },
      { name: 'secret', mountPath: secretFolder, readOnly: true },
      ...pod.volumeMounts,
    ],
  };
}

function buildProbe(path: string, times: { readonly periodSeconds: number; readonly failureThreshold: number }): Probe {
  return { httpGet: { path, port: 'probe' }, timeoutSeconds: 5, ...times };
}

type ShutdownSettings = Pick<PlatformSettings, 'shutdownDelaySeconds' | 'shutdownFinishSeconds'>;

/** How long a process may take to go. Who chooses the grace period of a pod chooses with it how long requests may take to end. */
function chooseTimes(settings: ShutdownSettings, template: PodTemplate | undefined) {
  const { shutdownDelaySeconds: delaySeconds, shutdownFinishSeconds } = settings;
  const chosen = template?.spec?.terminationGracePeriodSeconds;
  const finishSeconds =
    chosen === undefined ? shutdownFinishSeconds : Math.max(0, chosen - delaySeconds - closingSeconds);
  return { delaySeconds, finishSeconds, graceSeconds: delaySeconds + finishSeconds + closingSeconds };
}

export function shutdownVariables(
  settings: ShutdownSettings,
  template: PodTemplate | undefined,
): Readonly<Record<string, string>> {
  const { delaySeconds, finishSeconds } = chooseTimes(settings, template);
  return { SHUTDOWN_DELAY_SECONDS: String(delaySeconds), SHUTDOWN_FINISH_SECONDS: String(finishSeconds) };
}

/** The pod's own ports are not for a configuration to change: probes, policies and annotations name them. */
export function sidePortVariables(metricsPort: number | undefined): Readonly<Record<string, string>> {
  return {
    PROBE_PORT: String(probePort),
    ...(metricsPort === undefined ? {} : { METRICS_PORT: String(metricsPort) }),
  };
}

/**
 * Variables in order of name, so that the order of a configuration does not restart pods. Empty values mean absent to
 * every service, and the API server drops them, so they are left out.
 */
export function toEnvironment(values: Readonly<Record<string, string>>): readonly EnvironmentVariable[] {
  return Object.entries(values)
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}

/** By which Prometheus' usual pod discovery finds a pod. */
export function scrapeAnnotations(
  service: ServiceName,
  metricsPort: number | undefined,
): Readonly<Record<string, string>> {
  return {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(metricsPort ?? services[service]),
    'prometheus.io/path': '/metrics',
  };
}
