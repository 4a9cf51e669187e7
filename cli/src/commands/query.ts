import { createWriteStream, readFileSync, renameSync, rmSync, type WriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import {
  type Consistency,
  type DslQueryRequest,
  operationNode,
  type ParameterScalar,
  type SqlQueryRequest,
} from '@hybridstore/contracts';
import type { StreamAnswer } from '@hybridstore/http';
import { HybridStoreError, isKeptAsDouble } from '@hybridstore/runtime';
import type { AnswerFormat } from '../answer/answer-format.ts';
import {
  type AnswerFormatName,
  chooseFileFormat,
  type FileFormatName,
  openFormat,
  requireNullTextOf,
} from '../answer/choose-format.ts';
import { readLines } from '../answer/line-answer.ts';
import { type AnswerPart, readAnswer } from '../answer/read-answer.ts';
import { cellWidthMax, TableFormat } from '../answer/table-format.ts';
import type { Connection } from '../connection.ts';
import { type Io, paintFor, plain, readStdin } from '../io.ts';
import { parseDigits } from '../load/parse-exactly.ts';
import { warningLines } from '../output/warning-lines.ts';
import { usageError } from '../usage-error.ts';

export { consistencyForm, isConsistency } from '@hybridstore/contracts';

export const dialects = ['mysql', 'postgresql', 'duckdb'] as const;
export const consistencies = ['strict', 'committed', 'bounded(<ms>)'];
export const querySecondsMax = 3_600;
const querySecondsDefault = 300;

export type QueryFlags = {
  readonly format?: AnswerFormatName;
  readonly nullText?: string;
  /** False for `--no-truncate`. */
  readonly truncate: boolean;
  readonly to?: string;
  readonly dialect?: (typeof dialects)[number];
  readonly dsl?: boolean;
  readonly param?: readonly string[];
  readonly file?: string;
  readonly consistency?: Consistency;
  readonly timeout?: number;
};

/** SQL (or the JSON DSL with --dsl) from the argument, a file, or standard input. The answer is written while it arrives. */
export async function query(
  connection: Connection,
  text: string | undefined,
  flags: QueryFlags,
  io: Io,
): Promise<void> {
  if (flags.dsl)
    for (const [flag, value] of [['--dialect', flags.dialect] as const, ['--param', flags.param] as const])
      if (value !== undefined) throw usageError(flag, 'expected with SQL only, found beside --dsl');
  const format = formatOf(flags);
  const statement = await readStatement(text, flags, io);
  const timeoutMs = (flags.timeout ?? querySecondsDefault) * 1_000 + 5_000;
  const { body } = await ask(connection, statement, { flags, timeoutMs, isLines: format === 'ndjson' });
  if (flags.to === undefined) await write(body, format, { flags, io, to: io.stdout, isFile: false });
  else await writeFile(body, format, { flags, io, path: flags.to });
}

function formatOf(flags: QueryFlags): FileFormatName {
  if (flags.to !== undefined && flags.format !== undefined)
    throw usageError('--format', 'expected no --to beside it, whose ending says the format; found both');
  const format = flags.to === undefined ? (flags.format ?? 'table') : chooseFileFormat(flags.to);
  requireNullTextOf(format, flags.nullText);
  return format;
}

type Writing = { readonly flags: QueryFlags; readonly io: Io };

/** Under its name a file is whole: until then it has another. */
async function writeFile(
  body: StreamAnswer['body'],
  format: FileFormatName,
  { flags, io, path }: Writing & { readonly path: string },
): Promise<void> {
  const part = `${path}.part`;
  const to = createWriteStream(part);
  try {
    await write(body, format, { flags, io, to, isFile: true });
    renameSync(part, path);
  } catch (error) {
    await closed(to);
    rmSync(part, { force: true });
    throw error;
  }
}

/** Until then it may still make the file. */
function closed(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve()).destroy();
  });
}

async function write(
  body: StreamAnswer['body'],
  name: FileFormatName,
  { flags, io, to, isFile }: Writing & { readonly to: NodeJS.WritableStream; readonly isFile: boolean },
): Promise<void> {
  if (name === 'ndjson') return pipeline(readLines(body), to, { end: isFile });
  const paint = isFile ? plain : paintFor(io.stdout, io.variables);
  const rules = {
    paint,
    isWhole: !flags.truncate,
    ...(flags.nullText === undefined ? {} : { nullText: flags.nullText }),
  };
  const format = await openFormat(name, rules);
  const ending: { end?: AnswerEnd } = {};
  await pipeline(formatParts(body, format, ending), to, { end: isFile });
  if (ending.end !== undefined && (isFile || name === 'table' || name === 'vertical'))
    io.stderr.write(`${paintFor(io.stderr, io.variables).dim(describeEnd(ending.end, format, flags.to))}\n`);
  // JSON holds them among its statistics.
  if (name !== 'json') io.stderr.write(warningLines(ending.end?.stats.warnings));
}

type AnswerEnd = Extract<AnswerPart, { readonly kind: 'end' }>;

async function* formatParts(
  body: StreamAnswer['body'],
  format: AnswerFormat,
  ending: { end?: AnswerEnd },
): AsyncGenerator<string | Uint8Array> {
  for await (const part of readAnswer(body)) {
    const written = formatPart(part, format);
    if (part.kind === 'end') ending.end = part;
    if (written.length > 0) yield written;
  }
}

function formatPart(part: AnswerPart, format: AnswerFormat): string | Uint8Array {
  switch (part.kind) {
    case 'columns':
      return format.begin(part.columns);
    case 'rows':
      return format.rows(part.rows);
    case 'end':
      return format.end(part.rowCount, part.stats);
  }
}

function describeEnd({ rowCount, stats }: AnswerEnd, format: AnswerFormat, path: string | undefined): string {
  const rows = `${rowCount} ${rowCount === 1 ? 'row' : 'rows'}${path === undefined ? '' : ` written to ${path}`}`;
  const cut = format instanceof TableFormat ? format.cut : 0;
  const note = `${cut} ${cut === 1 ? 'value' : 'values'} cut to ${cellWidthMax} characters (--no-truncate shows them whole)`;
  return `${rows} in ${stats.elapsed_ms.toFixed(1)} ms${cut === 0 ? '' : `; ${note}`}`;
}

type Asking = { readonly flags: QueryFlags; readonly timeoutMs: number; readonly isLines: boolean };

function ask(connection: Connection, statement: string, { flags, timeoutMs, isLines }: Asking): Promise<StreamAnswer> {
  const settings = { timeoutMs, headers: { accept: isLines ? 'application/x-ndjson' : 'application/json' } };
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
    // Its schema is for the platform to check.
    return parseDigits(text) as DslQueryRequest['query'];
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `--dsl: expected a JSON object (${cause instanceof Error ? cause.message : 'unreadable'})`,
      { field: 'query' },
      { cause },
    );
  }
}

/** JSON scalars are what they look like; everything else is text. Digits that a double would lose keep their text, which the platform reads exactly. */
function parseParameter(text: string): ParameterScalar {
  if (!/^(-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|true|false|null)$/.test(text)) return text;
  // One of the scalars that the pattern lets through.
  const value = JSON.parse(text) as ParameterScalar;
  return typeof value === 'number' && !isKeptAsDouble(text) ? text : value;
}
