import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { HttpProbe } from './clients/http-probe.ts';
import { readConfig } from './config.ts';
import { SqliteLogStore } from './store/sqlite-log-store.ts';
import { TargetsFile } from './store/targets-file.ts';

const port = 8084;

runMain('monitoring', async () => {
  const service = createServiceProcess('monitoring', process.env);
  const config = readConfig(service.environment);
  const store = SqliteLogStore.open(config.dataPath, config.logEntriesMax);
  const probe = new HttpProbe(service.environment.optional('HYBRIDSTORE_HOSTS_FILE'));
  const targets = new TargetsFile(config.targetsFile, service.logger);
  const app = createApp({ ...service, config, store, probe, targets });
  await listen(service, app.server, port, [
    { name: 'rounds', run: () => app.rounds.stop() },
    { name: 'probe', run: () => probe.close() },
    { name: 'store', run: () => store.close() },
  ]);
  app.rounds.start();
});
