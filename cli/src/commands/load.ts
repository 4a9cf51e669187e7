import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { type Column, tenantNode } from '@hybridstore/contracts';
import { HybridStoreError, systemClock } from '@hybridstore/runtime';
import { batchBytesMax, type Connection } from '../connection.ts';
import type { Io } from '../io.ts';
import { buildLoadId } from '../load/load-id.ts';
import { formatPosition, type LoadResult, loadRows } from '../load/load-rows.ts';
import { prepareRow } from '../load/prepare-row.ts';
import { chooseFormat, readRows } from '../load/read-file.ts';
import { startProgress } from '../output/progress.ts';
import { usageError } from '../usage-error.ts';

export type LoadFlags = {
  readonly source?: string;
  readonly format?: string;
  readonly batch: number;
  readonly parallel: number;
  readonly rejectedMax: number;
  readonly loadId?: string;
};

export const rowsPerBatchMax = 50_000;
export const parallelMax = 32;
export const rejectedRowsMax = 10_000;
const writeMsMax = 120_000;

/**
 * Appends the rows of a file to a source. Batches have ids made from the content of the file, so that a load that broke
 * off is simply started again. Rows that do not fit are reported by their place in the file; the others are loaded.
 */
export async function load(connection: Connection, path: string, flags: LoadFlags, io: Io): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile())
    throw usageError('FILE', `expected a file, found ${stat ? 'something else' : 'nothing'} at ${path}`);
  const format = chooseFormat(path, flags.format);
  const sourceId = flags.source ?? sourceNamedBy(path);
  const columns = await readColumns(connection, sourceId);
  const loadId = flags.loadId ?? (await buildLoadId(path, { format, rowsPerBatch: flags.batch }));
  const progress = startProgress(sourceId, stat.size, io.stderr);
  const startedMs = systemClock.monotonicMs();
  try {
    const result = await loadRows(
      readRows(path, format),
      (batch, key) =>
        connection.call(tenantNode.write, {
          body: { source_id: sourceId, records: batch.records },
          headers: { 'idempotency-key': key },
          timeoutMs: writeMsMax,
        }),
      {
        rowsPerBatch: flags.batch,
        bytesPerBatchMax: batchBytesMax,
        parallel: flags.parallel,
        loadId,
        rejectedMax: flags.rejectedMax,
        prepare: (fields) => prepareRow(fields, columns, format === 'csv'),
        sleep: (delayMs) => systemClock.sleep(delayMs),
        onProgress: (bytesRead, acknowledged) => progress.update(bytesRead, acknowledged),
        onRejected: (row) => progress.log(`${path}: ${formatPosition(row)}: rejected: ${row.reason}\n`),
        signal: io.signal,
      },
    );
    if (!result.isInterrupted) progress.update(stat.size, result.acknowledged);
    progress.end();
    const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
    io.stdout.write(`${sourceId}: ${describeResult(result)} in ${seconds.toFixed(1)} s\n`);
    judge(result);
  } finally {
    progress.end();
  }
}

function describeResult({ acknowledged, duplicates, rejected }: LoadResult): string {
  const count = (rows: number) => rows.toLocaleString('en');
  return [
    `${count(acknowledged)} rows acknowledged`,
    ...(duplicates === 0
      ? []
      : [`${count(duplicates)} of them already there from a load of the same file (--load-id NEW loads them again)`]),
    ...(rejected === 0 ? [] : [`${count(rejected)} rejected`]),
  ].join(', ');
}

/** A script that goes on after a load must not take half of one for all of it. */
function judge({ rejected, isInterrupted }: LoadResult): void {
  if (isInterrupted)
    throw new HybridStoreError(
      'invalid_request',
      'interrupted; the same command goes on where this one was, and no row is loaded twice',
    );
  if (rejected > 0)
    throw new HybridStoreError(
      'invalid_request',
      `${rejected} ${rejected === 1 ? 'row was' : 'rows were'} rejected; correct and load what was left out by itself`,
    );
}

function sourceNamedBy(path: string): string {
  return basename(path)
    .replace(/\.[^.]+$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_');
}

/** The declared columns of a source; undefined for one that takes whole documents. */
async function readColumns(connection: Connection, sourceId: string): Promise<ReadonlyMap<string, Column> | undefined> {
  const { sources } = await connection.call(tenantNode.listSources);
  const source = sources.find((candidate) => candidate.source_id === sourceId);
  if (!source) {
    const known = sources.map((one) => one.source_id).join(', ') || 'none';
    throw new HybridStoreError('not_found', `--source: expected a source of the tenant (${known}), found ${sourceId}`, {
      field: '--source',
    });
  }
  return source.definition.columns === undefined
    ? undefined
    : new Map(source.columns.map((column) => [column.name, column]));
}
