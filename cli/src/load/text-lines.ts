import { HybridStoreError } from '@hybridstore/runtime';
import type { TextPiece } from './read-text.ts';

/** A line without its end, which `ending` holds: nothing behind the last line of a file that ends without one. */
export type TextLine = {
  readonly text: string;
  readonly ending: string;
  readonly position: number;
  readonly bytesRead: number;
};

/** Of a line, in UTF-16 units: far above what the platform takes as one row. */
export const lineLengthMax = 64 * 1024 * 1024;

/** At line feeds alone, as NDJSON has it (U+2028 and a bare carriage return are text there), or at every of CR LF, LF and CR. */
const lineEnds = { 'line-feed': /\n/g, any: /\r\n|\n|\r/g } as const;

/** Lines of a text that comes in pieces. Throws `too_large` for one without an end. */
export async function* splitLines(
  path: string,
  pieces: AsyncIterable<TextPiece> | Iterable<TextPiece>,
  ends: keyof typeof lineEnds,
): AsyncGenerator<TextLine> {
  const pattern = new RegExp(lineEnds[ends]);
  let rest = '';
  let bytesRead = 0;
  let position = 0;
  for await (const piece of pieces) {
    bytesRead = piece.bytesRead;
    // What may be the first half of CR LF waits for what follows it.
    const text = rest + piece.text;
    const until = ends === 'any' && text.endsWith('\r') ? text.length - 1 : text.length;
    let start = 0;
    pattern.lastIndex = rest.endsWith('\r') ? rest.length - 1 : rest.length;
    for (let match = pattern.exec(text); match !== null && match.index < until; match = pattern.exec(text)) {
      position += 1;
      yield { text: text.slice(start, match.index), ending: match[0], position, bytesRead };
      start = match.index + match[0].length;
    }
    rest = text.slice(start);
    if (rest.length > lineLengthMax) throw lineTooLong(path, position + 1);
  }
  if (rest === '') return;
  const ending = ends === 'any' && rest.endsWith('\r') ? '\r' : '';
  yield { text: rest.slice(0, rest.length - ending.length), ending, position: position + 1, bytesRead };
}

export function lineTooLong(path: string, position: number): HybridStoreError {
  return new HybridStoreError(
    'too_large',
    `${path}: line ${position}: expected at most ${lineLengthMax} characters, found no end within them`,
    { line: position, length_max: lineLengthMax },
  );
}
