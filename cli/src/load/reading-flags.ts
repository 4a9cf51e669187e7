import { usageError } from '../usage-error.ts';
import type { epochUnits, ValueRules } from './prepare-row.ts';
import { type Format, isTextFormat, isTyped } from './read-file.ts';
import { type Encoding, encodings, type ReadOptions } from './row.ts';
import { parseTimestampFormat } from './timestamp-format.ts';

export const nanosecondRules = ['truncate', 'refuse'] as const;

/** What the command line says about how files are to be read. */
export type ReadingFlags = {
  readonly delimiter?: string;
  readonly quote?: string;
  readonly null?: readonly string[];
  readonly encoding?: string;
  readonly decimalComma?: boolean;
  readonly timestampFormat?: string;
  readonly epoch?: (typeof epochUnits)[number];
  readonly nanoseconds?: (typeof nanosecondRules)[number];
};

const delimiterNames: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  comma: ',',
  semicolon: ';',
  bar: '|',
  space: ' ',
};
/** As other programs call them. */
const encodingAliases: Readonly<Record<string, Encoding>> = {
  utf8: 'utf-8',
  'iso-8859-1': 'latin1',
  'latin-1': 'latin1',
  cp1252: 'windows-1252',
  utf16: 'utf-16',
};

export function readingOptions(flags: ReadingFlags): ReadOptions {
  const options = {
    ...(flags.encoding === undefined ? {} : { encoding: parseEncoding(flags.encoding) }),
    ...(flags.delimiter === undefined ? {} : { delimiter: parseDelimiter(flags.delimiter) }),
    ...(flags.quote === undefined ? {} : { quote: parseQuote(flags.quote) }),
  };
  if (options.delimiter !== undefined && options.delimiter === (options.quote ?? '"'))
    throw usageError('--delimiter', `expected another character than --quote, found ${options.delimiter}`);
  return options;
}

export function valueRules(flags: ReadingFlags): ValueRules {
  return {
    ...(flags.null === undefined ? {} : { nullTexts: flags.null }),
    hasDecimalComma: flags.decimalComma === true,
    ...(flags.timestampFormat === undefined ? {} : { readTimestamp: parseTimestampFormat(flags.timestampFormat) }),
    ...(flags.epoch === undefined ? {} : { epoch: flags.epoch }),
    refusesNanoseconds: flags.nanoseconds === 'refuse',
  };
}

/** The flags that were given, as part of what a load is: a file that is read in another way is another load. */
export function listReading(flags: ReadingFlags): readonly string[] {
  const { delimiter, quote, null: nulls, encoding, decimalComma, timestampFormat, epoch } = flags;
  return Object.entries({ delimiter, quote, nulls, encoding, decimalComma, timestampFormat, epoch })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => JSON.stringify([name, value]));
}

/** A flag that does nothing for a format is refused: who gave it expects something of it. */
export function requireFlagsOf(format: Format, flags: ReadingFlags): void {
  const ofCsv = {
    '--delimiter': flags.delimiter,
    '--quote': flags.quote,
    '--null': flags.null,
    '--decimal-comma': flags.decimalComma,
  };
  for (const [flag, value] of Object.entries(ofCsv))
    if (value !== undefined && isTyped(format))
      throw usageError(flag, `expected with csv or tsv only, found ${format}`);
  if (flags.encoding !== undefined && !isTextFormat(format))
    throw usageError('--encoding', `expected with a format of text only, found ${format}`);
  readingOptions(flags);
  valueRules(flags);
}

/** The same for a source of documents, which has no columns whose types say what a text is. */
export function requireColumnsFor(flags: ReadingFlags, sourceId: string): void {
  const ofColumns = {
    '--decimal-comma': flags.decimalComma,
    '--timestamp-format': flags.timestampFormat,
    '--epoch': flags.epoch,
    '--nanoseconds': flags.nanoseconds,
  };
  for (const [flag, value] of Object.entries(ofColumns))
    if (value !== undefined)
      throw usageError(flag, `expected with a source that declares columns, found ${sourceId}, which takes documents`);
}

function parseDelimiter(text: string): string {
  const delimiter = Object.hasOwn(delimiterNames, text) ? delimiterNames[text] : text;
  if (delimiter === undefined || delimiter.length !== 1 || delimiter === '\n' || delimiter === '\r')
    throw usageError(
      '--delimiter',
      `expected one character or ${Object.keys(delimiterNames).join(', ')}, found ${JSON.stringify(text)}`,
    );
  return delimiter;
}

function parseQuote(text: string): string {
  if (text === '' || text === 'none') return '';
  if (text.length !== 1 || text === '\n' || text === '\r')
    throw usageError('--quote', `expected one character or none, found ${JSON.stringify(text)}`);
  return text;
}

function parseEncoding(text: string): Encoding {
  const name = text.toLowerCase();
  const encoding =
    encodings.find((one) => one === name) ?? (Object.hasOwn(encodingAliases, name) ? encodingAliases[name] : undefined);
  if (encoding === undefined) throw usageError('--encoding', `expected one of ${encodings.join(', ')}, found ${text}`);
  return encoding;
}
