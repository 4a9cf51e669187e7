import { isUtf8 } from 'node:buffer';
import { DuckDBBlobVector } from '@duckdb/node-api';
import { assert } from '@hybridstore/runtime';
import type { Statement } from '../messages.ts';
import { brokenTextMark } from './row-text.ts';
import type { RunningStatement } from './running-statement.ts';
import { brokenText, tooLarge } from './statement-failure.ts';

/** Rows are handed over in pieces of about this size, the first one as soon as there is a row. */
const pieceBytesAim = 256 * 1024;

export type RowChunk = { readonly rowCount: number; getColumnVector(columnIndex: number): unknown };
export interface RowSource {
  /** The next rows, each the bytes of one text in the first column; none at the end. */
  fetchChunk(): Promise<RowChunk | null>;
}
export type SendPiece = (rows: number, text: Buffer) => void;

/**
 * Sends all rows as the reader allows, and says how many there were. Nothing leaves that is not text as a whole: bytes that
 * are no UTF-8 come out of memory that the engine mistook for a text, and may be another's.
 */
export async function sendRows(running: RunningStatement, source: RowSource, send: SendPiece): Promise<number> {
  const { statement } = running;
  const sent = { rows: 0, bytes: 0 };
  let piece = emptyPiece();
  const sendPiece = async () => {
    await running.takeCredit();
    send(piece.rows, wholeText(piece));
    sent.rows += piece.rows;
    sent.bytes += piece.bytes;
    piece = emptyPiece();
  };
  for (;;) {
    running.requireWanted();
    const chunk = await source.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    addChunk(piece, chunk, { separator: statement.separator, isFirst: sent.rows + piece.rows === 0 });
    requireWithinLimits(statement, sent.rows + piece.rows, sent.bytes + piece.bytes);
    if (sent.rows === 0 || piece.bytes >= pieceBytesAim) await sendPiece();
  }
  if (piece.rows > 0) await sendPiece();
  return sent.rows;
}

type Piece = { readonly texts: Uint8Array[]; rows: number; bytes: number };

function emptyPiece(): Piece {
  return { texts: [], rows: 0, bytes: 0 };
}

const separators = { ',': Buffer.from(','), '\n': Buffer.from('\n') } as const;

/** `,` stands between rows, a line break behind each. Copied at once: bytes lie in the chunk's own memory. */
function addChunk(
  piece: Piece,
  chunk: RowChunk,
  at: { readonly separator: ',' | '\n'; readonly isFirst: boolean },
): void {
  const rows = chunk.getColumnVector(0);
  assert(rows instanceof DuckDBBlobVector, 'rows are bytes');
  const separator = separators[at.separator];
  const parts: Uint8Array[] = [];
  for (let row = 0; row < chunk.rowCount; row += 1) {
    const text = rows.getItemBytes(row);
    assert(text, 'a row is never null');
    if (at.separator === '\n') parts.push(text, separator);
    else if (at.isFirst && row === 0) parts.push(text);
    else parts.push(separator, text);
  }
  const text = Buffer.concat(parts);
  piece.texts.push(text);
  piece.rows += chunk.rowCount;
  piece.bytes += text.length;
}

function wholeText(piece: Piece): Buffer {
  const text = Buffer.concat(piece.texts);
  if (text.includes(brokenTextMark) || !isUtf8(text)) throw brokenText();
  return text;
}

function requireWithinLimits(statement: Statement, rows: number, bytes: number): void {
  if (rows > statement.rowsMax) throw tooLarge('rows', statement.rowsMax);
  if (bytes > statement.bytesMax) throw tooLarge('bytes', statement.bytesMax);
}
