import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { HttpCatalog } from './clients/http-catalog.ts';
import { readConfig } from './config.ts';

const port = 8082;

runMain('cbo-engine', async () => {
  const service = createServiceProcess('cbo-engine', process.env);
  const config = readConfig(service.environment);
  const catalog = new HttpCatalog(service.client, config.catalogUrl);
  const app = createApp({ ...service, config, catalog });
  await listen(service, app.server, port, []);
});
