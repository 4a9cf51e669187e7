import type { Column } from '@hybridstore/contracts';
import type { OpenBlocks } from './csv-blocks.ts';
import { type BlockBounds, ndjsonBlocks } from './ndjson-blocks.ts';
import type { ValueRules } from './prepare-row.ts';
import type { Format } from './read-file.ts';
import type { ReadOptions } from './row.ts';

export type BlockReading = {
  readonly format: Format;
  /** Of the source; undefined for one of documents. */
  readonly columns: ReadonlyMap<string, Column> | undefined;
  readonly options: ReadOptions;
  readonly rules: ValueRules;
  /** The file is text in UTF-8, all of it. */
  readonly isUtf8: boolean;
  readonly bounds: BlockBounds;
};

/**
 * The file in blocks that the platform takes as a whole; undefined for one that has to be read row by row. A block holds what
 * the rules of this command make of it, or is refused by the platform, and read row by row then.
 */
export async function findBlocks(path: string, reading: BlockReading): Promise<OpenBlocks | undefined> {
  const { format, columns, options, rules, isUtf8, bounds } = reading;
  if (rules.readTimestamp !== undefined || rules.epoch !== undefined) return undefined;
  if (format === 'ndjson') return isUtf8 ? () => ndjsonBlocks(path, bounds) : undefined;
  if (columns === undefined) return undefined;
  if (format === 'parquet') {
    const blocks = await (await import('./parquet-blocks.ts')).parquetBlocks(path, { columns, bounds });
    return blocks && (() => blocks);
  }
  if ((format !== 'csv' && format !== 'tsv') || !isUtf8 || rules.nullTexts !== undefined || rules.hasDecimalComma)
    return undefined;
  const marks = format === 'tsv' ? { delimiter: '\t', ...options } : options;
  return (await import('./csv-blocks.ts')).csvBlocks(path, { columns, options: marks, bounds });
}
