import { parseArgs } from 'node:util';
import { layoutCluster, stopCluster } from './cluster.ts';

/**
 *     node scripts/cluster/down.ts [--state DIR]
 *
 * Ends the local cluster and removes its state; the logs stay. Does nothing when there is none.
 */
const { values } = parseArgs({ options: { state: { type: 'string' } } });

try {
  const cluster = layoutCluster(values.state);
  await stopCluster(cluster);
  console.log(`cluster is down; logs: ${cluster.logFolder}`);
} catch (error) {
  console.error(`cluster:down failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
