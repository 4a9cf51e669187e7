import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
} from '@duckdb/node-api';
import { decodeFrames } from '@hybridstore/engine/duckdb';
import {
  HybridStoreError,
  orAborted,
  type ParentChannel,
  privateFolder,
  Semaphore,
  systemClock,
  systemDisk,
} from '@hybridstore/runtime';
import type { FreshRange, StatementView } from '../../domain/ports.ts';
import { childThreads, type Failure, type FromChild, type SessionOptions, type Statement } from '../messages.ts';
import { readEngineFailure } from './engine-failure.ts';
import { FileSchemaCache } from './file-schema-cache.ts';
import type { ViewPart } from './fresh-row-index.ts';
import { countFreshRows, FreshTables } from './fresh-tables.ts';
import { IdleConnections, type PreparedText } from './idle-connections.ts';
import { outputOf } from './row-output.ts';
import { endOf, type RowSource, sendRows } from './row-pieces.ts';
import { describeColumns, type OutputColumn } from './row-text.ts';
import type { RowOutput } from './row-writer.ts';
import { RunningStatement } from './running-statement.ts';
import { connectionSetting, lockedSettings } from './session-settings.ts';
import { StatementColumns } from './statement-columns.ts';
import { cutOff, interrupted, StatementFailure, unreadableFile, viewGone } from './statement-failure.ts';
import { findNamed, StatementFiles } from './statement-files.ts';
import { bindParameters, withViews } from './statement-text.ts';
import { UnguessableNames } from './unguessable-names.ts';
import { type FileSchemas, viewText } from './view-text.ts';

/** The others are for fresh rows, files and the ends of statements, which no long statement holds up. */
const callsMax = childThreads - 4;
/** More statements than a node takes. */
const callsWaitingMax = 10_000;

type SessionParts = {
  readonly instance: DuckDBInstance;
  readonly fresh: FreshTables;
  readonly files: StatementFiles;
  readonly spillBytesMax: number | undefined;
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
  readonly #spillBytesMax: number | undefined;
  readonly #node: ParentChannel<FromChild>;
  readonly #running = new Map<number, RunningStatement>();
  readonly #idle = new IdleConnections(systemClock);
  readonly #columns = new StatementColumns();
  readonly #fileSchemas = new FileSchemaCache();
  /** Each call into the engine holds a thread. Who waits for one waits here, where a cancel reaches him. */
  readonly #calls = new Semaphore({ running: callsMax, waiting: callsWaitingMax });
  #loads: Promise<void> = Promise.resolve();

  private constructor(parts: SessionParts, node: ParentChannel<FromChild>) {
    this.#instance = parts.instance;
    this.#fresh = parts.fresh;
    this.#files = parts.files;
    this.#spillBytesMax = parts.spillBytesMax;
    this.#node = node;
  }

  static async create(options: SessionOptions, node: ParentChannel<FromChild>): Promise<ChildSession> {
    const instance = await DuckDBInstance.create(':memory:', { threads: String(options.threads) });
    const connection = await instance.connect();
    const names = new UnguessableNames(options.secret);
    const fresh = await FreshTables.create(connection, `fresh_${names.of('fresh')}`);
    const files = await StatementFiles.create({
      disk: systemDisk,
      clock: systemClock,
      folder: options.filesFolder,
      names,
    });
    if (options.spill) await systemDisk.createFolder(options.spill.folder, privateFolder);
    for (const setting of lockedSettings({ ...options, filesFolder: files.openFolder })) await connection.run(setting);
    return new ChildSession({ instance, fresh, files, spillBytesMax: options.spill?.bytesMax }, node);
  }

  load(source: string, range: FreshRange, payload: Uint8Array): void {
    this.#inOrder(() => this.#fresh.load(source, range, decodeFrames(payload)));
  }

  forget(source: string): void {
    this.#inOrder(() => this.#fresh.forget(source));
  }

  run(statement: Statement): void {
    const running = new RunningStatement(statement, systemClock);
    this.#running.set(statement.query, running);
    this.#inOrder(() => this.#releaseBefore(statement));
    void this.#answer(running, this.#loads);
  }

  credit(query: number, bytes: number): void {
    this.#running.get(query)?.allowMore(bytes);
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

  /** Who has left does not wait for fresh rows, which may be many where a child is new. */
  async #answer(running: RunningStatement, loaded: Promise<void>): Promise<void> {
    const { query } = running.statement;
    try {
      await orAborted(loaded, running.signal);
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
    let isSuspect = false;
    try {
      const rows = await this.#onConnection(running, { views, parts });
      return { rows, freshRows: parts.reduce((sum, view) => sum + countFreshRows(view), 0) };
    } catch (error) {
      const failure = this.#readFailure(error, running, views);
      isSuspect = failure.code === 'corrupt' || failure.code === 'internal';
      // What is prepared has files open: the next statement is to see another file that has taken a damaged one's place.
      if (isSuspect) this.#idle.clear();
      throw new StatementFailure(failure);
    } finally {
      void release(isSuspect);
    }
  }

  async #onConnection(running: RunningStatement, read: ReadParts): Promise<number> {
    const known = await this.#knownText(running.statement, read);
    const idle = this.#idle.take(known?.text);
    const connection = idle?.connection ?? (await this.#connect());
    running.connection = connection;
    try {
      const kept = known
        ? await this.#runKnown(connection, running, { ...known, prepared: idle?.prepared?.statement })
        : await this.#runNew(connection, running, read);
      this.#idle.put(connection, kept.prepared);
      return kept.rows;
    } catch (error) {
      running.connection = undefined;
      await breakOff(connection);
      throw error;
    } finally {
      running.connection = undefined;
    }
  }

  /**
   * The whole text of a statement that has passed the gate, over files alone. Where fresh rows are read, a text is planned
   * in the transaction that reads them: a plan rests on what is known of its tables, which more rows make untrue.
   */
  async #knownText(statement: Statement, { views, parts }: ReadParts): Promise<KnownText | undefined> {
    if (parts.some((each) => each.length > 0)) return undefined;
    const columns = this.#columns.known(statement);
    const schemas = this.#fileSchemas.known(views);
    if (!columns || !schemas) return undefined;
    return wrap(statement, columns, this.#prefix({ views, parts }, schemas));
  }

  async #runKnown(
    connection: DuckDBConnection,
    running: RunningStatement,
    known: KnownText & { readonly prepared: DuckDBPreparedStatement | undefined },
  ): Promise<Ran> {
    const statement = known.prepared ?? (await this.#call(running, () => connection.prepare(known.text)));
    const opened = { ...known, prepared: statement };
    const rows = isShort(running.statement)
      ? await this.#runShort(running, opened)
      : await this.#stream(connection, running, async () => opened);
    return { rows, prepared: { text: known.text, statement } };
  }

  async #runNew(connection: DuckDBConnection, running: RunningStatement, read: ReadParts): Promise<Ran> {
    let prepared: DuckDBPreparedStatement | undefined;
    const rows = await this.#stream(connection, running, async () => {
      const opened = await this.#open(connection, running, read);
      prepared = opened.prepared;
      return opened;
    });
    prepared?.destroySync();
    return { rows, prepared: undefined };
  }

  async #connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    await connection.run(connectionSetting);
    return connection;
  }

  #viewParts({ views }: Statement): readonly (readonly ViewPart[])[] {
    return views.map((view) => {
      const found = this.#fresh.view(view.source, view.fresh);
      if (!found) throw new StatementFailure(viewGone);
      return found;
    });
  }

  /** The views of a statement, in front of it. */
  #prefix({ views, parts }: ReadParts, schemas: FileSchemas): string {
    const { catalog } = this.#fresh;
    return withViews(
      views,
      views.map((view, index) => viewText(view, schemas, { catalog, parts: parts[index] ?? [] })),
    );
  }

  #call<T>(running: RunningStatement, task: () => Promise<T>): Promise<T> {
    return this.#calls.run(task, running.signal);
  }

  /** All rows at once, with the error if there is one: one call into the engine. */
  async #runShort(running: RunningStatement, opened: OpenedText): Promise<number> {
    const { prepared } = opened;
    bindParameters(prepared, running.statement);
    const result = await this.#call(running, () => prepared.run());
    return this.#send(running, opened, chunksOf(result));
  }

  /** Rows while they are computed, in a transaction that says whether they are all. */
  async #stream(
    connection: DuckDBConnection,
    running: RunningStatement,
    open: () => Promise<OpenedText>,
  ): Promise<number> {
    const opened = await this.#call(running, async () => {
      await connection.run('BEGIN TRANSACTION READ ONLY');
      return open();
    });
    const { prepared, errorText } = opened;
    bindParameters(prepared, running.statement);
    const result = await this.#call(running, () => prepared.stream());
    const source = { fetchChunk: () => this.#call(running, () => result.fetchChunk()) };
    return this.#send(running, opened, source, () =>
      this.#call(running, async () => {
        if (!(await commits(connection))) await this.#findError(running, errorText);
      }),
    );
  }

  /** `end`: without it the rows may not be all. */
  async #send(
    running: RunningStatement,
    { columns, output }: KnownText,
    source: RowSource,
    end: () => Promise<void> = async () => {},
  ): Promise<number> {
    const { query } = running.statement;
    let isStarted = false;
    // Not before there is a row: what fails until then has given nothing out, and may be run again.
    const start = () => {
      if (!isStarted) this.#node.send({ kind: 'started', query, columns: describeColumns(columns) });
      isStarted = true;
    };
    const send = (count: number, texts: readonly Buffer[]) => {
      start();
      this.#node.send({ kind: 'rows', query, rows: count }, texts);
    };
    const rows = await sendRows(running, source, output, send);
    await end();
    start();
    const tail = endOf(rows, output);
    if (tail.length > 0) send(0, tail);
    return rows;
  }

  async #open(connection: DuckDBConnection, { statement }: RunningStatement, read: ReadParts): Promise<OpenedText> {
    const prefix = this.#prefix(read, await this.#fileSchemas.read(connection, read.views));
    const known = await wrap(statement, await this.#columns.read(connection, statement, prefix), prefix);
    return { ...known, prepared: await connection.prepare(known.text) };
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
      running.connection = undefined;
      connection.closeSync();
    }
    throw new StatementFailure(cutOff);
  }

  /** What the engine blames on the statement while it names a file is the fault of that file, and would tell where files are. */
  #readFailure(
    error: unknown,
    { signal, statement }: RunningStatement,
    linked: readonly StatementView[] = [],
  ): Failure {
    if (signal.aborted) return interrupted;
    if (error instanceof StatementFailure) return error.failure;
    if (error instanceof HybridStoreError) return { code: error.code, message: error.message, details: error.details };
    const failure = readEngineFailure(error, this.#spillBytesMax);
    const text = error instanceof Error ? error.message : String(error);
    const file = findNamed(text, statement.views, linked);
    return file && failure.code === 'invalid_request' ? unreadableFile(file, text) : failure;
  }
}

/** What a statement reads: its views, with files as the engine may open them, and of each its fresh rows. */
type ReadParts = { readonly views: readonly StatementView[]; readonly parts: readonly (readonly ViewPart[])[] };
/** Of a statement with its views, as the engine is given it. */
type KnownText = {
  readonly columns: readonly OutputColumn[];
  readonly output: RowOutput;
  readonly text: string;
  /** Fails as the statement does, and gives no rows. */
  readonly errorText: string;
};
type OpenedText = KnownText & { readonly prepared: DuckDBPreparedStatement };
type Ran = { readonly rows: number; readonly prepared: PreparedText | undefined };

async function wrap(statement: Statement, columns: readonly OutputColumn[], prefix: string): Promise<KnownText> {
  const output = await outputOf(statement, columns);
  const errorText = `${prefix}SELECT max(row) FROM (${output.text}) row`;
  return { columns, output, text: `${prefix}${output.text}`, errorText };
}

/** As many as the engine holds of a stream's rows as well. */
const shortRowsMax = 2_048;

function isShort({ rowsAtMost }: Statement): boolean {
  return rowsAtMost !== undefined && rowsAtMost <= shortRowsMax;
}

function chunksOf(result: DuckDBMaterializedResult): RowSource {
  let next = 0;
  return { fetchChunk: async () => (next < result.chunkCount ? result.getChunk(next++) : null) };
}

/**
 * Ends what the connection is at. A result that nobody reads to its end would keep the connection's memory, however it is
 * closed, until the collector of garbage finds it: the next call on the connection lets go of it.
 */
async function breakOff(connection: DuckDBConnection): Promise<void> {
  connection.interrupt();
  try {
    await connection.run('ROLLBACK');
  } catch {
    // There was no transaction yet; the result, if there was one, is gone all the same.
  }
  connection.closeSync();
}

/** A transaction in which a statement failed refuses to go on, though not to end: hence the statement before its end. */
async function commits(connection: DuckDBConnection): Promise<boolean> {
  try {
    await connection.run('SELECT 1; COMMIT');
  } catch {
    // Whatever the reason, the result before it cannot be trusted; the caller looks for the error itself.
    return false;
  }
  return true;
}

function freshRanges(statements: readonly Statement[]): { readonly source: string; readonly range: FreshRange }[] {
  return statements.flatMap((statement) =>
    statement.views.flatMap((view) => view.fresh.map((range) => ({ source: view.source, range }))),
  );
}
