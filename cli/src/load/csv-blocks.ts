import { arrowStreamType, type Column } from '@hybridstore/contracts';
import { arrowStream } from './arrow-batch.ts';
import { type CsvShape, type ReadCells, readCells } from './csv-cells.ts';
import type { Block } from './load-rows.ts';
import { type BlockBounds, readAheadShare, startBytes } from './ndjson-blocks.ts';
import { type Piece, ReadAhead, readPieces } from './packed-file.ts';
import { type CsvStart, noteDelimiter, readCsvFrom, startOf } from './read-csv.ts';
import type { ReadOptions, ReadRow } from './row.ts';

export type OpenBlocks = (onNote: (sentence: string) => void) => AsyncIterable<Block>;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const lineFeed = 0x0a;

type Reading = {
  readonly columns: ReadonlyMap<string, Column>;
  readonly options: ReadOptions;
  readonly bounds: BlockBounds;
};

/**
 * Blocks of CSV, each an Arrow stream. Undefined for a file whose header is not the usual one: one line of columns of the
 * source, under their names, more than one of them, none of JSON. The file is UTF-8, as the caller has looked.
 */
export async function csvBlocks(path: string, { columns, options, bounds }: Reading): Promise<OpenBlocks | undefined> {
  const head = await firstLine(path);
  if (head === undefined) return undefined;
  const start = startOf(head.text, options);
  const [delimiter, quote] = [start?.marks.delimiter, start?.marks.quote];
  if (start === undefined || !isAscii(delimiter) || !(quote === '' || isAscii(quote))) return undefined;
  const found = start.header.map((name) => columns.get(name));
  if (found.length < 2 || new Set(start.header).size < found.length) return undefined;
  const known = found.filter((column) => column !== undefined && column.type !== 'json') as readonly Column[];
  if (known.length < found.length) return undefined;
  const shape = { columns: known, delimiter: delimiter.charCodeAt(0), quote: quote === '' ? 0 : quote.charCodeAt(0) };
  return (onNote) => {
    noteDelimiter(path, start.marks, options, onNote);
    return blocksOf(path, { start, shape, bounds, headBytes: head.bytes, options: { ...options, onNote } });
  };
}

function isAscii(character: string | undefined): character is string {
  return character !== undefined && character.length === 1 && character.charCodeAt(0) < 0x80;
}

type Head = { readonly text: string; readonly bytes: number };

/** Without its end; undefined where it is none of the usual, or does not end within the first piece of the file. */
async function firstLine(path: string): Promise<Head | undefined> {
  for await (const { bytes } of readPieces(path)) {
    const from = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? byteOrderMark.length : 0;
    const end = bytes.indexOf(lineFeed, from);
    if (end < 0) return undefined;
    const text = bytes.toString('utf8', from, end).replace(/\r$/, '');
    return text === '' || text.includes('\r') || text.startsWith('sep=') ? undefined : { text, bytes: end + 1 };
  }
  return undefined;
}

type Blocks = {
  readonly start: CsvStart;
  readonly shape: CsvShape;
  readonly bounds: BlockBounds;
  /** With the header. */
  readonly headBytes: number;
  readonly options: ReadOptions;
};

async function* blocksOf(path: string, { start, shape, bounds, headBytes, options }: Blocks): AsyncGenerator<Block> {
  const { rowsPerBatch: rowsMax, bytesPerBatchMax: bytesMax } = bounds;
  const ahead = new ReadAhead(path);
  try {
    await ahead.fill(headBytes);
    ahead.take(headBytes);
    let line = 2;
    let wanted = startBytes;
    for (;;) {
      await ahead.fill(wanted);
      const { rest, bytesRead, isAll } = ahead;
      if (rest.length === 0) return;
      const read = readCells(rest, shape, { rowsMax, bytesMax, isAll });
      if (read === 'more') {
        wanted = rest.length * 2;
        continue;
      }
      if (read === 'strange') {
        const text = decode(rest, { pieces: ahead.remaining(), bytesRead });
        yield* inBlocks(readCsvFrom(path, text, { start, firstLine: line, options }), rowsMax);
        return;
      }
      yield blockOf(path, ahead.take(read.end), { read, start, firstLine: line, bytesRead, options });
      line += read.lines;
      wanted = Math.max(startBytes, Math.ceil(read.end * readAheadShare));
    }
  } finally {
    await ahead.close();
  }
}

type Cut = {
  readonly read: ReadCells;
  readonly start: CsvStart;
  readonly firstLine: number;
  readonly bytesRead: number;
  readonly options: ReadOptions;
};

function blockOf(path: string, bytes: Buffer, { read, start, firstLine, bytesRead, options }: Cut): Block {
  const isPacked = !read.isOdd && read.rows > 0;
  return {
    packed: isPacked ? { type: arrowStreamType, bytes: arrowStream(read.sections, read.rows) } : undefined,
    rows: () => readCsvFrom(path, [{ text: bytes.toString('utf8'), bytesRead }], { start, firstLine, options }),
    bytesRead,
  };
}

/** The rest of the file. It is UTF-8 to its end. */
async function* decode(
  rest: Buffer,
  { pieces, bytesRead }: { readonly pieces: AsyncIterable<Piece>; readonly bytesRead: number },
) {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  yield { text: decoder.decode(rest, { stream: true }), bytesRead };
  let last = bytesRead;
  for await (const piece of pieces) {
    last = piece.bytesRead;
    yield { text: decoder.decode(piece.bytes, { stream: true }), bytesRead: last };
  }
  yield { text: decoder.decode(), bytesRead: last };
}

/** Rows that were read one by one. */
async function* inBlocks(rows: AsyncIterable<ReadRow>, rowsMax: number): AsyncGenerator<Block> {
  let some: ReadRow[] = [];
  for await (const row of rows) {
    some.push(row);
    if (some.length < rowsMax) continue;
    yield rowsBlock(some);
    some = [];
  }
  if (some.length > 0) yield rowsBlock(some);
}

function rowsBlock(rows: readonly ReadRow[]): Block {
  return {
    packed: undefined,
    rows: async function* () {
      yield* rows;
    },
    bytesRead: rows.at(-1)?.bytesRead ?? 0,
  };
}
