import { services } from '@hybridstore/contracts';
import { createServiceProcess, jwtSecret, listen, runMain } from '@hybridstore/http';
import { closeFolder } from '@hybridstore/runtime';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';
import { ArgonPasswordHasher } from './passwords/argon-password-hasher.ts';
import { loadCommonPasswords } from './passwords/common-passwords.ts';
import { openUsers } from './store/open-users.ts';
import { systemRandom } from './system-random.ts';

runMain('auth-gateway', async () => {
  const service = createServiceProcess('auth-gateway', process.env, { readSecret: jwtSecret });
  const config = service.environment.read(readConfig);
  closeFolder(config.usersPath, service.logger);
  const users = openUsers(config.usersPath, service);
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
  const { administrator, legacyUsers } = config;
  if (administrator) await app.accounts.ensureAdministrator(administrator.username, administrator.password);
  const imported = await app.accounts.importLegacy(legacyUsers);
  if (imported > 0) service.logger.info('legacy_users_imported', { users: imported });
  await listen(service, app.server, services['auth-gateway'], [
    { name: 'forwarder', run: () => app.close() },
    { name: 'store', run: () => users.close() },
  ]);
});
