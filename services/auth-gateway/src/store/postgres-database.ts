import { type Clock, HybridStoreError, type Logger, retryLater, Semaphore } from '@hybridstore/runtime';
import pg from 'pg';

export type PostgresOptions = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tlsMode: 'disable' | 'require' | 'verify-full';
  /** Certificates of authorities as PEM; undefined: those that Node knows. */
  readonly authorities: string | undefined;
};

export type PostgresParts = { readonly clock: Clock; readonly logger: Logger };

/** A value of a row or of a statement. Whole numbers are safe ones: times in milliseconds, counts. */
export type Value = string | number | boolean | Buffer;
export type Row = Readonly<Record<string, Value | null>>;

/** One connection, within one transaction. */
export interface Transaction {
  rows<T extends Row>(sql: string, ...values: readonly Value[]): Promise<readonly T[]>;
  /** How many rows a statement changed. */
  change(sql: string, ...values: readonly Value[]): Promise<number>;
}

const connectionsMax = 8;
const waitingMax = 1_000;
const connectMsMax = 2_000;
const statementMsMax = 5_000;
/** Beside the server's own time limit, for a server that says nothing any more. */
const answerMsMax = 6_000;
const idleMsMax = 30_000;
/** Any number, the same for all gateways of a database. */
const migrationLock = 7_203_114;

// 64-bit integers come as text, lest one lose digits; ours are all safe.
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser, // its overloads differ in the format only
};

/** A pool of bounded size in a schema of its own, brought to the newest version. */
export class PostgresDatabase {
  readonly #pool: pg.Pool;
  readonly #places = new Semaphore({ running: connectionsMax, waiting: waitingMax });

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Throws `unavailable` where no server answers, and `conflict` where the schema is of a newer version. */
  static async open(
    options: PostgresOptions,
    schema: { readonly name: string; readonly migrations: readonly string[] },
    { logger }: PostgresParts,
  ): Promise<PostgresDatabase> {
    const { host, port, database, user, password } = options;
    const pool = new pg.Pool({
      host,
      port,
      database,
      user,
      password,
      ssl: tlsOf(options),
      types,
      max: connectionsMax,
      connectionTimeoutMillis: connectMsMax,
      idleTimeoutMillis: idleMsMax,
      statement_timeout: statementMsMax,
      query_timeout: answerMsMax,
      keepAlive: true,
      application_name: 'hybridstore-auth-gateway',
      options: `-c search_path=${schema.name}`,
    });
    // An idle connection that breaks is made anew when it is needed.
    pool.on('error', (error) => logger.info('postgres_connection_lost', { error }));
    const opened = new PostgresDatabase(pool);
    try {
      await opened.transact((transaction) => migrate(transaction, schema));
    } catch (error) {
      await pool.end();
      throw error;
    }
    return opened;
  }

  /** Every statement of `change` or none. */
  transact<T>(change: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#places.run(async () => {
      const client = await this.#pool.connect().catch((error: unknown) => {
        throw asStoreError(error);
      });
      try {
        await client.query('BEGIN');
        const result = await change(within(client));
        await client.query('COMMIT');
        client.release();
        return result;
      } catch (error) {
        await leave(client);
        throw asStoreError(error);
      }
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function tlsOf({ tlsMode, authorities }: PostgresOptions): pg.PoolConfig['ssl'] {
  if (tlsMode === 'disable') return false;
  return {
    rejectUnauthorized: tlsMode === 'verify-full',
    ...(authorities === undefined ? {} : { ca: authorities }),
  };
}

function within(client: pg.PoolClient): Transaction {
  const ask = (sql: string, values: readonly Value[]) => client.query(sql, [...values]);
  return {
    rows: async <T extends Row>(sql: string, ...values: readonly Value[]) => (await ask(sql, values)).rows as T[], // of the schema beside the statement
    change: async (sql, ...values) => (await ask(sql, values)).rowCount ?? 0,
  };
}

/** A connection that cannot even roll back is not used again. */
async function leave(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch {
    // What failed before is what the caller gets to see.
    client.release(true);
  }
}

/** One process at a time; the others find the work done. */
async function migrate(
  transaction: Transaction,
  { name, migrations }: { readonly name: string; readonly migrations: readonly string[] },
): Promise<void> {
  await transaction.rows('SELECT pg_advisory_xact_lock($1)', migrationLock);
  await transaction.change(`CREATE SCHEMA IF NOT EXISTS ${name}`);
  await transaction.change('CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)');
  const [{ version } = { version: 0 }] = await transaction.rows<{ version: number }>(
    'SELECT version FROM schema_version',
  );
  if (version > migrations.length)
    throw new HybridStoreError(
      'conflict',
      `schema ${name} of PostgreSQL: expected at most version ${migrations.length}, found ${version}`,
      { version },
    );
  for (const migration of migrations.slice(version)) await transaction.change(migration);
  await transaction.change('DELETE FROM schema_version');
  await transaction.change('INSERT INTO schema_version VALUES ($1)', migrations.length);
}

/** SQLSTATE classes and codes after which another try may go well: connection, resources, shutdown, serialization, deadlock. */
const temporary = /^(08|57P|53300|40001|40P01|55P03)/;
const diskFull = '53100';
const cancelled = '57014';

function asStoreError(error: unknown): unknown {
  if (error instanceof HybridStoreError) return error;
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  if (code === diskFull) return new HybridStoreError('storage_full', 'PostgreSQL has no room', {}, { cause: error });
  const isAway = !(error instanceof pg.DatabaseError) && error instanceof Error;
  if (!isAway && code !== cancelled && !temporary.test(code ?? '')) return error;
  const { message, details } = retryLater('unavailable', 'the store of users in PostgreSQL gives no answer', 1_000);
  return new HybridStoreError('unavailable', message, details, { cause: error });
}
