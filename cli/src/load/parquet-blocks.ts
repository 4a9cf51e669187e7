import { type DuckDBConnection, type DuckDBDataChunk, DuckDBInstance } from '@duckdb/node-api';
import { arrowStreamType, type Column, parseColumnType } from '@hybridstore/contracts';
import { BatchSections } from '@hybridstore/engine/batch';
import { copyVector, quoteIdentifier, quoteText } from '@hybridstore/engine/duckdb';
import { arrowStream } from './arrow-batch.ts';
import type { Block } from './load-rows.ts';
import type { BlockBounds } from './ndjson-blocks.ts';
import { readParquetRows } from './read-parquet.ts';

/** Of the engine; it reads a few pages at a time. */
const engineMemory = '96MB';
/** Larger ones would make batches of many megabytes: they are read row by row. */
const rowBytesMax = 4_096;
const wholeNumbers = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER)$/;

type Reading = { readonly columns: ReadonlyMap<string, Column>; readonly bounds: BlockBounds };
type Chosen = { readonly column: Column; readonly term: string };
type Found = { readonly chosen: readonly Chosen[]; readonly rows: number; readonly bytes: number };

/**
 * Blocks of a Parquet file, read by the engine's reader, each an Arrow stream. Undefined for a file with a column that is not
 * of the plain types: what such a one means is a matter of `readParquet`, which also says what is wrong with a file that
 * cannot be read.
 */
export async function parquetBlocks(
  path: string,
  { columns, bounds }: Reading,
): Promise<AsyncIterable<Block> | undefined> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: engineMemory });
  const connection = await instance.connect();
  const close = () => {
    connection.closeSync();
    instance.closeSync();
  };
  try {
    const found = await describe(connection, path, columns);
    if (found) return blocksOf(connection, path, { ...found, bounds, close });
  } catch {
    // Whatever it is, `readParquet` says it in its own words.
  }
  close();
  return undefined;
}

async function describe(
  connection: DuckDBConnection,
  path: string,
  columns: ReadonlyMap<string, Column>,
): Promise<Found | undefined> {
  await connection.run("set timezone = 'UTC'");
  const file = quoteText(path);
  const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const stored = await ask(`select name, type from parquet_schema(${file}) where coalesce(num_children, 0) = 0`);
  const described = await ask(`describe select * from read_parquet(${file})`);
  // Names that the engine has to change, nested columns, and times in 96 bits.
  const isPlain =
    stored.length === described.length &&
    stored.every(([name, type], index) => name === described[index]?.[0] && type !== 'INT96');
  if (!isPlain) return undefined;
  const chosen: Chosen[] = [];
  for (const [name, type] of described) {
    const column = columns.get(String(name));
    const term = column && termOf(column, String(type));
    if (column === undefined || term === undefined) return undefined;
    chosen.push({ column, term });
  }
  const [sizes] = await ask(
    `select (select sum(num_rows) from parquet_file_metadata(${file})), (select sum(total_uncompressed_size) from parquet_metadata(${file})), (select sum(total_compressed_size) from parquet_metadata(${file}))`,
  );
  const [rows, unpacked, bytes] = (sizes ?? []).map(Number);
  if (!rows || unpacked === undefined || bytes === undefined || unpacked / rows > rowBytesMax) return undefined;
  return { chosen, rows, bytes };
}

/** The column's values as a batch holds them; undefined where `readParquet` has to say what they are. */
function termOf(column: Column, stored: string): string | undefined {
  const name = quoteIdentifier(column.name);
  const type = parseColumnType(column.type);
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(stored) ?? [];
  switch (type?.kind) {
    case 'integer':
    case 'bigint':
      return wholeNumbers.test(stored) ? `${name}::bigint` : undefined;
    case 'double':
      return /^(FLOAT|DOUBLE)$/.test(stored) ? `${name}::double` : undefined;
    case 'boolean':
      return stored === 'BOOLEAN' ? name : undefined;
    case 'date':
      return stored === 'DATE' ? name : undefined;
    case 'timestamp':
      return stored === 'TIMESTAMP' || stored === 'TIMESTAMP WITH TIME ZONE' ? name : undefined;
    case 'decimal':
      return scale !== undefined && Number(scale) <= type.scale && Number(precision) - Number(scale) <= 38 - type.scale
        ? `${name}::decimal(38, ${type.scale})`
        : undefined;
    case 'string':
      // An expression lays its texts one behind the other.
      return stored === 'VARCHAR' ? `${name} || ''` : undefined;
    default:
      return undefined;
  }
}

type Blocks = Found & { readonly bounds: BlockBounds; readonly close: () => void };

async function* blocksOf(
  connection: DuckDBConnection,
  path: string,
  { chosen, rows: total, bytes: fileBytes, bounds, close }: Blocks,
): AsyncGenerator<Block> {
  const schema = { columns: chosen.map(({ column }) => column), partitionColumns: [], isDocument: false };
  const { rowsPerBatch } = bounds;
  const bytesRead = (row: number) => Math.round((fileBytes * row) / total);
  const carefully = (from: number, to: number): Block => ({
    packed: undefined,
    rows: () => readParquetRows(path, { from, to }),
    bytesRead: bytesRead(to),
  });
  let first = 0;
  try {
    const list = chosen.map(({ term }, index) => `${term} as c${index}`).join(', ');
    const chunks = new Chunks(connection, `select ${list} from read_parquet(${quoteText(path)})`);
    while (first < total) {
      const rows = Math.min(rowsPerBatch, total - first);
      const { sections } = new BatchSections(schema, rows);
      if (!(await chunks.fill(sections, rows))) break;
      const [from, to] = [first, first + rows];
      const packed = { type: arrowStreamType, bytes: arrowStream(sections, rows) };
      yield { ...carefully(from, to), packed };
      first = to;
    }
  } finally {
    close();
  }
  for (; first < total; first += rowsPerBatch) yield carefully(first, Math.min(total, first + rowsPerBatch));
}

type Sections = BatchSections['sections'];

class Chunks {
  readonly #connection: DuckDBConnection;
  readonly #sql: string;
  #result: Awaited<ReturnType<DuckDBConnection['stream']>> | undefined;
  #chunk: DuckDBDataChunk | undefined;
  #at = 0;

  constructor(connection: DuckDBConnection, sql: string) {
    this.#connection = connection;
    this.#sql = sql;
  }

  /** The next `rows` rows; false where the engine cannot read them. */
  async fill(sections: Sections, rows: number): Promise<boolean> {
    try {
      this.#result ??= await this.#connection.stream(this.#sql);
      for (let firstRow = 0; firstRow < rows; ) {
        if (this.#chunk === undefined || this.#at >= this.#chunk.rowCount) {
          this.#chunk = (await this.#result.fetchChunk()) ?? undefined;
          this.#at = 0;
          if (this.#chunk === undefined || this.#chunk.rowCount === 0) return false;
        }
        const range = { from: this.#at, count: Math.min(rows - firstRow, this.#chunk.rowCount - this.#at), firstRow };
        for (const [index, section] of sections.entries()) copyVector(this.#chunk, index, section, range);
        this.#at += range.count;
        firstRow += range.count;
      }
      return true;
    } catch {
      // `readParquet` says what is wrong with these rows.
      return false;
    }
  }
}
