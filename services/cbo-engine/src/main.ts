import { CatalogClient, createServiceProcess, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';

const port = 8082;
/** A query waits for its cost at most this long; its caller goes on with the plan as written. */
const catalogMsMax = 2_000;

runMain('cbo-engine', async () => {
  const service = createServiceProcess('cbo-engine', process.env);
  const config = service.environment.read(readConfig);
  const catalog = new CatalogClient({ client: service.client, url: config.catalogUrl, answerMsMax: catalogMsMax });
  const app = createApp({ ...service, config, catalog });
  await listen(service, app.server, port, []);
});
