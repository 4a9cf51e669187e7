import { fieldsOf, parseExactly } from './parse-exactly.ts';
import { readText, type TextPiece } from './read-text.ts';
import type { ReadOptions, ReadRow } from './row.ts';
import { splitLines } from './text-lines.ts';

/** One object a line, split at line feeds only; empty lines are passed over. */
export async function* readNdjson(path: string, options: ReadOptions): AsyncGenerator<ReadRow> {
  yield* readPieces(path, readText(path, options), 1);
}

/** The same of some lines of the file. */
export async function* readLines(
  path: string,
  text: string,
  { firstLine, bytesRead }: { readonly firstLine: number; readonly bytesRead: number },
): AsyncGenerator<ReadRow> {
  yield* readPieces(path, [{ text, bytesRead }], firstLine);
}

async function* readPieces(
  path: string,
  pieces: AsyncIterable<TextPiece> | Iterable<TextPiece>,
  firstLine: number,
): AsyncGenerator<ReadRow> {
  for await (const { text, position, bytesRead } of splitLines(path, pieces, 'line-feed')) {
    if (text.trim() === '') continue;
    yield { unit: 'line', position: position + firstLine - 1, bytesRead, ...parseLine(text) };
  }
}

function parseLine(line: string): ReturnType<typeof fieldsOf> {
  try {
    return fieldsOf(parseExactly(line));
  } catch (error) {
    return { rejection: `not valid JSON (${error instanceof Error ? error.message : 'unreadable'})` };
  }
}
