import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { defaultPort, readConfig } from './config.ts';
import { startNode } from './start-node.ts';

runMain('tenant-node', async () => {
  const service = createServiceProcess('tenant-node', process.env);
  const node = await startNode(service, readConfig(service.environment));
  await listen(service, node.server, defaultPort, node.phases);
  await node.join();
});
