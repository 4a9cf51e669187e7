import { type DuckDBConnection, DuckDBInstance, type DuckDBPreparedStatement, DuckDBTypeId } from '@duckdb/node-api';
import { decodeFrames } from '@hybridstore/engine/duckdb';
import { LruCache, type ParentChannel } from '@hybridstore/runtime';
import type { FreshRange } from '../domain/executor-port.ts';
import { readEngineFailure } from './engine-failure.ts';
import type { ViewPart } from './epoch-book.ts';
import { FileSchemaCache } from './file-schema-cache.ts';
import { countFreshRows, FreshTables } from './fresh-tables.ts';
import { gateFunctions } from './gate-functions.ts';
import type { Failure, FromChild, SessionOptions, Statement } from './messages.ts';
import { describeColumns, type OutputColumn, wrapStatement } from './row-text.ts';
import { findViolation } from './statement-gate.ts';
import { viewText } from './view-text.ts';

/** Rows are handed over in pieces of about this size, the first one as soon as there is a row. */
const pieceBytesAim = 256 * 1024;
const piecesAheadMax = 4;
const describedStatementsMax = 1_000;
const idleConnectionsMax = 16;

type RunningStatement = {
  readonly statement: Statement;
  isCancelled: boolean;
  connection?: DuckDBConnection;
  credit: number;
  wake: (() => void) | undefined;
};

/**
 * One DuckDB instance that answers statements over views it is told of. It is locked before the first statement: no file
 * outside the tables, no extension, no setting can be reached, whatever a statement says. Fresh rows are loaded in the
 * order of messages; a statement waits for the loads that were sent before it.
 */
export class ChildSession {
  readonly #instance: DuckDBInstance;
  readonly #fresh: FreshTables;
  readonly #node: ParentChannel<FromChild>;
  readonly #running = new Map<number, RunningStatement>();
  readonly #idle: DuckDBConnection[] = [];
  readonly #described = new LruCache<string, readonly OutputColumn[]>(describedStatementsMax);
  readonly #fileSchemas = new FileSchemaCache();
  #loads: Promise<void> = Promise.resolve();

  private constructor(instance: DuckDBInstance, fresh: FreshTables, node: ParentChannel<FromChild>) {
    this.#instance = instance;
    this.#fresh = fresh;
    this.#node = node;
  }

  static async create(options: SessionOptions, node: ParentChannel<FromChild>): Promise<ChildSession> {
    const instance = await DuckDBInstance.create(':memory:', { threads: String(options.threads) });
    const connection = await instance.connect();
    const fresh = await FreshTables.create(connection);
    for (const setting of lockedSettings(options)) await connection.run(setting);
    return new ChildSession(instance, fresh, node);
  }

  load(source: string, range: FreshRange, payload: Uint8Array): void {
    this.#inOrder(() => this.#fresh.load(source, range, decodeFrames(payload)));
  }

  forget(source: string): void {
    this.#inOrder(() => this.#fresh.forget(source));
  }

  run(statement: Statement): void {
    const running: RunningStatement = { statement, isCancelled: false, credit: piecesAheadMax, wake: undefined };
    this.#running.set(statement.query, running);
    this.#inOrder(() => this.#releaseBefore(statement));
    const loaded = this.#loads;
    void loaded.then(() => this.#answer(running));
  }

  credit(query: number, pieces: number): void {
    const running = this.#running.get(query);
    if (!running) return;
    running.credit += pieces;
    running.wake?.();
  }

  /** An interrupt that falls between two fetches is lost, hence the flag beside it. */
  cancel(query: number): void {
    const running = this.#running.get(query);
    if (!running) return;
    running.isCancelled = true;
    running.connection?.interrupt();
    running.wake?.();
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
      await this.#execute(running);
    } catch (error) {
      const failure = error instanceof StatementFailure ? error.failure : readEngineFailure(error);
      this.#node.send({ kind: 'failed', query, failure: running.isCancelled ? interrupted : failure });
    } finally {
      this.#running.delete(query);
    }
  }

  async #execute(running: RunningStatement): Promise<void> {
    const { statement } = running;
    const parts = statement.views.map((view) => {
      const found = this.#fresh.view(view.source, view.fresh);
      if (!found) throw new StatementFailure(viewGone);
      return found;
    });
    const connection = this.#idle.pop() ?? (await this.#instance.connect());
    running.connection = connection;
    try {
      requireRunning(running);
      await connection.run('BEGIN TRANSACTION READ ONLY');
      const rows = await this.#stream(connection, running, parts);
      const freshRows = parts.reduce((sum, view) => sum + countFreshRows(view), 0);
      this.#node.send({ kind: 'ended', query: statement.query, rows, freshRows });
      this.#keep(connection);
    } catch (error) {
      // After an error or an interrupt the connection may hold a half-read result.
      connection.closeSync();
      throw error;
    } finally {
      delete running.connection;
    }
  }

  async #stream(
    connection: DuckDBConnection,
    running: RunningStatement,
    parts: readonly (readonly ViewPart[])[],
  ): Promise<number> {
    const { statement } = running;
    const schemas = await this.#fileSchemas.read(connection, statement.views);
    const views = statement.views.map((view, index) => viewText(view, schemas, parts[index] ?? []));
    const prefix = withViews(statement, views);
    const columns = await this.#describe(connection, statement, prefix);
    const text = wrapStatement(statement.text, columns, statement.shape);
    const prepared = await connection.prepare(`${prefix}${text}`);
    try {
      bindParameters(prepared, statement);
      requireRunning(running);
      const result = await prepared.stream();
      this.#node.send({ kind: 'started', query: statement.query, columns: describeColumns(columns) });
      const rows = await this.#sendRows(running, () => result.fetchChunk());
      requireRunning(running);
      if (!(await commits(connection)))
        await this.#findError(running, `${prefix}SELECT max(row) FROM (${text}) t(row)`);
      return rows;
    } finally {
      prepared.destroySync();
    }
  }

  /**
   * Fetching from a streamed result gives no error: a statement that fails under way looks like one that has ended, and
   * only its transaction tells. Run once more, all at once, it names its error.
   */
  async #findError(running: RunningStatement, text: string): Promise<never> {
    const connection = await this.#instance.connect();
    running.connection = connection;
    try {
      const prepared = await connection.prepare(text);
      bindParameters(prepared, running.statement);
      requireRunning(running);
      await prepared.run();
    } finally {
      connection.closeSync();
    }
    throw new Error('a streamed result was cut and the statement gave no error the second time');
  }

  /**
   * Names and types of a statement's outputs, after the gate. Both follow from its text, its parameters' types and its
   * views' names and columns, so a statement that is known under these has passed before.
   */
  async #describe(
    connection: DuckDBConnection,
    statement: Statement,
    prefix: string,
  ): Promise<readonly OutputColumn[]> {
    const key = JSON.stringify([
      statement.text,
      statement.views.map((view) => [view.name, view.columns]),
      statement.parameters.map((parameter) => [parameter.type, typeof parameter.value]),
    ]);
    const known = this.#described.get(key);
    if (known) return known;
    await requireGate(connection, statement);
    const prepared = await connection.prepare(joinWith(prefix, statement.text));
    try {
      const isOpen = prepared.columnCount === 1 && prepared.columnTypeId(0) === DuckDBTypeId.INVALID;
      const columns = isOpen
        ? await describeWithValues(connection, statement, prefix)
        : Array.from({ length: prepared.columnCount }, (_, index) => ({
            name: prepared.columnName(index),
            type: prepared.columnType(index),
          }));
      this.#described.set(key, columns);
      return columns;
    } finally {
      prepared.destroySync();
    }
  }

  async #sendRows(running: RunningStatement, fetchChunk: () => Promise<RowChunk | null>): Promise<number> {
    const { statement } = running;
    const sent = { rows: 0, bytes: 0 };
    let piece: PendingPiece = { texts: [], rows: 0, bytes: 0 };
    for (;;) {
      requireRunning(running);
      const chunk = await fetchChunk();
      if (!chunk || chunk.rowCount === 0) break;
      const text = chunkText(chunk, statement.separator, sent.rows + piece.rows === 0);
      piece.texts.push(text);
      piece.rows += chunk.rowCount;
      piece.bytes += text.length;
      requireWithinLimits(statement, sent.rows + piece.rows, sent.bytes + piece.bytes);
      if (sent.rows > 0 && piece.bytes < pieceBytesAim) continue;
      await this.#sendPiece(running, piece);
      sent.rows += piece.rows;
      sent.bytes += piece.bytes;
      piece = { texts: [], rows: 0, bytes: 0 };
    }
    if (piece.rows > 0) await this.#sendPiece(running, piece);
    return sent.rows + piece.rows;
  }

  async #sendPiece(running: RunningStatement, piece: PendingPiece): Promise<void> {
    while (running.credit <= 0) {
      requireRunning(running);
      await new Promise<void>((resolve) => {
        running.wake = resolve;
      });
      running.wake = undefined;
    }
    requireRunning(running);
    running.credit -= 1;
    const payload = Buffer.from(piece.texts.join(''));
    this.#node.send({ kind: 'rows', query: running.statement.query, rows: piece.rows }, payload);
  }

  #keep(connection: DuckDBConnection): void {
    if (this.#idle.length < idleConnectionsMax) this.#idle.push(connection);
    else connection.closeSync();
  }
}

class StatementFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

const interrupted: Failure = { code: 'interrupted', message: 'the statement was stopped', details: {} };
const viewGone: Failure = { code: 'view_gone', message: 'the view is older than the fresh rows', details: {} };

type PendingPiece = { readonly texts: string[]; rows: number; bytes: number };
type RowChunk = { readonly rowCount: number; getColumnValues(columnIndex: number): readonly unknown[] };

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

/** `,` stands between rows, a line break behind each. */
function chunkText(chunk: RowChunk, separator: ',' | '\n', isFirst: boolean): string {
  const joined = chunk.getColumnValues(0).join(separator);
  if (separator === '\n') return `${joined}\n`;
  return isFirst ? joined : `,${joined}`;
}

function requireRunning(running: RunningStatement): void {
  if (running.isCancelled) throw new StatementFailure(interrupted);
}

function requireWithinLimits(statement: Statement, rows: number, characters: number): void {
  if (rows > statement.rowsMax) throw tooLarge('rows', statement.rowsMax);
  if (characters > statement.bytesMax) throw tooLarge('bytes', statement.bytesMax);
}

function tooLarge(limit: 'rows' | 'bytes', max: number): StatementFailure {
  const message = `the result has more than ${max} ${limit}`;
  return new StatementFailure({ code: 'too_large', message, details: { limit, max } });
}

async function requireGate(connection: DuckDBConnection, statement: Statement): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql(CAST($1 AS VARCHAR))', [statement.text]);
  const views = new Set(statement.views.map((view) => view.name));
  const violation = findViolation(String(reader.value(0, 0)), { views, functions: gateFunctions });
  if (violation === undefined) return;
  throw new StatementFailure({ code: 'invalid_request', message: `plan: ${violation}`, details: { field: 'plan' } });
}

/** Views are CTEs around the checked text: nothing is created, so nothing has to be cleaned up or kept apart. */
function withViews(statement: Statement, texts: readonly string[]): string {
  if (texts.length === 0) return '';
  const views = statement.views.map(
    (view, index) => `"${view.name.replaceAll('"', '""')}" AS NOT MATERIALIZED (${texts[index] ?? ''})`,
  );
  return `WITH ${views.join(', ')} `;
}

/** The statement behind `prefix`; its own WITH becomes part of that one, since a subquery would rename equal outputs. */
function joinWith(prefix: string, statement: string): string {
  const own = /^WITH (RECURSIVE )?/.exec(statement);
  if (!own || prefix === '') return `${prefix}${statement}`;
  const views = prefix.slice('WITH '.length).trimEnd();
  return `WITH ${own[1] ?? ''}${views}, ${statement.slice(own[0].length)}`;
}

/** While a parameter's type follows from nothing but its value, the engine shows one column of no type: it is asked again with the values. */
async function describeWithValues(
  connection: DuckDBConnection,
  statement: Statement,
  prefix: string,
): Promise<readonly OutputColumn[]> {
  const prepared = await connection.prepare(joinWith(prefix, `SELECT * FROM (${statement.text}) LIMIT 0`));
  try {
    bindParameters(prepared, statement);
    const result = await prepared.run();
    return result.columnNames().map((name, index) => ({ name, type: result.columnType(index) }));
  } finally {
    prepared.destroySync();
  }
}

/** Text and whole numbers keep their exact form; the statement casts them to the type it wants. */
function bindParameters(prepared: DuckDBPreparedStatement, statement: Statement): void {
  statement.parameters.forEach(({ value }, index) => {
    const place = index + 1;
    if (place > prepared.parameterCount) return;
    if (value === null) prepared.bindNull(place);
    else if (typeof value === 'string') prepared.bindVarchar(place, value);
    else if (typeof value === 'boolean') prepared.bindBoolean(place, value);
    else if (Number.isSafeInteger(value)) prepared.bindBigInt(place, BigInt(value));
    else prepared.bindDouble(place, value);
  });
}

function freshRanges(statements: readonly Statement[]): { readonly source: string; readonly range: FreshRange }[] {
  return statements.flatMap((statement) =>
    statement.views.flatMap((view) => view.fresh.map((range) => ({ source: view.source, range }))),
  );
}

function lockedSettings(options: SessionOptions): string[] {
  const directory = `${options.tablesDirectory.replace(/\/$/, '')}/`.replaceAll("'", "''");
  return [
    `SET memory_limit = '${options.memoryLimit.replaceAll("'", "''")}'`,
    "SET TimeZone = 'UTC'",
    'SET errors_as_json = true',
    "SET temp_directory = ''",
    'SET allocator_background_threads = true',
    'SET autoinstall_known_extensions = false',
    'SET autoload_known_extensions = false',
    'SET allow_community_extensions = false',
    `SET allowed_directories = ['${directory}']`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ];
}
