import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { type Column, formatTimestamp } from '@hybridstore/contracts';
import { assert, type Disk, groupFile, HybridStoreError } from '@hybridstore/runtime';
import { columnKind, storedColumnType } from '../batch/column-kind.ts';
import { BatchAppender } from '../duckdb/batch-appender.ts';
import { duckdbTypeName, quoteIdentifier, quoteText, tableColumnsSql } from '../duckdb/column-types.ts';
import { decodeFrames } from '../wal/frame.ts';
import { segmentName } from './file-names.ts';
import { loadSteps } from './load-steps.ts';
import { namedByPlace, placeName } from './place-names.ts';
import { checksumSegment } from './segment-checksum.ts';
import { readStatistics } from './segment-statistics.ts';
import type { MergeRequest, SegmentFile, SegmentTarget, WriteRequest } from './writer-protocol.ts';

/**
 * Rows into Parquet files: one partition value each, sorted by the index columns, none larger than the target allows,
 * and the bytes of all of them durable before the answer (their names are not: they are about to be moved). Runs in the
 * writer child. A failure takes its files away again; those of a killed child stay as orphans under our own names, for the
 * vacuum.
 *
 * Memory is a matter of rows, not of hope: the engine's own bound misses what a Parquet writer holds of a row group, so
 * no more rows are loaded at once than `loadBytesMax` has room for, and row groups are as many rows as `rowGroupBytes`
 * holds of them. What does not fit one load becomes more files of the same commit.
 */

/** Partition values that are written at once: a file each, and some milliseconds. Frames have fewer, so a smaller flush helps. */
const partitionsMax = 4_000;
const splitAttemptsMax = 8;
/** Room left below the size bound when the number of files is estimated. */
const fillShare = 0.9;
const rowGroupBytes = 16 * 1024 * 1024;
const rowsPerGroupMax = 122_880;
const vectorRows = 2_048;
const parquetCompression = { snappy: 'SNAPPY', zstd: 'ZSTD', gzip: 'GZIP', none: 'UNCOMPRESSED' } as const;

type Partition = Readonly<Record<string, string | null>>;
type Work = {
  readonly connection: DuckDBConnection;
  readonly disk: Disk;
  readonly now: () => number;
  /** Of the rows that are loaded at once. */
  readonly loadBytesMax: number;
};

export async function writeSegments(work: Work, request: WriteRequest, body: Buffer): Promise<SegmentFile[]> {
  const { target } = request;
  return keepAllOrNone(work, target, async (written) => {
    let rows = 0;
    let load: BatchAppender | undefined;
    for (const step of loadSteps(decodeFrames(body), target.columns, work.loadBytesMax)) {
      if (step.kind === 'rows') {
        load ??= await startLoad(work.connection, target.columns);
        load.append(step.batch, step);
        continue;
      }
      load?.close();
      load = undefined;
      await writePartitions(work, { target, rowsPerGroup: rowsPerRowGroup(step), written });
      await endLoad(work.connection);
      rows += step.rows;
    }
    if (rows !== request.rows)
      throw new HybridStoreError('internal', `${rows} rows in the frames, ${request.rows} were announced`);
  });
}

async function startLoad(connection: DuckDBConnection, columns: readonly Column[]): Promise<BatchAppender> {
  await connection.run(`create or replace table incoming (${tableColumnsSql(namedByPlace(columns))})`);
  return BatchAppender.create(connection, { name: 'incoming' }, columns);
}

/** What a failure leaves behind goes with the child, which is replaced then. */
async function endLoad(connection: DuckDBConnection): Promise<void> {
  await connection.run('drop table if exists incoming; drop table if exists partitioned; drop table if exists ordered');
}

/** Rows of a row group: the engine's usual number, or as many as have room. DuckDB counts in vectors of 2,048 rows. */
export function rowsPerRowGroup({ rows, bytes }: { readonly rows: number; readonly bytes: number }): number {
  const fitting = Math.floor(rowGroupBytes / Math.max(1, bytes / Math.max(1, rows)));
  return Math.min(rowsPerGroupMax, Math.max(vectorRows, Math.floor(fitting / vectorRows) * vectorRows));
}

export async function mergeSegments(work: Work, request: MergeRequest): Promise<SegmentFile[]> {
  const { connection } = work;
  const { target } = request;
  const select = await mergeSelect(connection, request);
  const parts = Math.max(1, Math.ceil(request.bytes / (target.fileBytesMax * fillShare)));
  try {
    return await keepAllOrNone(work, target, async (written) => {
      const { partition } = request;
      await writeSplit(work, { target, select, partition, parts, rowsPerGroup: rowsPerRowGroup(request), written });
      const rows = written.reduce((sum, { statistics }) => sum + statistics.rows, 0);
      if (rows !== request.rows)
        throw new HybridStoreError('corrupt', `${request.rows} rows to merge, ${rows} were read`, {
          paths: request.paths.slice(0, 10),
        });
    });
  } finally {
    await connection.run('drop table if exists ordered');
  }
}

async function keepAllOrNone(
  work: Work,
  target: SegmentTarget,
  write: (written: SegmentFile[]) => Promise<void>,
): Promise<SegmentFile[]> {
  const written: SegmentFile[] = [];
  try {
    await write(written);
    return written;
  } catch (error) {
    for (const { statistics } of written) await work.disk.remove(join(target.folder, statistics.path));
    throw error;
  }
}

type Loaded = Pick<Split, 'target' | 'rowsPerGroup' | 'written'>;

async function writePartitions(work: Work, loaded: Loaded): Promise<void> {
  const { target } = loaded;
  const list = target.columns.map((_, index) => placeName(index)).join(', ');
  if (target.partitionColumns.length === 0) {
    await writeSplit(work, { ...loaded, select: `select ${list} from incoming`, partition: {}, parts: 1 });
    return;
  }
  for (const { partition, firstRow, rows } of await sortIntoPartitions(work.connection, target, list)) {
    const select = `select ${list} from partitioned where rowid >= ${firstRow} and rowid < ${firstRow + rows}`;
    await writeSplit(work, { ...loaded, select, partition, parts: 1 });
  }
}

/** Where the rows of one partition value stand in the table `partitioned`, which takes the place of `incoming`. */
type PartitionRange = { readonly partition: Partition; readonly firstRow: number; readonly rows: number };

/** Sorted once, so that each value is read from its own rows: to look for each among all rows costs their product. */
async function sortIntoPartitions(
  connection: DuckDBConnection,
  target: SegmentTarget,
  list: string,
): Promise<readonly PartitionRange[]> {
  const columns = target.partitionColumns.map((name) => placedColumn(target, name));
  const names = columns.map(({ place }) => place).join(', ');
  const counted = await connection.runAndReadAll(`select count(*) from (select distinct ${names} from incoming)`);
  if (Number(counted.getRows()[0]?.[0]) > partitionsMax)
    throw new HybridStoreError('too_large', `more than ${partitionsMax} partition values in one flush`);
  await connection.run(`create or replace table partitioned as select ${list} from incoming order by ${names}`);
  await connection.run('drop table incoming');
  const texts = columns.map(partitionTerm).join(', ');
  const ranges = await connection.runAndReadAll(
    `select min(rowid), count(*), ${texts} from partitioned group by ${names} order by 1`,
  );
  return ranges.getRows().map(([firstRow, rows, ...values]) => ({
    firstRow: Number(firstRow),
    rows: Number(rows),
    partition: Object.fromEntries(
      columns.map(({ column }, index) => [column.name, partitionText(column, values[index])]),
    ),
  }));
}

type PlacedColumn = { readonly column: Column; readonly place: string };

function placedColumn({ columns }: SegmentTarget, name: string): PlacedColumn {
  const index = columns.findIndex((column) => column.name === name);
  const column = columns[index];
  assert(column, `${name} is not a column of the table`);
  return { column, place: placeName(index) };
}

function partitionTerm({ column, place }: PlacedColumn): string {
  return columnKind(storedColumnType(column)) === 'timestamp' ? `epoch_us(${place})` : `${place}::varchar`;
}

/** Delta form: text as it is, numbers and decimals plain, dates YYYY-MM-DD, timestamps ISO 8601 with microseconds. */
function partitionText(column: Column, value: DuckDBValue | undefined): string | null {
  if (value === null || value === undefined) return null;
  return columnKind(storedColumnType(column)) === 'timestamp' ? formatTimestamp(BigInt(String(value))) : String(value);
}

type Split = {
  readonly target: SegmentTarget;
  readonly select: string;
  readonly partition: Partition;
  readonly parts: number;
  readonly rowsPerGroup: number;
  readonly written: SegmentFile[];
};

/** Writes `parts` files of like size; when one comes out too large, all again in more. */
async function writeSplit(work: Work, split: Split): Promise<void> {
  let { parts } = split;
  for (let attempt = 1; attempt <= splitAttemptsMax; attempt += 1) {
    const selects = parts === 1 ? [sorted(split)] : await orderedRanges(work.connection, split, parts);
    const files: SegmentFile[] = [];
    for (const select of selects) files.push(await writeFile(work, split, select));
    const largestBytes = files.reduce((most, { statistics }) => Math.max(most, statistics.bytes), 0);
    if (largestBytes <= split.target.fileBytesMax || files.every(({ statistics }) => statistics.rows <= 1)) {
      split.written.push(...files);
      return;
    }
    for (const { statistics } of files) await work.disk.remove(join(split.target.folder, statistics.path));
    parts = Math.ceil((parts * largestBytes) / (split.target.fileBytesMax * fillShare));
  }
  throw new HybridStoreError('internal', `rows do not fit files of ${split.target.fileBytesMax} bytes`);
}

function sorted({ target, select }: Split): string {
  if (target.sortColumns.length === 0) return select;
  return `${select} order by ${target.sortColumns.map((name) => placedColumn(target, name).place).join(', ')}`;
}

async function orderedRanges(connection: DuckDBConnection, split: Split, parts: number): Promise<string[]> {
  await connection.run(`create or replace table ordered as ${sorted(split)}`);
  const count = Number((await connection.runAndReadAll('select count(*) from ordered')).getRows()[0]![0]);
  const size = Math.ceil(count / parts);
  const starts = Array.from({ length: Math.ceil(count / size) }, (_, index) => index * size);
  return starts.map((start) => `select * from ordered where rowid >= ${start} and rowid < ${start + size}`);
}

async function writeFile(work: Work, split: Split, select: string): Promise<SegmentFile> {
  const { target, partition, rowsPerGroup } = split;
  const name = segmentName(target.filePrefix, randomBytes(16).toString('hex'));
  const path = join(target.folder, name);
  assert(/^[A-Za-z0-9_.-]+$/.test(name), `file name ${name} is not flat ASCII`);
  try {
    const options = `format parquet, compression ${parquetCompression[target.compression]}, row_group_size ${rowsPerGroup}${fieldIdsOption(target)}`;
    await work.connection.run(`copy (${withOwnNames(select, target)}) to ${quoteText(path)} (${options})`);
    const statistics = await readStatistics(work.connection, select, target.columns);
    const file = await work.disk.open(path, groupFile);
    await file.datasync();
    await file.close();
    const bytes = (await work.disk.stat(path))?.bytes ?? 0;
    return {
      statistics: {
        path: name,
        bytes,
        rows: statistics.rows,
        partition,
        columns: statistics.columns,
        modified_at: work.now(),
      },
      checksum: await checksumSegment((offset, length) => work.disk.readRange(path, offset, length), {
        bytes,
        rowGroupsAt: await readRowGroups(work.connection, path),
      }),
    };
  } catch (error) {
    await work.disk.remove(path);
    throw error;
  }
}

function withOwnNames(select: string, { columns }: SegmentTarget): string {
  const list = columns.map(({ name }, index) => `${placeName(index)} as ${quoteIdentifier(name)}`);
  return `select ${list.join(', ')} from (${select})`;
}

function fieldIdsOption({ columns, fieldIds }: SegmentTarget): string {
  if (!fieldIds) return '';
  return `, field_ids {${columns.map(({ name }, index) => `${quoteIdentifier(name)}: ${fieldIds[index]}`).join(', ')}}`;
}

async function readRowGroups(connection: DuckDBConnection, path: string): Promise<readonly number[]> {
  const reader = await connection.runAndReadAll(
    `select min(coalesce(nullif(dictionary_page_offset, 0), data_page_offset)) from parquet_metadata(${quoteText(path)}) group by row_group_id order by 1`,
  );
  return reader.getRows().map(([at]) => Number(at));
}

/** Columns that were added later are missing from older files, perhaps from all: they read as null. */
async function mergeSelect(connection: DuckDBConnection, request: MergeRequest): Promise<string> {
  const source = `read_parquet([${request.paths.map(quoteText).join(', ')}], union_by_name = true)`;
  const described = (await connection.runAndReadAll(`describe select * from ${source}`)).getRows();
  const present = new Set(described.map((row) => String(row[0])));
  const list = request.target.columns.map((column, index) => {
    const value = present.has(column.name) ? quoteIdentifier(column.name) : 'null';
    return `${value}::${duckdbTypeName(column)} as ${placeName(index)}`;
  });
  return `select ${list.join(', ')} from ${source}`;
}
