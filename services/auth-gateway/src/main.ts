import { services } from '@hybridstore/contracts';
import { createServiceProcess, jwtSecret, listen, runMain } from '@hybridstore/http';
import { createApp } from './app.ts';
import { askForUsers } from './clients/http-user-store.ts';
import { readConfig } from './config.ts';
import { ArgonPasswordHasher } from './passwords/argon-password-hasher.ts';
import { loadCommonPasswords } from './passwords/common-passwords.ts';
import { startAccounts } from './start-accounts.ts';
import { openPostgresUsers } from './store/open-postgres-users.ts';
import { openUsers } from './store/open-users.ts';
import { systemRandom } from './system-random.ts';

runMain('auth-gateway', async () => {
  const service = createServiceProcess('auth-gateway', process.env, { readSecret: jwtSecret });
  const config = service.environment.read(readConfig);
  const { usersPath, userStoreUrl: url, postgres } = config;
  const openOwn = () => (postgres ? openPostgresUsers(postgres, service) : openUsers(usersPath, service));
  const users = await (url === undefined ? openOwn() : askForUsers({ ...service, url }));
  const hostsFile = service.environment.optional('HYBRIDSTORE_HOSTS_FILE');
  const app = createApp({
    process: { ...service, hostsFile },
    config,
    store: users.store,
    checkDatabase: users.checkDatabase,
    hasher: new ArgonPasswordHasher(config),
    isCommonPassword: loadCommonPasswords(),
    random: systemRandom,
  });
  await startAccounts(app.accounts, config, service);
  await listen(service, app.server, services['auth-gateway'], [
    { name: 'forwarder', run: () => app.close() },
    { name: 'store', run: () => users.close() },
  ]);
});
