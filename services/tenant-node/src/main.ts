import { tenantNodeIssuer } from '@hybridstore/contracts';
import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { defaultPort, readConfig, readTenantId } from './config.ts';
import { startNode } from './start-node.ts';

runMain('tenant-node', async () => {
  const service = createServiceProcess('tenant-node', process.env, {
    // A node signs as one of its tenant: nobody takes the token of a node without one.
    readIssuer: (environment) => tenantNodeIssuer(readTenantId(environment)),
  });
  const node = await startNode(service, service.environment.read(readConfig));
  await listen(service, node.server, defaultPort, node.phases, () => node.rest());
  await node.join();
});
