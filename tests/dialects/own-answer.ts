import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Dialect, isHybridStoreError } from '@hybridstore/contracts';
import { checkPlan, planErrors, printDuckdb } from '@hybridstore/plan';
import { parseSql } from '@hybridstore/sql/parsing';

/** What this store makes of an expression: text of the value and the engine's type, or a refusal by name, or a failure. */
export type OwnAnswer =
  | { readonly kind: 'value'; readonly text: string | null; readonly type: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

export class OwnAnswers {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async open(): Promise<OwnAnswers> {
    const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new OwnAnswers(connection);
  }

  async answer(expression: string, dialect: Dialect): Promise<OwnAnswer> {
    const sql = printed(`SELECT ${expression} AS x`, dialect);
    if (typeof sql !== 'string') return sql;
    try {
      const reader = await this.#connection.runAndReadAll(
        `SELECT CAST(x AS VARCHAR), typeof(x) FROM (${sql}) AS answer(x)`,
      );
      const [value, type] = reader.getRowsJson()[0] ?? [];
      return { kind: 'value', text: value === null || value === undefined ? null : String(value), type: String(type) };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // A plan fails in words of its own, which are shown.
      const isOurs = Object.values(planErrors).some((text) => message.includes(text));
      return { kind: isOurs ? 'refused' : 'failed', message };
    }
  }

  close(): void {
    this.#connection.closeSync();
  }
}

function printed(statement: string, dialect: Dialect): string | OwnAnswer {
  try {
    const { plan } = parseSql(statement, new Map(), { dialect, isStrict: true }, []);
    checkPlan(plan);
    return printDuckdb(plan).sql;
  } catch (error) {
    if (!isHybridStoreError(error)) throw error;
    return { kind: 'refused', message: error.message };
  }
}
