import { services } from '@hybridstore/contracts';
import { createServiceProcess, jwtSecret, listen, runMain, type ServiceProcess } from '@hybridstore/http';
import { closeFolder } from '@hybridstore/runtime';
import { createApp, type GatewayApp } from './app.ts';
import { HttpUserStore } from './clients/http-user-store.ts';
import { type GatewayConfig, readConfig } from './config.ts';
import { ArgonPasswordHasher } from './passwords/argon-password-hasher.ts';
import { loadCommonPasswords } from './passwords/common-passwords.ts';
import { type OpenedUsers, openUsers } from './store/open-users.ts';
import { systemRandom } from './system-random.ts';

runMain('auth-gateway', async () => {
  const service = createServiceProcess('auth-gateway', process.env, { readSecret: jwtSecret });
  const config = service.environment.read(readConfig);
  const users =
    config.userStoreUrl === undefined ? openOwnUsers(config, service) : askForUsers(config.userStoreUrl, service);
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
  if (config.userStoreUrl === undefined) await provideUsers(app.accounts, config, service);
  else void noteOldHashes(app.accounts, service);
  await listen(service, app.server, services['auth-gateway'], [
    { name: 'forwarder', run: () => app.close() },
    { name: 'store', run: () => users.close() },
  ]);
});

function openOwnUsers({ usersPath }: GatewayConfig, service: ServiceProcess): OpenedUsers {
  closeFolder(usersPath, service.logger);
  return openUsers(usersPath, service);
}

/** Those of another process. */
function askForUsers(url: string, service: ServiceProcess): OpenedUsers {
  const store = new HttpUserStore({ ...service, url });
  return { store, checkDatabase: () => store.checkDatabase(), close: () => store.close() };
}

/** Whom the configuration names: made by whoever holds the users, before anybody can ask for them. */
async function provideUsers(
  accounts: GatewayApp['accounts'],
  config: GatewayConfig,
  { logger }: ServiceProcess,
): Promise<void> {
  const { administrator, legacyUsers } = config;
  if (administrator) await accounts.ensureAdministrator(administrator.username, administrator.password);
  const imported = await accounts.importLegacy(legacyUsers);
  if (imported > 0) logger.info('legacy_users_imported', { users: imported });
}

const oldHashesPauseMs = 1_000;

/** As soon as the store answers: before that nobody can log in. */
async function noteOldHashes(accounts: GatewayApp['accounts'], { clock }: ServiceProcess): Promise<void> {
  for (;;) {
    try {
      return await accounts.noteOldHashes();
    } catch {
      // Said by the store's client, once.
      await clock.sleep(oldHashesPauseMs);
    }
  }
}
