import { isUtf8 } from 'node:buffer';
import { type TextChunk, textRuns } from '@hybridstore/engine/duckdb';
import { notePassing } from '@hybridstore/runtime';
import type { Statement } from '../messages.ts';
import { brokenTextMark } from './row-text.ts';
import type { RunningStatement } from './running-statement.ts';
import { brokenText, tooLarge } from './statement-failure.ts';

/** Rows are handed over in pieces of about this size, the first one as soon as there is a row. */
const pieceBytesAim = 256 * 1024;
/** What is copied out of the engine at a time. */
const runBytesMax = 64 * 1024;

export interface RowSource {
  /** The next rows, each as text with its separator in the first column; none at the end. */
  fetchChunk(): Promise<TextChunk | null>;
}
export type SendPiece = (rows: number, texts: readonly Buffer[]) => void;

/**
 * Sends all rows as the reader allows, and says how many there were. Nothing leaves that is not text as a whole: bytes that
 * are no UTF-8 come out of memory that the engine mistook for a text, and may be another's.
 */
export async function sendRows(running: RunningStatement, source: RowSource, send: SendPiece): Promise<number> {
  const { statement } = running;
  const all = { rows: 0, bytes: 0 };
  let piece = emptyPiece();
  const sendPiece = async () => {
    notePassing(piece.bytes);
    await running.takeCredit(piece.bytes);
    send(piece.rows, piece.texts);
    piece = emptyPiece();
  };
  for (;;) {
    running.requireWanted();
    const chunk = await source.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    requireWithinLimits(statement, { ...all, rows: all.rows + chunk.rowCount });
    for (const run of textRuns(chunk, runBytesMax)) {
      const isFirst = all.rows === 0;
      const text = isFirst ? withoutFirstSeparator(run.bytes, statement) : run.bytes;
      requireText(text);
      all.rows += run.rows;
      all.bytes += text.length;
      requireWithinLimits(statement, all);
      piece.texts.push(text);
      piece.rows += run.rows;
      piece.bytes += text.length;
      if (piece.bytes >= pieceBytesAim) await sendPiece();
    }
    if (all.rows === chunk.rowCount && piece.rows > 0) await sendPiece();
  }
  if (piece.rows > 0) await sendPiece();
  return all.rows;
}

type Piece = { readonly texts: Buffer[]; rows: number; bytes: number };

function emptyPiece(): Piece {
  return { texts: [], rows: 0, bytes: 0 };
}

/** `,` stands between rows, and the engine writes it before each; a line break behind each. */
function withoutFirstSeparator(text: Buffer, { separator }: Statement): Buffer {
  return separator === ',' ? text.subarray(1) : text;
}

function requireText(text: Buffer): void {
  if (text.includes(brokenTextMark) || !isUtf8(text)) throw brokenText();
}

function requireWithinLimits(statement: Statement, { rows, bytes }: { readonly rows: number; readonly bytes: number }) {
  if (rows > statement.rowsMax) throw tooLarge('rows', statement.rowsMax);
  if (bytes > statement.bytesMax) throw tooLarge('bytes', statement.bytesMax);
}
