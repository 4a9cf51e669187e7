import { DuckDBInstance } from '@duckdb/node-api';
import type { RecordedAnswer } from './reference-server.ts';

/** DuckDB's own answers to expressions as they are written. */
export async function answerByDuckdb(expressions: readonly string[]): Promise<readonly RecordedAnswer[]> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  await connection.run("SET TimeZone = 'UTC'");
  const answers: RecordedAnswer[] = [];
  for (const text of expressions) {
    try {
      const reader = await connection.runAndReadAll(`SELECT CAST((${text}) AS VARCHAR)`);
      const value = reader.getRowsJson()[0]?.[0];
      answers.push(value === null || value === undefined ? null : String(value));
    } catch {
      answers.push({ error: true });
    }
  }
  connection.closeSync();
  return answers;
}
