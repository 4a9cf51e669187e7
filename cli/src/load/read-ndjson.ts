import { fieldsOf, parseExactly } from './parse-exactly.ts';
import { readText } from './read-text.ts';
import type { ReadOptions, ReadRow } from './row.ts';
import { splitLines } from './text-lines.ts';

/** One object a line, split at line feeds only; empty lines are passed over. */
export async function* readNdjson(path: string, options: ReadOptions): AsyncGenerator<ReadRow> {
  for await (const { text, position, bytesRead } of splitLines(path, readText(path, options), 'line-feed')) {
    if (text.trim() === '') continue;
    yield { unit: 'line', position, bytesRead, ...parseLine(text) };
  }
}

function parseLine(line: string): ReturnType<typeof fieldsOf> {
  try {
    return fieldsOf(parseExactly(line));
  } catch (error) {
    return { rejection: `not valid JSON (${error instanceof Error ? error.message : 'unreadable'})` };
  }
}
