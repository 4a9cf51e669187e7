import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk, type DuckDBType } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Column } from '@hybridstore/contracts';
import { assert } from '@hybridstore/runtime';
import type { Batch, BatchColumn } from '../batch/batch.ts';
import { readOffset } from '../batch/batch-codec.ts';
import { columnKind, storedColumnType, valueBytes } from '../batch/column-kind.ts';
import { duckdbType } from './column-types.ts';

const inlineTextBytes = 12;
const textCellBytes = 16;
/** The appender flushes by itself at 204,800 rows, which would show half a batch: we flush before. */
const rowsBeforeFlush = 100_000;

export type RowRange = { readonly from: number; readonly count: number };

type Stage = {
  readonly width: number;
  readonly kind: BatchColumn['kind'];
  readonly cells: Uint8Array<ArrayBuffer>;
  readonly validity: Uint8Array<ArrayBuffer>;
  hasNulls: boolean;
  readonly longTexts: { readonly row: number; readonly bytes: Uint8Array }[];
};

/**
 * Batches into a DuckDB table by whole vectors.
 *
 * Values are gathered in one staging buffer per column, as DuckDB lays them out in memory, and copied into the vectors
 * once per 2,048 rows; so small batches cost no more calls than large ones. A text of up to 12 bytes lies inside its
 * 16-byte cell (`string_t`: u32 length, bytes) and is staged like a number; a longer one is assigned one by one.
 */
export class BatchAppender {
  readonly #appender: DuckDBAppender;
  readonly #chunk: DuckDBDataChunk;
  readonly #stages: readonly Stage[];
  readonly #vectorRows = duckdb.vector_size();
  #staged = 0;
  #unflushed = 0;

  private constructor(appender: DuckDBAppender, types: readonly DuckDBType[], stages: readonly Stage[]) {
    this.#appender = appender;
    this.#chunk = DuckDBDataChunk.create(types);
    this.#stages = stages;
  }

  /** The table must have exactly `columns`, in this order, with the types of `tableColumnsSql`. */
  static async create(
    connection: DuckDBConnection,
    table: { readonly name: string; readonly schema?: string; readonly catalog?: string },
    columns: readonly Column[],
  ): Promise<BatchAppender> {
    const appender = await connection.createAppender(table.name, table.schema ?? null, table.catalog ?? null);
    return new BatchAppender(appender, columns.map(duckdbType), columns.map(createStage));
  }

  /** Appends every row, or those of a range; columns the batch does not have yet become null. Rows are visible after `flush`. */
  append(batch: Batch, range: RowRange = { from: 0, count: batch.rows }): void {
    assert(
      batch.columns.length <= this.#stages.length,
      `a batch of ${batch.columns.length} columns for a table of ${this.#stages.length}`,
    );
    const end = range.from + range.count;
    for (let { from } = range; from < end; ) {
      const count = Math.min(end - from, this.#vectorRows - this.#staged);
      for (const [index, stage] of this.#stages.entries())
        stageRows(stage, batch.columns[index], from, count, this.#staged);
      this.#staged += count;
      from += count;
      if (this.#staged === this.#vectorRows) this.#appendChunk();
    }
  }

  /** Makes everything appended so far visible (inside a transaction: at its commit). */
  flush(): void {
    this.#appendChunk();
    this.#appender.flushSync();
    this.#unflushed = 0;
  }

  /** Must be called before the table is dropped. */
  close(): void {
    this.flush();
    this.#appender.closeSync();
  }

  #appendChunk(): void {
    if (this.#staged === 0) return;
    this.#chunk.reset();
    this.#chunk.rowCount = this.#staged;
    for (const [index, stage] of this.#stages.entries()) this.#fillVector(stage, index);
    this.#appender.appendDataChunk(this.#chunk);
    this.#unflushed += this.#staged;
    this.#staged = 0;
    if (this.#unflushed >= rowsBeforeFlush) this.flush();
  }

  #fillVector(stage: Stage, index: number): void {
    const vector = duckdb.data_chunk_get_vector(this.#chunk.chunk, index);
    duckdb.copy_data_to_vector(vector, 0, stage.cells.buffer, 0, this.#staged * stage.width);
    if (stage.hasNulls) {
      duckdb.vector_ensure_validity_writable(vector);
      duckdb.copy_data_to_vector_validity(vector, 0, stage.validity.buffer, 0, stage.validity.length);
      stage.validity.fill(0xff);
      stage.hasNulls = false;
    }
    for (const { row, bytes } of stage.longTexts) duckdb.vector_assign_string_element_len(vector, row, bytes);
    stage.longTexts.length = 0;
  }
}

function createStage(column: Column): Stage {
  const kind = columnKind(storedColumnType(column));
  const width = kind === 'text' ? textCellBytes : valueBytes[kind];
  const rows = duckdb.vector_size();
  return {
    width,
    kind,
    cells: new Uint8Array(new ArrayBuffer(rows * width)),
    validity: new Uint8Array(new ArrayBuffer(Math.ceil(rows / 64) * 8)).fill(0xff),
    hasNulls: false,
    longTexts: [],
  };
}

function stageRows(stage: Stage, column: BatchColumn | undefined, from: number, count: number, at: number): void {
  if (!column) {
    stage.hasNulls = true;
    stage.cells.fill(0, at * stage.width, (at + count) * stage.width);
    for (let row = at; row < at + count; row += 1) clearBit(stage.validity, row);
    return;
  }
  assert(column.kind === stage.kind, `a ${column.kind} column for a table column of kind ${stage.kind}`);
  if (column.hasNulls) stageNulls(stage, column, from, count, at);
  if (stage.kind === 'text') stageTexts(stage, column, from, count, at);
  else stage.cells.set(column.values.subarray(from * stage.width, (from + count) * stage.width), at * stage.width);
}

function stageNulls(stage: Stage, column: BatchColumn, from: number, count: number, at: number): void {
  stage.hasNulls = true;
  for (let index = 0; index < count; index += 1) {
    const row = from + index;
    if ((column.validity[row >> 3]! & (1 << (row & 7))) === 0) clearBit(stage.validity, at + index);
  }
}

function clearBit(bits: Uint8Array, row: number): void {
  bits[row >> 3] = bits[row >> 3]! & ~(1 << (row & 7));
}

function stageTexts(stage: Stage, column: BatchColumn, from: number, count: number, at: number): void {
  const { cells } = stage;
  const { values } = column;
  let start = readOffset(column.offsets, from);
  for (let index = 0; index < count; index += 1) {
    const end = readOffset(column.offsets, from + index + 1);
    const length = end - start;
    const cell = (at + index) * textCellBytes;
    cells.fill(0, cell, cell + textCellBytes);
    if (length <= inlineTextBytes) {
      cells[cell] = length;
      for (let byte = 0; byte < length; byte += 1) cells[cell + 4 + byte] = values[start + byte]!;
    } else stage.longTexts.push({ row: at + index, bytes: values.subarray(start, end) });
    start = end;
  }
}
