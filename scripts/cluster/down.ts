import { readScriptArguments } from '../script-arguments.ts';
import { layoutCluster, stopCluster } from './cluster.ts';

/** `npm run cluster:down`: ends the local cluster and removes its state; the logs stay. Does nothing when there is none. */
const { values } = readScriptArguments(
  {
    call: 'npm run cluster:down --',
    does: 'Ends the local cluster and removes its state; the logs stay.',
    options: { state: { type: 'string', value: 'DIR', does: 'the same as for cluster:up' } },
  },
  process.argv.slice(2),
);

try {
  const cluster = layoutCluster(values.state);
  await stopCluster(cluster);
  console.log(`cluster is down; logs: ${cluster.logFolder}`);
} catch (error) {
  console.error(`cluster:down failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
