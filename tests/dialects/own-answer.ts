import assert from 'node:assert/strict';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type Dialect, isHybridStoreError } from '@hybridstore/contracts';
import { checkPlan, planErrors, printDuckdb } from '@hybridstore/plan';
import { parseSql } from '@hybridstore/sql/parsing';

/** What this store makes of an expression: text of the value and the engine's type, or a refusal by name, or a failure. */
export type OwnAnswer =
  | { readonly kind: 'value'; readonly text: string | null; readonly type: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

const togetherMax = 48;

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

  /** Of each of many expressions that are asked in one statement; of where that is refused or fails, in two halves. */
  async answersTogether(expressions: readonly string[], dialect: Dialect): Promise<ReadonlyMap<string, OwnAnswer>> {
    const answers: OwnAnswer[] = [];
    for (let from = 0; from < expressions.length; from += togetherMax)
      answers.push(...(await this.#together(expressions.slice(from, from + togetherMax), dialect)));
    return new Map(answers.map((answer, index) => [expressions[index] ?? '', answer]));
  }

  async answer(expression: string, dialect: Dialect): Promise<OwnAnswer> {
    const [answer] = await this.#together([expression], dialect);
    assert(answer, 'an expression has an answer');
    return answer;
  }

  async #together(expressions: readonly string[], dialect: Dialect): Promise<readonly OwnAnswer[]> {
    const answers = await this.#ask(expressions, dialect);
    if (!('kind' in answers)) return answers;
    if (expressions.length === 1) return [answers];
    const half = expressions.length >> 1;
    const first = await this.#together(expressions.slice(0, half), dialect);
    return [...first, ...(await this.#together(expressions.slice(half), dialect))];
  }

  async #ask(expressions: readonly string[], dialect: Dialect): Promise<readonly OwnAnswer[] | OwnAnswer> {
    const outputs = expressions.map((expression, index) => `${expression} AS x${index}`);
    const sql = printed(`SELECT ${outputs.join(', ')}`, dialect);
    if (typeof sql !== 'string') return sql;
    const names = expressions.map((_, index) => `x${index}`);
    const shown = names.map((name) => `CAST(${name} AS VARCHAR), typeof(${name})`);
    try {
      const reader = await this.#connection.runAndReadAll(
        `SELECT ${shown.join(', ')} FROM (${sql}) AS answer(${names.join(', ')})`,
      );
      const [row = []] = reader.getRowsJson();
      return expressions.map((_, index) => answerOf(row[2 * index], row[2 * index + 1]));
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

function answerOf(value: unknown, type: unknown): OwnAnswer {
  return { kind: 'value', text: value === null || value === undefined ? null : String(value), type: String(type) };
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
