import { parseArgs } from 'node:util';
import { startCluster } from './cluster.ts';
import { defaultVolumeCounts } from './volumes.ts';

/**
 *     node scripts/cluster/up.ts [--state DIR] [--rwo N] [--net N] [--rwx N]
 *
 * Boots the local cluster and prints how to use it. Runs in the background until `cluster:down`.
 */
const { values } = parseArgs({
  options: { state: { type: 'string' }, rwo: { type: 'string' }, net: { type: 'string' }, rwx: { type: 'string' } },
});

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}

try {
  const cluster = await startCluster({
    signal: interrupted.signal,
    ...(values.state === undefined ? {} : { stateFolder: values.state }),
    volumes: {
      rwo: Number(values.rwo ?? defaultVolumeCounts.rwo),
      net: Number(values.net ?? defaultVolumeCounts.net),
      rwx: Number(values.rwx ?? defaultVolumeCounts.rwx),
    },
  });
  const state = values.state === undefined ? '' : ` --state ${values.state}`;
  console.log(`cluster is up: ${cluster.nodes.map((node) => `${node.name} ${node.address}`).join(', ')}`);
  console.log(`kubeconfig:    ${cluster.kubeconfigPath} (works inside the cluster's network only)`);
  console.log(`logs:          ${cluster.logFolder}`);
  console.log(`run inside:    node scripts/cluster/exec.ts${state} kubectl get pods -A`);
} catch (error) {
  console.error(`cluster:up failed: ${error instanceof Error ? error.message : String(error)}`);
  // Not only the exit code: a build or a wait that was given up may still hold the process.
  process.exit(1);
}
