import type { Paint } from '../io.ts';
import { usageError } from '../usage-error.ts';
import type { AnswerFormat } from './answer-format.ts';
import { TableFormat } from './table-format.ts';
import { CsvFormat, JsonFormat, MarkdownFormat, VerticalFormat, YamlFormat } from './text-formats.ts';

/** `ndjson` is passed on as it comes. */
export const answerFormats = ['table', 'vertical', 'markdown', 'json', 'ndjson', 'yaml', 'csv'] as const;
export type AnswerFormatName = (typeof answerFormats)[number];

export const fileEndings = ['parquet', 'arrow', 'feather', 'arrows', 'csv', 'json', 'ndjson', 'yaml', 'md'] as const;
export type FileFormatName = AnswerFormatName | 'parquet' | 'arrow' | 'arrows';

const byEnding: Readonly<Record<string, FileFormatName>> = {
  parquet: 'parquet',
  arrow: 'arrow',
  feather: 'arrow',
  arrows: 'arrows',
  csv: 'csv',
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  yaml: 'yaml',
  yml: 'yaml',
  md: 'markdown',
};
const withNullText: readonly FileFormatName[] = ['table', 'vertical', 'markdown', 'csv'];

export type AnswerRules = { readonly paint: Paint; readonly nullText?: string; readonly isWhole: boolean };

/** The format of a file by its ending. */
export function chooseFileFormat(path: string): FileFormatName {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const format = Object.hasOwn(byEnding, ending) ? byEnding[ending] : undefined;
  if (format === undefined)
    throw usageError('--to', `expected a file that ends in one of ${fileEndings.join(', ')}, found ${path}`);
  return format;
}

export function requireNullTextOf(format: FileFormatName, nullText: string | undefined): void {
  if (nullText !== undefined && !withNullText.includes(format))
    throw usageError('--null-text', `expected with ${withNullText.join(', ')} only, found ${format}`);
}

/** Loaded when asked for: the columnar writers bring large libraries. */
export async function openFormat(
  name: Exclude<FileFormatName, 'ndjson'>,
  rules: AnswerRules,
): Promise<AnswerFormat | TableFormat> {
  switch (name) {
    case 'table':
      return new TableFormat(rules);
    case 'vertical':
      return new VerticalFormat(rules);
    case 'markdown':
      return new MarkdownFormat(rules);
    case 'json':
      return new JsonFormat();
    case 'yaml':
      return new YamlFormat();
    case 'csv':
      return new CsvFormat(rules);
    case 'parquet':
      return new (await import('./parquet-format.ts')).ParquetFormat();
    case 'arrow':
      return new (await import('./arrow-format.ts')).ArrowFormat('file');
    case 'arrows':
      return new (await import('./arrow-format.ts')).ArrowFormat('stream');
  }
}
