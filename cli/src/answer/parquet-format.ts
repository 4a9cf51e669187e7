import type { ResultColumn } from '@hybridstore/contracts';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { AnswerFormat } from './answer-format.ts';
import { type StoredKind, storedKindOf, storedValue } from './columnar-values.ts';
import type { AnswerRow } from './read-answer.ts';
import { requireDistinctNames } from './text-formats.ts';

const rowsPerGroup = 100_000;
const decimalBytes = 16;
const elements: Readonly<Record<Exclude<StoredKind['kind'], 'decimal'>, Partial<SchemaElement>>> = {
  boolean: { type: 'BOOLEAN' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  date: { type: 'INT32', converted_type: 'DATE' },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/** Parquet with Snappy, a row group for every 100,000 rows. Documents and lists are text of JSON. */
export class ParquetFormat implements AnswerFormat {
  readonly #bytes = new ByteWriter();
  #columns: readonly { readonly name: string; readonly stored: StoredKind }[] = [];
  #parquet: ParquetWriter | undefined;
  #group: AnswerRow[] = [];

  begin(columns: readonly ResultColumn[]): Uint8Array {
    requireDistinctNames('parquet', columns);
    this.#columns = columns.map(({ name, type }) => ({ name, stored: storedKindOf(type) }));
    const schema = [{ name: 'schema', num_children: columns.length }, ...this.#columns.map(elementOf)];
    this.#parquet = new ParquetWriter({ writer: this.#bytes, schema, statistics: false, createdBy: 'hybridstore' });
    return this.#take();
  }

  rows(rows: readonly AnswerRow[]): Uint8Array {
    for (const row of rows) {
      this.#group.push(row);
      if (this.#group.length >= rowsPerGroup) this.#writeGroup();
    }
    return this.#take();
  }

  end(): Uint8Array {
    this.#writeGroup();
    this.#parquet?.finish();
    return this.#take();
  }

  #writeGroup(): void {
    const rows = this.#group;
    this.#group = [];
    if (rows.length === 0) return;
    const columnData = this.#columns.map(({ name, stored }, index) => ({
      name,
      data: rows.map((row) => {
        const value = row[index];
        return value === null || value === undefined ? null : storedValue(stored, value, name);
      }),
    }));
    this.#parquet?.write({ columnData, rowGroupSize: rowsPerGroup });
  }

  /** What was written since; the writer goes on counting from where it was. */
  #take(): Uint8Array {
    const bytes = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return bytes;
  }
}

function elementOf({ name, stored }: { readonly name: string; readonly stored: StoredKind }): SchemaElement {
  const repetition = { name, repetition_type: 'OPTIONAL' } as const;
  if (stored.kind !== 'decimal') return { ...repetition, ...elements[stored.kind] };
  const { precision, scale } = stored;
  return {
    ...repetition,
    ...{ type: 'FIXED_LEN_BYTE_ARRAY', type_length: decimalBytes, converted_type: 'DECIMAL', precision, scale },
  };
}
