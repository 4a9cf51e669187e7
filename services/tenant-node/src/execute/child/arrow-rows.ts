import { isAscii, isUtf8 } from 'node:buffer';
import { type ArrowArray, ArrowArrays, type TextChunk, type TextRun } from '@hybridstore/engine/duckdb';
import { encodeBatch, encodeSchema, endOfStream } from './arrow-messages.ts';
import { type ArrowColumn, type ArrowField, arrowColumn } from './arrow-types.ts';
import { type OutputColumn, shownType } from './row-text.ts';
import type { RowOutput, RowWriter } from './row-writer.ts';
import { brokenText } from './statement-failure.ts';

/** Rows become a batch at about this size, the first ones as soon as they are there. */
const batchBytesAim = 512 * 1024;

/** Rows as an Arrow IPC stream. The engine casts what Arrow has no type for; all else is copied as it lies in its vectors. */
export function arrowOutput(statement: string, columns: readonly OutputColumn[]): RowOutput {
  const outputs = columns.map((column) => arrowColumn(column.name, shownType(column)));
  return {
    text: selectText(statement, columns, outputs),
    head: encodeSchema(outputs.map(({ field }) => field)),
    tail: endOfStream,
    writer: new BatchWriter(outputs),
  };
}

function selectText(statement: string, columns: readonly OutputColumn[], outputs: readonly ArrowColumn[]): string {
  const names = columns.map((_, index) => `c${index}`);
  const values = outputs.map(({ castTo }, index) => {
    const [name, column] = [names[index]!, columns[index]!];
    const isNarrowed = shownType(column) !== column.type;
    const type = castTo ?? (isNarrowed ? shownType(column).toString() : undefined);
    return type === undefined ? name : `CAST(${name} AS ${type}) AS ${name}`;
  });
  return `SELECT ${values.join(', ')} FROM (${statement}) AS result(${names.join(', ')})`;
}

class BatchWriter implements RowWriter {
  readonly #fields: readonly ArrowField[];
  readonly #arrays: ArrowArrays;
  #isFirst = true;

  constructor(columns: readonly ArrowColumn[]) {
    this.#fields = columns.map(({ field }) => field);
    this.#arrays = new ArrowArrays(columns.map(({ layout }) => layout));
  }

  *write(chunk: TextChunk): Generator<TextRun> {
    this.#arrays.append(chunk);
    if (this.#isFirst || this.#arrays.bytes >= batchBytesAim) yield this.#takeBatch();
    this.#isFirst = false;
  }

  *flush(): Generator<TextRun> {
    if (this.#arrays.rows > 0) yield this.#takeBatch();
  }

  #takeBatch(): TextRun {
    const { rows } = this.#arrays;
    const arrays = this.#arrays.read();
    for (const [index, field] of this.#fields.entries()) requireText(field, arrays[index]!);
    const bytes = encodeBatch(rows, arrays);
    this.#arrays.clear();
    return { rows, bytes };
  }
}

/** Every text by itself is UTF-8: all of them together are, and none begins in the middle of a character. */
function requireText(field: ArrowField, array: ArrowArray): void {
  for (const [index, child] of field.children.entries()) requireText(child, array.children[index]!);
  if (field.type.kind !== 'text') return;
  const [, offsets, bytes] = array.buffers;
  if (offsets === undefined || bytes === undefined || isAscii(bytes)) return;
  if (!isUtf8(bytes)) throw brokenText();
  for (let text = 0; text < array.length; text += 1) {
    const start = offsets.readInt32LE(text * 4);
    if (start < bytes.length && (bytes[start]! & 0xc0) === 0x80) throw brokenText();
  }
}
