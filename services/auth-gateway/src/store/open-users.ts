import type { DatabaseChecked } from '@hybridstore/contracts';
import { type Clock, closeFolder, DatabaseChecks, type Logger } from '@hybridstore/runtime';
import type { UserStore } from '../domain/ports.ts';
import { openUsersDatabase, usersDatabaseOptions } from './open-users-database.ts';
import { SqliteUserStore } from './sqlite-user-store.ts';

export type OpenedUsers = {
  readonly store: UserStore;
  /** See `DatabaseChecks`. */
  readonly checkDatabase: () => Promise<DatabaseChecked>;
  readonly close: () => Promise<void>;
};

/** The users in a folder, and what looks for damage among them while they are served. */
export function openUsers(folder: string, { clock, logger }: { clock: Clock; logger: Logger }): OpenedUsers {
  closeFolder(folder, logger);
  const database = openUsersDatabase(folder);
  const store = new SqliteUserStore(database, clock);
  const checks = new DatabaseChecks({ database, options: usersDatabaseOptions(folder), clock, logger });
  return {
    store,
    checkDatabase: () => checks.check(),
    close: async () => {
      await store.close();
      await checks.close();
    },
  };
}
