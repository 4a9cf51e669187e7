import { CatalogClient, createServiceProcess, listen, runMain } from '@hybridstore/http';
import { ParserPool } from '@hybridstore/sql';
import { createApp } from './app.ts';
import { HttpNodeSources } from './clients/http-node-sources.ts';
import { readConfig } from './config.ts';

const port = 8085;
const answerMsMax = 10_000;

runMain('query-interpreter', async () => {
  const service = createServiceProcess('query-interpreter', process.env);
  const config = service.environment.read(readConfig);
  const parser = new ParserPool({ ...service, threads: config.parserThreads, parsingMsMax: config.parsingMsMax });
  await parser.start();
  const catalog = new CatalogClient({ client: service.client, url: config.catalogUrl, answerMsMax });
  const nodes = new HttpNodeSources({
    client: service.client,
    tenantUrlTemplate: config.tenantUrlTemplate,
    answerMsMax,
  });
  const app = createApp({ ...service, settings: config, catalog, nodes, parser });
  await listen(service, app.server, port, [{ name: 'parser', run: () => parser.close() }]);
});
