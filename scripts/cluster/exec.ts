import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { layoutCluster, spawnInCluster } from './cluster.ts';

const usageText = 'usage: node scripts/cluster/exec.ts [--state DIR] [--node NAME] COMMAND [ARGUMENT…]';
const exitUsage = 64;

/**
 *     node scripts/cluster/exec.ts [--state DIR] [--node NAME] COMMAND [ARGUMENT…]
 *
 * Runs a command inside the cluster: in a node's network, with the cluster's DNS, KUBECONFIG, kubectl and helm. Ends with
 * the command's own exit code. Our options come before the command; its own stay untouched.
 */
export function parseCommand(args: readonly string[]): { state?: string; node?: string; command: string[] } {
  const options: { state?: string; node?: string } = {};
  let rest = [...args];
  for (;;) {
    const [flag, value] = rest;
    if (flag === '--') return { ...options, command: rest.slice(1) };
    if (flag !== '--state' && flag !== '--node') return { ...options, command: rest };
    if (value === undefined) throw new Error(`${flag} needs a value`);
    options[flag === '--state' ? 'state' : 'node'] = value;
    rest = rest.slice(2);
  }
}

function main(): void {
  const { state, node, command } = parseCommand(process.argv.slice(2));
  if (command.length === 0) {
    console.error(usageText);
    process.exitCode = exitUsage;
    return;
  }
  const cluster = layoutCluster(state);
  if (!existsSync(cluster.kubeconfigPath)) {
    console.error(`no cluster at ${cluster.stateFolder}; start one with npm run cluster:up`);
    process.exitCode = 1;
    return;
  }
  const child = spawnInCluster(cluster, command, { ...(node && { node }), spawn: { stdio: 'inherit' } });
  // The terminal sends these to the child too; it decides, and we end with its answer.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
  });
}

if (import.meta.main) main();
