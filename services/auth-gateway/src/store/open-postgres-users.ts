import { type DatabaseChecked, HybridStoreError } from '@hybridstore/contracts';
import type { OpenedUsers } from './open-users.ts';
import { PostgresDatabase, type PostgresOptions, type PostgresParts } from './postgres-database.ts';
import { PostgresUserStore, userMigrations, userSchemaName } from './postgres-user-store.ts';

/** The users in a PostgreSQL that every gateway asks. Throws `unavailable` that names POSTGRES_HOST where none answers. */
export async function openPostgresUsers(options: PostgresOptions, parts: PostgresParts): Promise<OpenedUsers> {
  const schema = { name: userSchemaName, migrations: userMigrations };
  const database = await PostgresDatabase.open(options, schema, parts).catch((cause: unknown) => {
    throw refuse(options, cause);
  });
  const store = new PostgresUserStore(database, parts.clock);
  return { store, checkDatabase: refuseCheck, close: () => store.close() };
}

function refuse({ host, port, database, user }: PostgresOptions, cause: unknown): HybridStoreError {
  const reason = cause instanceof HybridStoreError && cause.cause !== undefined ? cause.cause : cause;
  const found = reason instanceof Error ? reason.message : String(reason);
  return new HybridStoreError(
    'unavailable',
    `POSTGRES_HOST: expected PostgreSQL at ${host}:${port} with database ${database} and its user ${user}, found: ${found}`,
    { variable: 'POSTGRES_HOST' },
    { cause },
  );
}

async function refuseCheck(): Promise<DatabaseChecked> {
  throw new HybridStoreError('conflict', 'the users are in PostgreSQL, which checks its own pages and copies');
}
