import { tenantNodeIssuer } from '@hybridstore/contracts';
import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { Environment } from '@hybridstore/runtime';
import { defaultPort, readConfig, readTenantId } from './config.ts';
import { startNode } from './start-node.ts';

runMain('tenant-node', async () => {
  // A node signs as one of its tenant: nobody takes the token of a node without one.
  const issuer = tenantNodeIssuer(readTenantId(new Environment(process.env)));
  const service = createServiceProcess('tenant-node', { SERVICE_ISSUER: issuer, ...process.env });
  const node = await startNode(service, readConfig(service.environment));
  await listen(service, node.server, defaultPort, node.phases);
  await node.join();
});
