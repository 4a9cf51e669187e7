import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiCall, createApiCall } from './api-call.ts';
import { type ClusterLayout, layoutCluster } from './layout.ts';

const intervalMs = 1_000;
const smokeSelector = 'app.kubernetes.io/part-of=hybridstore';

/** The part of a Pod that decides. */
type Pod = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string; readonly podIP?: string };
};

/** One group of Prometheus's file_sd format. */
type TargetGroup = {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

/**
 * The file of the pods to scrape, which Prometheus watches. Debian's Prometheus is built without discovery by the
 * Kubernetes API, so a process beside it (`node prometheus-targets.ts STATE_FOLDER`) writes them once a second, by the
 * rules that are usual with that discovery.
 */
export function targetsFile(layout: ClusterLayout): string {
  return join(layout.prometheusFolder, 'targets.json');
}

/** Groups for the pods that run, are annotated `prometheus.io/scrape: "true"` and name their port. */
export function listTargets(pods: readonly Pod[]): TargetGroup[] {
  return pods.flatMap((pod) => {
    const { annotations = {}, labels = {}, namespace, name } = pod.metadata;
    const port = annotations['prometheus.io/port'];
    const isWanted = annotations['prometheus.io/scrape'] === 'true' && pod.status.phase === 'Running';
    if (!isWanted || port === undefined || pod.status.podIP === undefined) return [];
    const path = annotations['prometheus.io/path'] ?? '/metrics';
    const place = { namespace, pod: name, node: pod.spec.nodeName ?? '', __metrics_path__: path };
    return [{ targets: [`${pod.status.podIP}:${port}`], labels: { ...labelNames(labels), ...place } }];
  });
}

/** Pod labels under names that Prometheus allows: `app.kubernetes.io/name` becomes `app_kubernetes_io_name`. */
function labelNames(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name.replaceAll(/\W/g, '_'), value]));
}

/** Writes the file when the pods changed; gives what it now holds. */
async function refresh(layout: ClusterLayout, call: ApiCall, previous: string): Promise<string> {
  const path = `/api/v1/pods?labelSelector=${encodeURIComponent(smokeSelector)}`;
  // The API server is the only one to answer, and its lists have this shape.
  const list = (await call('GET', path)) as { items: readonly Pod[] };
  const text = JSON.stringify(listTargets(list.items));
  if (text === previous) return text;
  const temporary = `${targetsFile(layout)}.new`;
  writeFileSync(temporary, text);
  renameSync(temporary, targetsFile(layout));
  return text;
}

async function main(stateFolder: string): Promise<never> {
  const layout = layoutCluster(stateFolder);
  const call = createApiCall(layout, 'prometheus');
  let current = '';
  for (;;) {
    try {
      current = await refresh(layout, call, current);
    } catch (error) {
      // The API server may be away: the last targets stay, and the next round tries again.
      console.error(error);
    }
    await delay(intervalMs);
  }
}

if (import.meta.main) await main(process.argv[2] ?? '');
