import { readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import {
  type DslQueryRequest,
  operationNode,
  type ParameterScalar,
  type QueryResponse,
  type SqlQueryRequest,
} from '@hybridstore/contracts';
import type { StreamAnswer } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Connection } from '../connection.ts';
import { type Io, paintFor, readStdin } from '../io.ts';
import { formatCsv, formatTable } from '../output/table.ts';
import { usageError } from '../usage-error.ts';

export const queryFormats = ['table', 'json', 'ndjson', 'csv'] as const;
export const dialects = ['mysql', 'postgresql', 'duckdb'] as const;
export const consistencies = ['strict', 'committed'] as const;
export const querySecondsMax = 3_600;
const querySecondsDefault = 300;

export type QueryFlags = {
  readonly format: (typeof queryFormats)[number];
  readonly dialect?: (typeof dialects)[number];
  readonly dsl?: boolean;
  readonly param?: readonly string[];
  readonly file?: string;
  readonly consistency?: (typeof consistencies)[number];
  readonly timeout?: number;
};

/** SQL (or the JSON DSL with --dsl) from the argument, a file, or standard input. */
export async function query(
  connection: Connection,
  text: string | undefined,
  flags: QueryFlags,
  io: Io,
): Promise<void> {
  if (flags.dsl)
    for (const [flag, value] of [['--dialect', flags.dialect] as const, ['--param', flags.param] as const])
      if (value !== undefined) throw usageError(flag, 'expected with SQL only, found beside --dsl');
  const statement = await readStatement(text, flags, io);
  const timeoutMs = (flags.timeout ?? querySecondsDefault) * 1_000 + 5_000;
  if (flags.format === 'ndjson') {
    const answer = await stream(connection, statement, flags, timeoutMs);
    await pipeline(answer.body, io.stdout, { end: false });
    return;
  }
  const answer = flags.dsl
    ? await connection.call(operationNode.queryDsl, { body: buildDslBody(statement, flags), timeoutMs })
    : await connection.call(operationNode.querySql, { body: buildSqlBody(statement, flags), timeoutMs });
  print(answer, flags.format, io);
}

function stream(
  connection: Connection,
  statement: string,
  flags: QueryFlags,
  timeoutMs: number,
): Promise<StreamAnswer> {
  const settings = { timeoutMs, headers: { accept: 'application/x-ndjson' } };
  return flags.dsl
    ? connection.stream(operationNode.queryDsl, { ...settings, body: buildDslBody(statement, flags) })
    : connection.stream(operationNode.querySql, { ...settings, body: buildSqlBody(statement, flags) });
}

function buildDslBody(statement: string, flags: QueryFlags): DslQueryRequest {
  return { query: parseDsl(statement), ...buildLimits(flags) };
}

function buildSqlBody(statement: string, flags: QueryFlags): SqlQueryRequest {
  return {
    query: statement,
    ...(flags.dialect ? { dialect: flags.dialect } : {}),
    ...(flags.param ? { parameters: flags.param.map(parseParameter) } : {}),
    ...buildLimits(flags),
  };
}

function buildLimits(flags: QueryFlags): Pick<SqlQueryRequest, 'consistency' | 'timeout_seconds'> {
  return {
    ...(flags.consistency ? { consistency: flags.consistency } : {}),
    ...(flags.timeout === undefined ? {} : { timeout_seconds: flags.timeout }),
  };
}

function print(answer: QueryResponse, format: 'table' | 'json' | 'csv', io: Io): void {
  if (format === 'json') io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else if (format === 'csv') io.stdout.write(`${formatCsv(answer.columns, answer.rows)}\r\n`);
  else {
    io.stdout.write(`${formatTable(answer.columns, answer.rows, paintFor(io.stdout, io.variables))}\n`);
    const rows = `${answer.row_count} ${answer.row_count === 1 ? 'row' : 'rows'}`;
    io.stderr.write(
      `${paintFor(io.stderr, io.variables).dim(`${rows} in ${answer.stats.elapsed_ms.toFixed(1)} ms`)}\n`,
    );
  }
}

async function readStatement(text: string | undefined, flags: QueryFlags, io: Io): Promise<string> {
  if (flags.file !== undefined && text !== undefined)
    throw usageError('--file', 'expected no text beside it, found both');
  const isPiped = text === '-' || (text === undefined && flags.file === undefined && io.stdin.isTTY !== true);
  const statement = flags.file !== undefined ? readStatementFile(flags.file) : isPiped ? await readStdin(io) : text;
  if (statement === undefined || statement.trim() === '')
    throw usageError('TEXT', 'expected a query as the argument, in --file or on standard input, found none');
  return statement;
}

function readStatementFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HybridStoreError('invalid_request', `--file: expected a readable file, found ${path}`, {}, { cause });
  }
}

/** Whether it is a query of the DSL is for the platform to say. */
function parseDsl(text: string): DslQueryRequest['query'] {
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

/** JSON scalars are what they look like; everything else is text. Digits beyond 2^53 keep their text, which the platform reads exactly. */
function parseParameter(text: string): ParameterScalar {
  if (!/^(-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|true|false|null)$/.test(text)) return text;
  // One of the scalars that the pattern lets through.
  const value = JSON.parse(text) as ParameterScalar;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
}
