import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { type SourceList, tenantNode, type WriteResponse } from '@hybridstore/contracts';
import { HybridStoreError, systemClock } from '@hybridstore/runtime';
import { batchBytesMax, type Connection } from '../connection.ts';
import { loadRows } from '../load/load-rows.ts';
import { prepareRow } from '../load/prepare-row.ts';
import { chooseFormat, readRows } from '../load/read-file.ts';
import { startProgress } from '../output/progress.ts';

export type LoadFlags = {
  readonly source?: string;
  readonly format?: string;
  readonly batch: string;
  readonly parallel: string;
  readonly loadId?: string;
};

const rowsPerBatchMax = 50_000;
const parallelMax = 32;

export async function load(connection: Connection, path: string, flags: LoadFlags): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new HybridStoreError('invalid_request', `${path}: expected a file`, { field: 'FILE' });
  const format = chooseFormat(path, flags.format);
  const source_id =
    flags.source ??
    basename(path)
      .replace(/\.[^.]+$/, '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9_]/g, '_');
  const columns = await readColumns(connection, source_id);
  const progress = startProgress(source_id, stat.size, process.stderr);
  const startedMs = performance.now();
  try {
    const rows = await loadRows(
      prepared(readRows(path, format), columns, format === 'csv'),
      (batch, key) =>
        connection.call<WriteResponse>(tenantNode.write, {
          body: { source_id, records: batch.records },
          headers: { 'idempotency-key': key },
          timeoutMs: 120_000,
        }),
      {
        rowsPerBatch: readCount('--batch', flags.batch, rowsPerBatchMax),
        bytesPerBatchMax: batchBytesMax,
        parallel: readCount('--parallel', flags.parallel, parallelMax),
        sleep: (delayMs) => systemClock.sleep(delayMs),
        onProgress: (bytesRead, acknowledged) => progress.update(bytesRead, acknowledged),
        ...(flags.loadId === undefined ? {} : { loadId: flags.loadId }),
      },
    );
    progress.update(stat.size, rows);
    progress.end();
    const seconds = (performance.now() - startedMs) / 1_000;
    process.stdout.write(`${source_id}: ${rows.toLocaleString('en')} rows acknowledged in ${seconds.toFixed(1)} s\n`);
  } finally {
    progress.end();
  }
}

type Rows = ReturnType<typeof readRows>;

async function* prepared(
  rows: Rows,
  columns: Parameters<typeof prepareRow>[1],
  isText: boolean,
): AsyncGenerator<{ fields: Record<string, unknown>; bytesRead: number }> {
  for await (const row of rows) yield { fields: prepareRow(row.fields, columns, isText), bytesRead: row.bytesRead };
}

async function readColumns(connection: Connection, sourceId: string): Promise<Parameters<typeof prepareRow>[1]> {
  const { sources } = await connection.call<SourceList>(tenantNode.listSources);
  const source = sources.find((candidate) => candidate.source_id === sourceId);
  if (!source)
    throw new HybridStoreError(
      'not_found',
      `source ${sourceId} does not exist; the tenant has ${sources.map((one) => one.source_id).join(', ') || 'none'}`,
      { field: '--source' },
    );
  return source.definition.columns === undefined
    ? undefined
    : new Map(source.columns.map((column) => [column.name, column]));
}

function readCount(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new HybridStoreError('invalid_request', `${flag}: expected an integer from 1 to ${max}, found ${text}`, {
      field: flag,
    });
  return value;
}
