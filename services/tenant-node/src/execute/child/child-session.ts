import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { decodeFrames } from '@hybridstore/engine/duckdb';
import { type ParentChannel, systemDisk } from '@hybridstore/runtime';
import type { FreshRange, StatementView } from '../../domain/ports.ts';
import type { Failure, FromChild, SessionOptions, Statement } from '../messages.ts';
import { readEngineFailure } from './engine-failure.ts';
import { FileSchemaCache } from './file-schema-cache.ts';
import type { ViewPart } from './fresh-row-index.ts';
import { countFreshRows, FreshTables } from './fresh-tables.ts';
import { sendRows } from './row-pieces.ts';
import { describeColumns, wrapStatement } from './row-text.ts';
import { RunningStatement } from './running-statement.ts';
import { lockedSettings } from './session-settings.ts';
import { StatementColumns } from './statement-columns.ts';
import { interrupted, StatementFailure, unreadableFile, viewGone } from './statement-failure.ts';
import { StatementFiles } from './statement-files.ts';
import { bindParameters, withViews } from './statement-text.ts';
import { UnguessableNames } from './unguessable-names.ts';
import { viewText } from './view-text.ts';

const idleConnectionsMax = 16;

type SessionParts = {
  readonly instance: DuckDBInstance;
  readonly fresh: FreshTables;
  readonly files: StatementFiles;
};

/**
 * One DuckDB instance that answers statements over the views that come with them. It is locked before the first
 * statement: no file but those of the statements at work, no extension, no setting can be reached, whatever a statement
 * says.
 *
 *   load ──▶ load ──▶ forget ──▶ …          one after the other: the fresh tables as they were sent
 *               ╰─▶ run: views ▶ gate ▶ rows …    each waits for the loads that were sent before it,
 *                 ╰─▶ run: …                      then they run side by side, each on a connection of its own
 *
 * Fresh tables stay as long as a statement that is at work has a view which begins before their end.
 */
export class ChildSession {
  readonly #instance: DuckDBInstance;
  readonly #fresh: FreshTables;
  readonly #files: StatementFiles;
  readonly #node: ParentChannel<FromChild>;
  readonly #running = new Map<number, RunningStatement>();
  readonly #idle: DuckDBConnection[] = [];
  readonly #columns = new StatementColumns();
  readonly #fileSchemas = new FileSchemaCache();
  #loads: Promise<void> = Promise.resolve();

  private constructor(parts: SessionParts, node: ParentChannel<FromChild>) {
    this.#instance = parts.instance;
    this.#fresh = parts.fresh;
    this.#files = parts.files;
    this.#node = node;
  }

  static async create(options: SessionOptions, node: ParentChannel<FromChild>): Promise<ChildSession> {
    const instance = await DuckDBInstance.create(':memory:', { threads: String(options.threads) });
    const connection = await instance.connect();
    const names = new UnguessableNames(options.secret);
    const fresh = await FreshTables.create(connection, `fresh_${names.of('fresh')}`);
    const files = await StatementFiles.create({ disk: systemDisk, folder: options.filesFolder, names });
    for (const setting of lockedSettings(options)) await connection.run(setting);
    return new ChildSession({ instance, fresh, files }, node);
  }

  load(source: string, range: FreshRange, payload: Uint8Array): void {
    this.#inOrder(() => this.#fresh.load(source, range, decodeFrames(payload)));
  }

  forget(source: string): void {
    this.#inOrder(() => this.#fresh.forget(source));
  }

  run(statement: Statement): void {
    const running = new RunningStatement(statement);
    this.#running.set(statement.query, running);
    this.#inOrder(() => this.#releaseBefore(statement));
    void this.#loads.then(() => this.#answer(running));
  }

  credit(query: number, pieces: number): void {
    this.#running.get(query)?.allowMore(pieces);
  }

  cancel(query: number): void {
    this.#running.get(query)?.cancel();
  }

  /** Frames that do not decode or a database that does not take them cannot be answered around: the child ends. */
  #inOrder(task: () => Promise<void>): void {
    this.#loads = this.#loads.then(task).catch((error: unknown) => this.#node.fail(error));
  }

  /** Drops fresh tables that neither this statement nor any other still at work reads. */
  async #releaseBefore(statement: Statement): Promise<void> {
    for (const { source, range } of freshRanges([statement])) {
      const others = freshRanges([...this.#running.values()].map((other) => other.statement));
      const floor = others
        .filter((other) => other.source === source && other.range.log === range.log)
        .reduce((lowest, other) => Math.min(lowest, other.range.afterLsn), range.afterLsn);
      await this.#fresh.release(source, range.log, floor);
    }
  }

  async #answer(running: RunningStatement): Promise<void> {
    const { query } = running.statement;
    try {
      const { rows, freshRows } = await this.#execute(running);
      this.#node.send({ kind: 'ended', query, rows, freshRows });
    } catch (error) {
      this.#node.send({ kind: 'failed', query, failure: this.#readFailure(error, running) });
    } finally {
      this.#running.delete(query);
    }
  }

  async #execute(running: RunningStatement): Promise<{ readonly rows: number; readonly freshRows: number }> {
    const parts = this.#viewParts(running.statement);
    const { views, release } = await this.#files.hold(running.statement.views);
    try {
      const rows = await this.#onConnection(running, views, parts);
      return { rows, freshRows: parts.reduce((sum, view) => sum + countFreshRows(view), 0) };
    } finally {
      void release();
    }
  }

  async #onConnection(
    running: RunningStatement,
    views: readonly StatementView[],
    parts: readonly (readonly ViewPart[])[],
  ): Promise<number> {
    const connection = this.#idle.pop() ?? (await this.#instance.connect());
    running.connection = connection;
    try {
      running.requireWanted();
      await connection.run('BEGIN TRANSACTION READ ONLY');
      const rows = await this.#stream(connection, running, await this.#prefix(connection, views, parts));
      this.#keep(connection);
      return rows;
    } catch (error) {
      // After an error or an interrupt the connection may hold a half-read result.
      connection.closeSync();
      throw error;
    } finally {
      running.connection = undefined;
    }
  }

  #viewParts({ views }: Statement): readonly (readonly ViewPart[])[] {
    return views.map((view) => {
      const found = this.#fresh.view(view.source, view.fresh);
      if (!found) throw new StatementFailure(viewGone);
      return found;
    });
  }

  /** The views of a statement, in front of it. */
  async #prefix(
    connection: DuckDBConnection,
    views: readonly StatementView[],
    parts: readonly (readonly ViewPart[])[],
  ): Promise<string> {
    const schemas = await this.#fileSchemas.read(connection, views);
    const { catalog } = this.#fresh;
    return withViews(
      views,
      views.map((view, index) => viewText(view, schemas, { catalog, parts: parts[index] ?? [] })),
    );
  }

  async #stream(connection: DuckDBConnection, running: RunningStatement, prefix: string): Promise<number> {
    const { statement } = running;
    const { query } = statement;
    const columns = await this.#columns.read(connection, statement, prefix);
    const text = wrapStatement(statement.text, columns, statement.shape);
    const prepared = await connection.prepare(`${prefix}${text}`);
    try {
      bindParameters(prepared, statement);
      running.requireWanted();
      const result = await prepared.stream();
      this.#node.send({ kind: 'started', query, columns: describeColumns(columns) });
      const rows = await sendRows(running, result, (count, piece) =>
        this.#node.send({ kind: 'rows', query, rows: count }, piece),
      );
      running.requireWanted();
      if (await commits(connection)) return rows;
      return await this.#findError(running, `${prefix}SELECT max(row) FROM (${text}) t(row)`);
    } finally {
      prepared.destroySync();
    }
  }

  /**
   * Fetching from a streamed result gives no error: a statement that fails under way looks like one that has ended, and
   * only its transaction shows it. Run once more, all at once, it names its error.
   */
  async #findError(running: RunningStatement, text: string): Promise<never> {
    const connection = await this.#instance.connect();
    running.connection = connection;
    try {
      const prepared = await connection.prepare(text);
      bindParameters(prepared, running.statement);
      running.requireWanted();
      await prepared.run();
    } finally {
      connection.closeSync();
    }
    throw new Error('a streamed result was cut and the statement gave no error the second time');
  }

  /** What the engine blames on the statement while it names a file is the fault of that file, and would tell where files are. */
  #readFailure(error: unknown, { isCancelled, statement }: RunningStatement): Failure {
    if (isCancelled) return interrupted;
    if (error instanceof StatementFailure) return error.failure;
    const failure = readEngineFailure(error);
    const text = error instanceof Error ? error.message : String(error);
    const file = this.#files.findNamed(text, statement.views);
    return file && failure.code === 'invalid_request' ? unreadableFile(file, text) : failure;
  }

  #keep(connection: DuckDBConnection): void {
    if (this.#idle.length < idleConnectionsMax) this.#idle.push(connection);
    else connection.closeSync();
  }
}

/** A transaction in which a statement failed refuses to go on. */
async function commits(connection: DuckDBConnection): Promise<boolean> {
  try {
    await connection.run('SELECT 1');
  } catch {
    // Whatever the reason, the result before it cannot be trusted; the caller looks for the error itself.
    return false;
  }
  await connection.run('COMMIT');
  return true;
}

function freshRanges(statements: readonly Statement[]): { readonly source: string; readonly range: FreshRange }[] {
  return statements.flatMap((statement) =>
    statement.views.flatMap((view) => view.fresh.map((range) => ({ source: view.source, range }))),
  );
}
