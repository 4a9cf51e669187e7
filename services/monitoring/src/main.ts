import { services } from '@hybridstore/contracts';
import { createServiceProcess, listen, runMain } from '@hybridstore/http';
import { closeFolder } from '@hybridstore/runtime';
import { createApp } from './app.ts';
import { HttpProbe } from './clients/http-probe.ts';
import { HttpScraper } from './clients/http-scraper.ts';
import { readConfig } from './config.ts';
import { SqliteLogStore } from './store/sqlite-log-store.ts';
import { TargetsFile } from './store/targets-file.ts';

runMain('monitoring', async () => {
  const service = createServiceProcess('monitoring', process.env);
  const config = service.environment.read(readConfig);
  closeFolder(config.dataPath, service.logger);
  const { store, setAside, isTailLost } = SqliteLogStore.open(config.dataPath, config.logBytesMax);
  if (setAside !== undefined) service.logger.warn('unusable_database_set_aside', setAside);
  if (isTailLost) service.logger.warn('newest_logs_lost', { reason: 'the write-ahead log of logs.sqlite is broken' });
  store.scheduleCheckpoints(service.clock, service.logger);
  const checks = store.createChecks(service.clock, service.logger);
  const hostsFile = service.environment.optional('HYBRIDSTORE_HOSTS_FILE');
  const probe = new HttpProbe(hostsFile);
  const scraper = new HttpScraper(hostsFile);
  const targets = new TargetsFile(config.targetsFile, service.logger);
  const checkDatabase = () => checks.check();
  const app = createApp({ ...service, config, store, probe, scraper, targets, checkDatabase });
  await listen(service, app.server, services.monitoring, [
    { name: 'rounds', run: () => app.rounds.stop() },
    { name: 'probe', run: () => probe.close() },
    { name: 'scraper', run: () => scraper.close() },
    { name: 'store', run: () => store.close() },
    { name: 'checks', run: () => checks.close() },
  ]);
  app.rounds.start();
});
