import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { closeFolder, DatabaseChecks, scheduleCheckpoints } from '@hybridstore/runtime';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';
import { databaseOptions, openDatabase } from './store/open-database.ts';
import { SqliteCatalogStore } from './store/sqlite-catalog-store.ts';

const port = 8083;

runMain('metadata-catalog', async () => {
  const service = createServiceProcess('metadata-catalog', process.env);
  const config = service.environment.read(readConfig);
  closeFolder(config.dataPath, service.logger);
  const { database, setAside } = openDatabase(config.dataPath);
  if (setAside !== undefined) service.logger.warn('unusable_database_set_aside', setAside);
  const stopCheckpoints = scheduleCheckpoints(database, service.clock, service.logger);
  const checks = new DatabaseChecks({ ...service, database, options: databaseOptions(config.dataPath) });
  const store = new SqliteCatalogStore(database);
  const app = createApp({ ...service, config, store, checkDatabase: () => checks.check() });
  await listen(service, app.server, port, [
    { name: 'scheduler', run: () => app.scheduler.stop() },
    { name: 'refresh', run: () => app.refreshLoop.stop() },
    {
      name: 'store',
      run: () => {
        stopCheckpoints();
        return store.close();
      },
    },
    { name: 'checks', run: () => checks.close() },
  ]);
  app.refreshLoop.start();
  app.scheduler.start();
});
