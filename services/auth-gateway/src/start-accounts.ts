import { type Clock, isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { GatewayConfig } from './config.ts';
import type { Accounts } from './domain/accounts.ts';

type Parts = { readonly clock: Clock; readonly logger: Logger };

/** Whom the configuration names is made by the process that holds the users, before anybody can ask for them. */
export async function startAccounts(accounts: Accounts, config: GatewayConfig, parts: Parts): Promise<void> {
  if (config.userStoreUrl !== undefined) {
    void noteOldHashes(accounts, parts.clock);
    return;
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await provideUsers(accounts, config, parts);
    } catch (error) {
      // Another gateway of the same database makes them at the same moment: then they are there.
      if (!isHybridStoreError(error, 'conflict') || attempt >= attemptsMax) throw error;
    }
  }
}

const attemptsMax = 5;

async function provideUsers(accounts: Accounts, config: GatewayConfig, { logger }: Parts): Promise<void> {
  const { administrator, legacyUsers } = config;
  if (administrator) await accounts.ensureAdministrator(administrator.username, administrator.password);
  const imported = await accounts.importLegacy(legacyUsers);
  if (imported > 0) logger.info('legacy_users_imported', { users: imported });
}

const pauseMs = 1_000;

/** As soon as the store answers: before that nobody can log in. */
async function noteOldHashes(accounts: Accounts, clock: Clock): Promise<void> {
  for (;;) {
    try {
      return await accounts.noteOldHashes();
    } catch {
      // That the store is away says its client, once.
      await clock.sleep(pauseMs);
    }
  }
}
