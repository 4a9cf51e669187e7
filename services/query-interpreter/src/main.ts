import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { ParserPool } from '@hybridstore/sql';
import { createApp } from './app.ts';
import { HttpCatalog } from './clients/http-catalog.ts';
import { readConfig } from './config.ts';

const port = 8085;

runMain('query-interpreter', async () => {
  const service = createServiceProcess('query-interpreter', process.env);
  const config = readConfig(service.environment);
  const parser = new ParserPool({ ...service, threads: config.parserThreads, parsingMsMax: config.parsingMsMax });
  await parser.start();
  const catalog = new HttpCatalog(service.client, config.catalogUrl);
  const app = createApp({ ...service, settings: config, catalog, parser });
  await listen(service, app.server, port, [{ name: 'parser', run: () => parser.close() }]);
});
