import { readScriptArguments } from '../script-arguments.ts';
import { startCluster } from './cluster.ts';
import { defaultVolumeCounts } from './volumes.ts';

/** `npm run cluster:up`: boots the local cluster and prints how to use it. Runs in the background until `cluster:down`. */
const { values } = readScriptArguments(
  {
    call: 'npm run cluster:up --',
    does: 'Boots a real Kubernetes of two nodes on this machine (Linux, root); runs until cluster:down.',
    options: {
      state: { type: 'string', value: 'DIR', does: 'where its state is kept (default: .hybridstore/cluster)' },
      rwo: volumes(`ReadWriteOnce volumes of the nodes (default: ${defaultVolumeCounts.rwo})`),
      net: volumes(`ReadWriteOnce volumes of the network (default: ${defaultVolumeCounts.net})`),
      rwx: volumes(`ReadWriteMany volumes (default: ${defaultVolumeCounts.rwx})`),
    },
    variables: { XDG_CACHE_HOME: 'where the built programs are kept (default: ~/.cache)' },
  },
  process.argv.slice(2),
);

function volumes(does: string) {
  return { type: 'string', value: 'N', does } as const;
}

/** An amount of volumes. */
function countOf(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d{1,3}$/.test(text)) return Number(text);
  process.stderr.write(`${flag}: expected a whole number from 0 to 999, found ${text}\n`);
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}

try {
  const cluster = await startCluster({
    signal: interrupted.signal,
    ...(values.state === undefined ? {} : { stateFolder: values.state }),
    volumes: {
      rwo: countOf('--rwo', values.rwo, defaultVolumeCounts.rwo),
      net: countOf('--net', values.net, defaultVolumeCounts.net),
      rwx: countOf('--rwx', values.rwx, defaultVolumeCounts.rwx),
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
