import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

const port = 8081;

runMain('operation-node', async () => {
  const service = createServiceProcess('operation-node', process.env);
  const config = readConfig(service.environment);
  if (config.movedVariables.length > 0)
    service.logger.info('scaling_moved_to_operator', { variables: config.movedVariables });
  const app = createApp({ ...service, config });
  await listen(service, app.server, port, []);
});
