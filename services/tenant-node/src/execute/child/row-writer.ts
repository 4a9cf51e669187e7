import { isUtf8 } from 'node:buffer';
import { type TextChunk, type TextRun, textRuns } from '@hybridstore/engine/duckdb';
import { brokenTextMark } from './row-text.ts';
import { brokenText, noCharacterZero } from './statement-failure.ts';

/** What is copied out of the engine at a time. */
const runBytesMax = 64 * 1024;

/** How the rows of a statement leave the child: the text that the engine runs, and what becomes of its chunks. */
export type RowOutput = {
  readonly text: string;
  /** What stands before the first row, and behind the last one when all is well. */
  readonly head?: Buffer;
  readonly tail?: Buffer;
  readonly writer: RowWriter;
};

/** Rows as bytes, in their order; none of what is not text as a whole. */
export interface RowWriter {
  /** What of the rows is ready; that of a first chunk is. The caller keeps the chunk until the last of it is there. */
  write(chunk: TextChunk): Iterable<TextRun>;
  /** The rest. */
  flush(): Iterable<TextRun>;
}

/**
 * Rows that the engine wrote as text. Nothing leaves that is not UTF-8: bytes that are none come out of memory that the
 * engine mistook for a text, and may be another's.
 */
export class TextWriter implements RowWriter {
  readonly #require: (text: Buffer) => void;
  #bytesBefore: number;

  /** The engine writes a separator before each row: so many bytes of it are before the first one. */
  constructor(require: (text: Buffer) => void, bytesBefore = 0) {
    this.#require = require;
    this.#bytesBefore = bytesBefore;
  }

  *write(chunk: TextChunk): Generator<TextRun> {
    for (const run of textRuns(chunk, runBytesMax)) {
      const bytes = run.bytes.subarray(this.#bytesBefore);
      this.#bytesBefore = 0;
      this.#require(bytes);
      yield { rows: run.rows, bytes };
    }
  }

  flush(): readonly TextRun[] {
    return [];
  }
}

export function requireJson(text: Buffer): void {
  if (text.includes(brokenTextMark) || !isUtf8(text)) throw brokenText();
}

/** The mark of a broken text inside a document and a character of a whole text are the same byte, which CSV has no place for. */
export function requireCells(text: Buffer): void {
  if (!isUtf8(text)) throw brokenText();
  if (text.includes(brokenTextMark)) throw noCharacterZero();
}
