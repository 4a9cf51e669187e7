import { type Column, tenantNode, type Warning, type WriteResponse } from '@hybridstore/contracts';
import { HybridStoreError, systemClock } from '@hybridstore/runtime';
import { batchBytesMax, type Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import type { OpenBlocks } from '../load/csv-blocks.ts';
import { type FoundFile, FoundFiles, sourceNamedBy } from '../load/find-files.ts';
import { inferColumns, rowsLookedAt } from '../load/infer-columns.ts';
import { buildLoadId } from '../load/load-id.ts';
import {
  formatPosition,
  type LoadOptions,
  type LoadResult,
  loadBlocks,
  loadRows,
  type SendBatch,
  type SendPacked,
} from '../load/load-rows.ts';
import { prepareRow, type ValueRules } from '../load/prepare-row.ts';
import { findBlocks } from '../load/read-blocks.ts';
import { chooseFormat, describeColumns, type Format, isTextFormat, isTyped, readRows } from '../load/read-file.ts';
import { checkText, isUtf8Text } from '../load/read-text.ts';
import {
  listReading,
  type ReadingFlags,
  readingOptions,
  requireColumnsFor,
  requireFlagsOf,
  valueRules,
} from '../load/reading-flags.ts';
import { startProgress } from '../output/progress.ts';
import { formatCells } from '../output/table.ts';
import { warningLines } from '../output/warning-lines.ts';
import { usageError } from '../usage-error.ts';

export type LoadFlags = ReadingFlags & {
  readonly source?: string;
  readonly format?: string;
  readonly batch: number;
  readonly parallel: number;
  readonly rejectedMax: number;
  readonly loadId?: string;
  readonly create?: boolean;
  readonly dryRun?: boolean;
};

export const rowsPerBatchMax = 50_000;
export const parallelMax = 32;
export const rejectedRowsMax = 10_000;
const writeMsMax = 120_000;

/**
 * Appends the rows of files to sources, one file after the other. Batches have ids made from the content of their file, so
 * that a load that broke off is simply started again. Rows that do not fit are reported by their place in the file; the
 * others are loaded. The first file that cannot be loaded ends the command.
 */
export async function load(connection: Connection, names: readonly string[], flags: LoadFlags, io: Io): Promise<void> {
  if (flags.dryRun && !flags.create) throw usageError('--dry-run', 'expected --create beside it, found none');
  using found = new FoundFiles(io.signal);
  const files = await found.find(names, io.stdin);
  // Batches of two files under the same ids would be taken for one.
  if (flags.loadId !== undefined && files.length > 1)
    throw usageError('--load-id', `expected with one file, found ${files.length}`);
  const formats = files.map(({ path }) => formatOf(path, flags));
  for (const file of files) if (flags.source === undefined) requireNamed(file);
  let rejected = 0;
  const created = new Set<string>();
  for (const [index, file] of files.entries()) {
    const format = formats[index] ?? chooseFormat(file.path, flags.format);
    const readable = isTextFormat(format) ? file : await found.unpack(file);
    rejected += await loadFile(connection, readable, { format, flags, io, created });
  }
  requireNoneRejected(rejected);
}

function formatOf(path: string, flags: LoadFlags): Format {
  const format = chooseFormat(path, flags.format);
  requireFlagsOf(format, flags);
  return format;
}

function requireNamed({ path, content }: FoundFile): void {
  if (path !== content) throw usageError('--source', 'expected a source for standard input, found none');
}

type Loading = {
  readonly format: Format;
  readonly flags: LoadFlags;
  readonly io: Io;
  /** Sources that this command has made. */
  readonly created: Set<string>;
};

/** How many rows were rejected. */
async function loadFile(connection: Connection, file: FoundFile, loading: Loading): Promise<number> {
  const { format, flags } = loading;
  const sourceId = flags.source ?? sourceNamedBy(file.path);
  const isUtf8 = isTextFormat(format) && (await isPlainText(file, flags));
  const columns = await findColumns(connection, sourceId, { file, ...loading });
  if (columns === 'shown') return 0;
  const rules = valueRules(flags);
  const bounds = { rowsPerBatch: flags.batch, bytesPerBatchMax: batchBytesMax };
  const options = readingOptions(flags);
  const blocks = await findBlocks(file.content, { format, columns, options, rules, isUtf8, bounds });
  // Blocks are cut in another way than rows, and their batches are others.
  const form = blocks ? `${format} in blocks` : format;
  const cut = { format: form, rowsPerBatch: flags.batch, reading: listReading(flags) };
  const loadId = flags.loadId ?? (await buildLoadId(file.content, cut));
  const result = await sendFile(connection, file, { ...loading, sourceId, columns, loadId, blocks });
  requireRows(file, result);
  return result.rejected;
}

/** Throws, with nothing sent, for bytes that are not of the encoding. */
async function isPlainText(file: FoundFile, flags: LoadFlags): Promise<boolean> {
  const reading = readingOptions(flags);
  const mayBe = reading.encoding === undefined || reading.encoding === 'utf-8';
  if (mayBe && (await isUtf8Text(file.content).catch(namedBy(file)))) return true;
  await checkText(file.content, reading).catch(namedBy(file));
  return false;
}

type Sending = Loading & {
  readonly sourceId: string;
  readonly columns: Columns;
  readonly loadId: string;
  /** Undefined for a file that is read row by row. */
  readonly blocks: OpenBlocks | undefined;
};

async function sendFile(connection: Connection, file: FoundFile, sending: Sending): Promise<LoadResult> {
  const { format, flags, io, sourceId, columns, loadId, blocks } = sending;
  const progress = startProgress(sourceId, file.size, io.stderr);
  const note = (sentence: string) => progress.log(`${file.path}: ${sentence}\n`);
  const changes: Changes = { truncated: 0, notNumbers: 0, respelled: new Set() };
  const rules = countingRules(valueRules(flags), changes);
  const startedMs = systemClock.monotonicMs();
  const warnings = new Map<string, Warning>();
  const noteWarnings = (answer: WriteResponse) => {
    for (const warning of answer.warnings ?? []) warnings.set(warning.code, warning);
    return answer;
  };
  const send: SendBatch = async (batch, key) =>
    noteWarnings(
      await connection.call(tenantNode.write, {
        body: { source_id: sourceId, records: batch.records },
        headers: { 'idempotency-key': key },
        timeoutMs: writeMsMax,
      }),
    );
  const sendPacked: SendPacked = async ({ type, bytes }, key) =>
    noteWarnings(
      await connection.call(tenantNode.write, {
        json: bytes,
        query: { source_id: sourceId },
        headers: { 'content-type': type, 'idempotency-key': key },
        timeoutMs: writeMsMax,
      }),
    );
  try {
    const options: LoadOptions = {
      name: file.path,
      rowsPerBatch: flags.batch,
      bytesPerBatchMax: batchBytesMax,
      parallel: flags.parallel,
      loadId,
      rejectedMax: flags.rejectedMax,
      prepare: (fields) => prepareRow(fields, columns, !isTyped(format), rules),
      sleep: (delayMs) => systemClock.sleep(delayMs),
      onProgress: (bytesRead, acknowledged) => progress.update(bytesRead, acknowledged),
      onRejected: (row) => note(`${formatPosition(row)}: rejected: ${row.reason}`),
      signal: io.signal,
    };
    const readAll = () => readRows(file.content, format, { ...readingOptions(flags), onNote: note });
    const loading = blocks
      ? loadBlocks(blocks(note), { send, sendPacked }, options)
      : loadRows(readAll(), send, options);
    const result = await loading.catch(namedBy(file));
    if (!result.isInterrupted) progress.update(file.size, result.acknowledged);
    sayChanges(changes, note);
    progress.end();
    const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
    io.stdout.write(`${sourceId}: ${describeResult(result)} in ${seconds.toFixed(1)} s\n`);
    // Of each kind the newest: batches say the same, of more and more.
    io.stderr.write(warningLines([...warnings.values()]));
    return result;
  } finally {
    progress.end();
  }
}

/** Readers know a file by where its bytes lie; people by what they have called it. */
function namedBy({ path, content }: FoundFile): (error: unknown) => never {
  return (error) => {
    if (path === content || !(error instanceof HybridStoreError)) throw error;
    throw new HybridStoreError(error.code, error.message.replace(content, path), error.details, { cause: error });
  };
}

type Changes = { truncated: number; notNumbers: number; readonly respelled: Set<string> };

function countingRules(rules: ValueRules, changes: Changes): ValueRules {
  return {
    ...rules,
    onTruncated: () => {
      changes.truncated += 1;
    },
    onNotANumber: () => {
      changes.notNumbers += 1;
    },
    onRespelled: (name) => changes.respelled.add(name),
  };
}

function sayChanges({ truncated, notNumbers, respelled }: Changes, note: (sentence: string) => void): void {
  if (truncated > 0)
    note(`${count(truncated, 'timestamp')} cut to microseconds (--nanoseconds refuse rejects such rows)`);
  if (notNumbers > 0) note(`${count(notNumbers, 'NaN')} in documents became null`);
  if (respelled.size > 0)
    note(`${count(respelled.size, 'column')} of another Unicode spelling loaded under the name in normal form C`);
}

function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en')} ${noun}${amount === 1 ? '' : 's'}`;
}

function describeResult({ acknowledged, duplicates, rejected }: LoadResult): string {
  const shown = (rows: number) => rows.toLocaleString('en');
  return [
    `${shown(acknowledged)} rows acknowledged`,
    ...(duplicates === 0
      ? []
      : [`${shown(duplicates)} of them already there from a load of the same file (--load-id NEW loads them again)`]),
    ...(rejected === 0 ? [] : [`${shown(rejected)} rejected`]),
  ].join(', ');
}

/** A script that goes on after a load must take neither half of one for all of it, nor a file without rows for loaded. */
function requireRows({ path, size }: FoundFile, { acknowledged, rejected, isInterrupted }: LoadResult): void {
  if (isInterrupted)
    throw new HybridStoreError(
      'invalid_request',
      'interrupted; the same command goes on where this one was, and no row is loaded twice',
    );
  if (acknowledged === 0 && rejected === 0 && size > 0)
    throw new HybridStoreError(
      'invalid_request',
      `${path}: expected rows, found none in ${size.toLocaleString('en')} bytes`,
    );
}

function requireNoneRejected(rejected: number): void {
  if (rejected > 0)
    throw new HybridStoreError(
      'invalid_request',
      `${rejected} ${rejected === 1 ? 'row was' : 'rows were'} rejected; correct and load what was left out by itself`,
    );
}

type Finding = Loading & { readonly file: FoundFile };
type Columns = ReadonlyMap<string, Column> | undefined;

/** The declared columns of a source, which `--create` makes when it is not there; undefined for one that takes whole documents. */
async function findColumns(connection: Connection, sourceId: string, finding: Finding): Promise<Columns | 'shown'> {
  const { sources } = await connection.call(tenantNode.listSources);
  const source = sources.find((candidate) => candidate.source_id === sourceId);
  if (source) {
    if (finding.flags.create && !finding.created.has(sourceId))
      finding.io.stderr.write(`${sourceId}: is there already; --create changes nothing of it\n`);
    if (finding.flags.dryRun) return 'shown';
    if (source.definition.columns !== undefined) return new Map(source.columns.map((column) => [column.name, column]));
    requireColumnsFor(finding.flags, sourceId);
    return undefined;
  }
  if (finding.flags.create) return createSource(connection, sourceId, finding);
  const known = sources.map((one) => one.source_id).join(', ') || 'none';
  throw new HybridStoreError(
    'not_found',
    `--source: expected a source of the tenant (${known}), found ${sourceId}; --create makes it`,
    { field: '--source' },
  );
}

async function createSource(
  connection: Connection,
  sourceId: string,
  { file, format, flags, io, created }: Finding,
): Promise<Columns | 'shown'> {
  const columns = await chooseColumns(file, format, flags).catch(namedBy(file));
  if (columns.length === 0)
    throw new HybridStoreError(
      'invalid_request',
      `--create: expected rows in ${file.path} to find columns in, found none`,
    );
  const shown = formatCells(
    ['COLUMN', 'TYPE'].map((name) => ({ name, align: 'left' })),
    columns.map(({ name, type }) => [name, type]),
  );
  io.stdout.write(
    `${sourceId}: columns of ${isTextFormat(format) ? `its first rows (${rowsLookedAt.toLocaleString('en')} at most)` : 'the file'}\n${shown}\n`,
  );
  if (flags.dryRun) return 'shown';
  await connection.call(tenantNode.addSource, { body: { source_id: sourceId, columns: [...columns] } });
  created.add(sourceId);
  return new Map(columns.map((column) => [column.name, column]));
}

async function chooseColumns({ content }: FoundFile, format: Format, flags: LoadFlags): Promise<readonly Column[]> {
  const rows = readRows(content, format, readingOptions(flags));
  const looking = { isText: !isTyped(format), rules: valueRules(flags) };
  const columns = (await describeColumns(content, format)) ?? (await inferColumns(rows, looking));
  return columns.map((column) => ({ ...column, name: column.name.normalize('NFC') }));
}
