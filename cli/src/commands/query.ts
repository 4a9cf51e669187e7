import { readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { operationNode, type QueryResponse } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import colors from 'picocolors';
import type { Connection } from '../connection.ts';
import { formatCsv, formatTable } from '../output/table.ts';

export type QueryFlags = {
  readonly dialect?: string;
  readonly dsl?: boolean;
  readonly param?: readonly string[];
  readonly file?: string;
  readonly consistency?: string;
  readonly timeout?: string;
};

/** SQL (or the JSON DSL with --dsl) from the argument, a file, or standard input. */
export async function query(connection: Connection, text: string | undefined, flags: QueryFlags): Promise<void> {
  const statement = readStatement(text, flags);
  const endpoint = flags.dsl ? operationNode.queryDsl : operationNode.querySql;
  const timeoutSeconds = flags.timeout === undefined ? undefined : Number(flags.timeout);
  const body = {
    query: flags.dsl ? parseDsl(statement) : statement,
    ...(flags.dialect && !flags.dsl ? { dialect: flags.dialect } : {}),
    ...(flags.param && !flags.dsl ? { parameters: flags.param.map(parseParameter) } : {}),
    ...(flags.consistency ? { consistency: flags.consistency } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeout_seconds: timeoutSeconds }),
  };
  const timeoutMs = (timeoutSeconds ?? 300) * 1_000 + 5_000;
  if (connection.settings.flags.output === 'ndjson') {
    const answer = await connection.stream(endpoint, { body, timeoutMs, headers: { accept: 'application/x-ndjson' } });
    await pipeline(answer.body, process.stdout, { end: false });
    return;
  }
  print(
    await connection.call<QueryResponse>(endpoint, { body, timeoutMs }),
    connection.settings.flags.output ?? 'table',
  );
}

function print(answer: QueryResponse, output: string): void {
  if (output === 'json') process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else if (output === 'csv') process.stdout.write(`${formatCsv(answer.columns, answer.rows)}\r\n`);
  else {
    process.stdout.write(`${formatTable(answer.columns, answer.rows)}\n`);
    process.stderr.write(
      colors.dim(
        `${answer.row_count} ${answer.row_count === 1 ? 'row' : 'rows'} in ${answer.stats.elapsed_ms.toFixed(1)} ms\n`,
      ),
    );
  }
}

function readStatement(text: string | undefined, flags: QueryFlags): string {
  if (flags.file !== undefined) return readFileSync(flags.file, 'utf8');
  if (text !== undefined && text !== '-') return text;
  return readFileSync(0, 'utf8');
}

function parseDsl(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `--dsl: expected a JSON object (${cause instanceof Error ? cause.message : 'unreadable'})`,
      { field: 'query' },
      { cause },
    );
  }
}

/** JSON scalars are what they look like; everything else is text. */
function parseParameter(text: string): unknown {
  return /^(-?\d+(\.\d+)?([eE][-+]?\d+)?|true|false|null)$/.test(text) ? JSON.parse(text) : text;
}
