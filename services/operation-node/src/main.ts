import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

const port = 8081;

runMain('operation-node', async () => {
  const service = createServiceProcess('operation-node', process.env);
  const config = service.environment.read(readConfig);
  const app = createApp({ ...service, config });
  await listen(service, app.server, port, []);
});
