import { HybridStoreError } from '@hybridstore/runtime';
import { type CsvMarks, CsvRecord } from './csv-record.ts';
import { detectDelimiter, nameDelimiter } from './detect-delimiter.ts';
import { readText, type TextPiece } from './read-text.ts';
import type { Fields, ReadOptions, ReadRow } from './row.ts';
import { splitLines, type TextLine } from './text-lines.ts';

const recordLengthMax = 16 * 1024 * 1024;
/** Excel's own word for the delimiter, before the header. */
const delimiterLine = /^sep=(.)$/;

/**
 * RFC 4180 with a header line, in any mixture of line ends. Every value is text; the loader gives it the type of its
 * column. A line with a stray quote, or of the wrong width, is rejected alone: the reading goes on at the line behind it,
 * so that a quote that nobody closes takes no other rows with it.
 */
export async function* readCsv(path: string, options: ReadOptions): AsyncGenerator<ReadRow> {
  const lines = new LineQueue(splitLines(path, readText(path, options), 'any'));
  try {
    const start = await readStart(path, lines, options);
    if (start === undefined) return;
    yield* readRecords(lines, start, { firstLine: 1, options });
  } finally {
    await lines.close();
  }
}

/** The same of some lines behind the header. */
export async function* readCsvFrom(
  path: string,
  pieces: AsyncIterable<TextPiece> | Iterable<TextPiece>,
  { start, ...rest }: { readonly start: CsvStart; readonly firstLine: number; readonly options: ReadOptions },
): AsyncGenerator<ReadRow> {
  const lines = new LineQueue(splitLines(path, pieces, 'any'));
  try {
    yield* readRecords(lines, start, rest);
  } finally {
    await lines.close();
  }
}

async function* readRecords(
  lines: LineQueue,
  { header, marks }: CsvStart,
  { firstLine, options }: { readonly firstLine: number; readonly options: ReadOptions },
): AsyncGenerator<ReadRow> {
  let blank = 0;
  for (let first = await lines.next(); first !== undefined; first = await lines.next()) {
    if (first.text === '') {
      blank += 1;
      continue;
    }
    const read = await readRecord(first, lines, marks);
    const row = 'cells' in read ? buildRow(header, read.cells) : read;
    yield { unit: 'line', position: first.position + firstLine - 1, bytesRead: first.bytesRead, ...row };
  }
  if (blank > 0 && header.length === 1)
    options.onNote?.(`${blank} blank ${blank === 1 ? 'line was' : 'lines were'} passed over; "" is an empty value`);
}

/** Lines that can be given back. */
class LineQueue {
  readonly #lines: AsyncGenerator<TextLine>;
  readonly #back: TextLine[] = [];

  constructor(lines: AsyncGenerator<TextLine>) {
    this.#lines = lines;
  }

  async next(): Promise<TextLine | undefined> {
    const back = this.#back.pop();
    if (back !== undefined) return back;
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  giveBack(lines: readonly TextLine[]): void {
    // One by one: there may be more of them than a call takes arguments.
    for (const line of lines.toReversed()) this.#back.push(line);
  }

  async close(): Promise<void> {
    await this.#lines.return(undefined);
  }
}

export type CsvStart = { readonly header: readonly string[]; readonly marks: CsvMarks };

/** What a header of one line says; undefined where it is none, or does not end with its line. */
export function startOf(line: string, options: ReadOptions): CsvStart | undefined {
  const quote = options.quote ?? '"';
  const marks = { delimiter: options.delimiter ?? detectDelimiter(line, quote), quote };
  const record = new CsvRecord(marks);
  return record.feed(line, '') === 'whole' && !record.cells.includes('') ? { header: record.cells, marks } : undefined;
}

/** In one sentence, where it is not what people expect. */
export function noteDelimiter(
  path: string,
  { delimiter }: CsvMarks,
  options: ReadOptions,
  onNote: ((sentence: string) => void) | undefined,
): void {
  if (options.delimiter === undefined && delimiter !== ',' && !/\.tsv(\.\w+)?$/i.test(path))
    onNote?.(`columns are separated by ${nameDelimiter(delimiter)} (--delimiter names another)`);
}

async function readStart(path: string, lines: LineQueue, options: ReadOptions): Promise<CsvStart | undefined> {
  let first = await lines.next();
  const named = delimiterLine.exec(first?.text ?? '')?.[1];
  if (named !== undefined) first = await lines.next();
  while (first?.text === '') first = await lines.next();
  if (first === undefined) return undefined;
  const quote = options.quote ?? '"';
  const delimiter = options.delimiter ?? named ?? detectDelimiter(first.text, quote);
  const marks = { delimiter, quote };
  noteDelimiter(path, marks, options, options.onNote);
  const read = await readRecord(first, lines, marks);
  if ('rejection' in read)
    throw new HybridStoreError('invalid_request', `${path}: line ${first.position}: header: ${read.rejection}`);
  return { header: checkHeader(path, read.cells), marks };
}

type Read = { readonly cells: readonly string[] } | { readonly rejection: string };

/** The record that begins with `first`; lines that it took in vain are given back. */
async function readRecord(first: TextLine, lines: LineQueue, marks: CsvMarks): Promise<Read> {
  const record = new CsvRecord(marks);
  const taken: TextLine[] = [];
  let length = first.text.length;
  let fed = record.feed(first.text, '');
  let before = first.ending;
  while (fed === 'open') {
    const next = await lines.next();
    if (next !== undefined) taken.push(next);
    length += next?.text.length ?? 0;
    if (next === undefined || length > recordLengthMax) break;
    fed = record.feed(next.text, before);
    before = next.ending;
  }
  if (fed === 'whole') return record;
  lines.giveBack(taken);
  if (fed !== 'open' && taken.length === 0) return { rejection: `column ${fed.column}: ${fed.reason}` };
  return {
    rejection: `column ${record.openedAt}: expected the quote that opens here to be closed, found none that does`,
  };
}

/** Of two columns with one name the first would be lost without a word. */
function checkHeader(path: string, names: readonly string[]): readonly string[] {
  for (const [index, name] of names.entries()) {
    const isTwice = names.indexOf(name) !== index;
    if (name === '' || isTwice)
      throw new HybridStoreError(
        'invalid_request',
        `${path}: header: expected a name of its own for every column, found ${name === '' ? 'an empty one' : `${name} twice`} (column ${index + 1})`,
        { column: index + 1 },
      );
  }
  return names;
}

function buildRow(
  header: readonly string[],
  record: readonly string[],
): { readonly fields: Fields } | { readonly rejection: string } {
  if (record.length !== header.length)
    return { rejection: `expected ${header.length} values as in the header, found ${record.length}` };
  return { fields: Object.fromEntries(header.map((name, index) => [name, record[index]])) };
}
