import type { KubeObject } from '@hybridstore/controller-runtime';
import {
  formatTime,
  kubeError,
  type ListOptions,
  type ObjectKey,
  pods,
  type Stored,
} from '@hybridstore/controller-runtime';
import type { EmbeddedApiServer } from '../api/api-server.ts';
import type { ResourcePath } from './request-path.ts';

/**
 * What `kubectl top pods` reads: the usage of pods in the form of the metrics server.
 * Source: k8s.io/metrics pkg/apis/metrics/v1beta1.
 */
export const metricsGroup = 'metrics.k8s.io/v1beta1';

/** Usage of the pods that run now. */
export type ReadPodUsage = () => readonly {
  readonly uid: string;
  readonly container: string;
  readonly cpuNanocores: number;
  readonly memoryBytes: number;
  readonly atMs: number;
  readonly windowMs: number;
}[];

type Usage = ReturnType<ReadPodUsage>[number];

export function isPodMetrics({ apiVersion, plural, subresource }: ResourcePath): boolean {
  return apiVersion === metricsGroup && plural === pods.plural && subresource === undefined;
}

/** `PodMetricsList` of what is selected. Pods that do not run have none. */
export async function listPodMetrics(
  api: EmbeddedApiServer,
  selection: ListOptions,
  readPodUsage: ReadPodUsage,
): Promise<object> {
  const { items, resourceVersion } = await api.list(pods, selection);
  const usages = new Map(readPodUsage().map((usage) => [usage.uid, usage]));
  const metrics = items.flatMap((pod) => {
    const usage = usages.get(pod.metadata.uid);
    return usage === undefined ? [] : [buildPodMetrics(pod, usage)];
  });
  return { kind: 'PodMetricsList', apiVersion: metricsGroup, metadata: { resourceVersion }, items: metrics };
}

/** Throws `not_found` when there is no such pod, or none that runs. */
export async function readPodMetrics(
  api: EmbeddedApiServer,
  key: ObjectKey,
  readPodUsage: ReadPodUsage,
): Promise<object> {
  const pod = await api.get(pods, key);
  const usage = readPodUsage().find(({ uid }) => uid === pod.metadata.uid);
  if (usage !== undefined) return buildPodMetrics(pod, usage);
  throw kubeError({
    reason: 'NotFound',
    message: `podmetrics.metrics.k8s.io "${key.namespace}/${key.name}" not found`,
  });
}

function buildPodMetrics({ metadata }: Stored<KubeObject>, usage: Usage): object {
  const { name, namespace, labels = {} } = metadata;
  const { container, cpuNanocores, memoryBytes, atMs, windowMs } = usage;
  return {
    kind: 'PodMetrics',
    apiVersion: metricsGroup,
    metadata: { name, namespace, creationTimestamp: formatTime(atMs), labels },
    timestamp: formatTime(atMs),
    window: `${windowMs / 1_000}s`,
    containers: [
      { name: container, usage: { cpu: `${cpuNanocores}n`, memory: `${Math.ceil(memoryBytes / 1_024)}Ki` } },
    ],
  };
}
