import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { binariesFolder } from './binaries.ts';
import type { ClusterLayout, NodeLayout } from './layout.ts';
import { type RunOptions, type RunResult, run, tryRun } from './run.ts';

/** Programs that Debian keeps where a user's PATH does not look. */
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Commands inside the cluster: in a node's network namespace, with the cluster's DNS as resolver, kubectl and helm first
 * on PATH and KUBECONFIG set. Outside of it neither the API server nor a pod can be reached.
 *
 * These are the arguments of `nsenter` for it. The resolver file is bound in a mount namespace of the command's own.
 */
export function insideArguments(layout: ClusterLayout, node: NodeLayout, command: readonly string[]): string[] {
  const bindResolver = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return [
    `--net=/run/netns/${node.namespace}`,
    ...['unshare', '--mount', '--propagation', 'private'],
    ...['sh', '-c', bindResolver, layout.resolverFile, ...command],
  ];
}

/** Variables of a command inside; what kubectl and helm keep goes with the cluster. The Node that runs this script is the `node` it finds. */
export function insideEnvironment(layout: ClusterLayout, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const path = [binariesFolder(), dirname(process.execPath), process.env['PATH'], systemPath].filter(Boolean).join(':');
  const caches = {
    KUBECACHEDIR: join(layout.runFolder, 'kubectl'),
    HELM_CACHE_HOME: join(layout.runFolder, 'helm', 'cache'),
    HELM_CONFIG_HOME: join(layout.runFolder, 'helm', 'config'),
    HELM_DATA_HOME: join(layout.runFolder, 'helm', 'data'),
  };
  return { ...process.env, PATH: path, KUBECONFIG: layout.kubeconfigPath, ...caches, ...extra };
}

export function tryRunInside(
  layout: ClusterLayout,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return tryRun('nsenter', insideArguments(layout, layout.nodes[0], [command, ...args]), {
    ...options,
    env: insideEnvironment(layout, options.env),
  });
}

export function runInside(
  layout: ClusterLayout,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return run('nsenter', insideArguments(layout, layout.nodes[0], [command, ...args]), {
    ...options,
    env: insideEnvironment(layout, options.env),
  });
}

/** Starts a command inside and leaves its streams and its end to the caller. */
export function spawnInside(
  layout: ClusterLayout,
  node: NodeLayout,
  command: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return spawn('nsenter', insideArguments(layout, node, command), {
    ...options,
    env: insideEnvironment(layout, options.env),
  });
}

/** Creates or updates objects, whatever their kind. */
export async function applyObjects(layout: ClusterLayout, objects: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  const args = ['apply', '--server-side', '--force-conflicts', '--field-manager=local-cluster', '-f', '-'];
  await runInside(layout, 'kubectl', args, { input: JSON.stringify(list) });
}
