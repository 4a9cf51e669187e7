import { type DuckDBConnection, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { assert, LruCache } from '@hybridstore/runtime';
import type { Statement } from '../messages.ts';
import { gateFunctions } from './gate-functions.ts';
import type { OutputColumn } from './row-text.ts';
import { StatementFailure } from './statement-failure.ts';
import { findViolation } from './statement-gate.ts';
import { bindParameters, joinWith } from './statement-text.ts';

const statementsMax = 1_000;

/**
 * Types of statements' outputs, after the gate. They follow from a statement's text, its parameters' types and its views'
 * names and columns, so a statement that is known under these has passed before.
 */
export class StatementColumns {
  readonly #known = new LruCache<string, readonly DuckDBType[]>(statementsMax);

  /** Of a statement that has passed the gate before. */
  known(statement: Statement): readonly OutputColumn[] | undefined {
    const types = this.#known.get(keyOf(statement));
    return types && outputColumns(statement, types);
  }

  /** `prefix` defines the views. A statement that does not pass the gate ends with `invalid_request`. */
  async read(connection: DuckDBConnection, statement: Statement, prefix: string): Promise<readonly OutputColumn[]> {
    return outputColumns(statement, await this.#readTypes(connection, statement, prefix));
  }

  async #readTypes(connection: DuckDBConnection, statement: Statement, prefix: string): Promise<readonly DuckDBType[]> {
    const key = keyOf(statement);
    const known = this.#known.get(key);
    if (known) return known;
    await requireGate(connection, statement);
    const types = await describe(connection, statement, prefix);
    this.#known.set(key, types);
    return types;
  }
}

function keyOf({ text, views, parameters }: Statement): string {
  return JSON.stringify([
    text,
    views.map((view) => [view.name, view.columns.map(({ as, type, isAsStored }) => [as, type, isAsStored])]),
    parameters.map((parameter) => [parameter.type, typeof parameter.value]),
  ]);
}

function outputColumns({ outputs }: Statement, types: readonly DuckDBType[]): readonly OutputColumn[] {
  assert(types.length === outputs.length, `a statement of ${outputs.length} outputs gives ${types.length} columns`);
  return types.map((type, index) => ({ name: outputs[index]!.name, type, declared: outputs[index]!.type }));
}

async function requireGate(connection: DuckDBConnection, statement: Statement): Promise<void> {
  const views = new Set(statement.views.map((view) => view.name));
  const violation = findViolation(await parse(connection, statement.text), { views, functions: gateFunctions });
  if (violation === undefined) return;
  throw new StatementFailure({ code: 'invalid_request', message: `plan: ${violation}`, details: { field: 'plan' } });
}

/** What the engine reads a text as. */
async function parse(connection: DuckDBConnection, text: string): Promise<string> {
  const prepared = await connection.prepare('SELECT json_serialize_sql(CAST($1 AS VARCHAR))');
  try {
    prepared.bindVarchar(1, text);
    return String((await prepared.run()).getChunk(0).getColumnValues(0)[0]);
  } finally {
    prepared.destroySync();
  }
}

async function describe(
  connection: DuckDBConnection,
  statement: Statement,
  prefix: string,
): Promise<readonly DuckDBType[]> {
  const prepared = await connection.prepare(joinWith(prefix, statement.text));
  try {
    const isOpen = prepared.columnCount === 1 && prepared.columnTypeId(0) === DuckDBTypeId.INVALID;
    if (isOpen) return await describeWithValues(connection, statement, prefix);
    return Array.from({ length: prepared.columnCount }, (_, index) => prepared.columnType(index));
  } finally {
    prepared.destroySync();
  }
}

/** While a parameter's type follows from nothing but its value, the engine shows one column of no type: it is asked again with the values. */
async function describeWithValues(
  connection: DuckDBConnection,
  statement: Statement,
  prefix: string,
): Promise<readonly DuckDBType[]> {
  const prepared = await connection.prepare(joinWith(prefix, `SELECT * FROM (${statement.text}) LIMIT 0`));
  try {
    bindParameters(prepared, statement);
    const result = await prepared.run();
    return result.columnTypes();
  } finally {
    prepared.destroySync();
  }
}
