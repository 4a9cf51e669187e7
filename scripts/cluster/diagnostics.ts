/** What to show when a test on the cluster fails: the objects, the events, and the end of every container's log. */
import { tryRunInside } from './inside.ts';
import type { ClusterLayout } from './layout.ts';

const LOG_TAIL_LINES = 60;
const PODS_MAX = 100;
const TIMEOUT_MS = 20_000;

/** A text about all namespaces. Does not fail: a part that cannot be read says so in its place. */
export async function describeCluster(layout: ClusterLayout): Promise<string> {
  const objects = 'nodes,statefulsets,deployments,pods,services,pvc';
  const parts = [
    await section(layout, ['get', objects, '-A', '-o', 'wide']),
    await section(layout, ['get', 'events', '-A', '--sort-by=.metadata.creationTimestamp']),
  ];
  for (const [namespace, pod] of await listPods(layout)) {
    const logs = ['logs', '-n', namespace, pod, '--all-containers', '--prefix', `--tail=${LOG_TAIL_LINES}`];
    parts.push(await section(layout, logs));
    const restarted = await tryRunInside(layout, 'kubectl', [...logs, '--previous'], { timeoutMs: TIMEOUT_MS });
    if (restarted.code === 0) parts.push(`--- before its restart\n${restarted.stdout}`);
  }
  return parts.join('\n');
}

async function section(layout: ClusterLayout, args: readonly string[]): Promise<string> {
  const result = await tryRunInside(layout, 'kubectl', args, { timeoutMs: TIMEOUT_MS });
  return `--- kubectl ${args.join(' ')}\n${result.stdout}${result.code === 0 ? '' : result.stderr}`;
}

async function listPods(layout: ClusterLayout): Promise<[namespace: string, pod: string][]> {
  const path = 'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}';
  const result = await tryRunInside(layout, 'kubectl', ['get', 'pods', '-A', '-o', path], { timeoutMs: TIMEOUT_MS });
  const lines = result.stdout.split('\n').filter(Boolean);
  return lines.slice(0, PODS_MAX).map((line) => {
    const [namespace = '', pod = ''] = line.split(' ');
    return [namespace, pod];
  });
}
