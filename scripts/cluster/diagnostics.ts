import type { RunOptions, RunResult } from './run.ts';

const logTailLines = 60;
const podsMax = 100;
const diagnosticsMsMax = 20_000;

/** Runs kubectl on the cluster in question. */
type Kubectl = (args: readonly string[], options: RunOptions) => Promise<RunResult>;

/**
 * What to show when a test on the cluster fails, of all namespaces: the objects, the events, and the end of every
 * container's log. Does not fail: a part that cannot be read says so in its place.
 */
export async function describeCluster(kubectl: Kubectl): Promise<string> {
  const objects = 'nodes,statefulsets,deployments,pods,services,pvc';
  const parts = [
    await section(kubectl, ['get', objects, '-A', '-o', 'wide']),
    await section(kubectl, ['get', 'events', '-A', '--sort-by=.metadata.creationTimestamp']),
  ];
  for (const [namespace, pod] of await listPods(kubectl)) {
    const logs = ['logs', '-n', namespace, pod, '--all-containers', '--prefix', `--tail=${logTailLines}`];
    parts.push(await section(kubectl, logs));
    const restarted = await kubectl([...logs, '--previous'], { timeoutMs: diagnosticsMsMax });
    if (restarted.code === 0) parts.push(`--- before its restart\n${restarted.stdout}`);
  }
  return parts.join('\n');
}

async function section(kubectl: Kubectl, args: readonly string[]): Promise<string> {
  const result = await kubectl(args, { timeoutMs: diagnosticsMsMax });
  return `--- kubectl ${args.join(' ')}\n${result.stdout}${result.code === 0 ? '' : result.stderr}`;
}

async function listPods(kubectl: Kubectl): Promise<[namespace: string, pod: string][]> {
  const path = 'jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\\n"}{end}';
  const result = await kubectl(['get', 'pods', '-A', '-o', path], { timeoutMs: diagnosticsMsMax });
  const lines = result.stdout.split('\n').filter(Boolean);
  return lines.slice(0, podsMax).map((line) => {
    const [namespace = '', pod = ''] = line.split(' ');
    return [namespace, pod];
  });
}
