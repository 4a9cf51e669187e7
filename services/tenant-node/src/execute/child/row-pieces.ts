import type { Statement } from '../messages.ts';
import type { RunningStatement } from './running-statement.ts';
import { tooLarge } from './statement-failure.ts';

/** Rows are handed over in pieces of about this size, the first one as soon as there is a row. */
const pieceBytesAim = 256 * 1024;

export type RowChunk = { readonly rowCount: number; getColumnValues(columnIndex: number): readonly unknown[] };
export interface RowSource {
  /** The next rows, each one text in the first column; none at the end. */
  fetchChunk(): Promise<RowChunk | null>;
}
export type SendPiece = (rows: number, text: Buffer) => void;

/** Sends all rows as the reader allows, and says how many there were. Characters are counted for bytes: text is ASCII mostly. */
export async function sendRows(running: RunningStatement, source: RowSource, send: SendPiece): Promise<number> {
  const { statement } = running;
  const sent = { rows: 0, bytes: 0 };
  let piece = emptyPiece();
  const sendPiece = async () => {
    await running.takeCredit();
    send(piece.rows, Buffer.from(piece.texts.join('')));
    sent.rows += piece.rows;
    sent.bytes += piece.bytes;
    piece = emptyPiece();
  };
  for (;;) {
    running.requireWanted();
    const chunk = await source.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    addChunk(piece, chunkText(chunk, statement.separator, sent.rows + piece.rows === 0), chunk.rowCount);
    requireWithinLimits(statement, sent.rows + piece.rows, sent.bytes + piece.bytes);
    if (sent.rows === 0 || piece.bytes >= pieceBytesAim) await sendPiece();
  }
  if (piece.rows > 0) await sendPiece();
  return sent.rows;
}

type Piece = { readonly texts: string[]; rows: number; bytes: number };

function emptyPiece(): Piece {
  return { texts: [], rows: 0, bytes: 0 };
}

function addChunk(piece: Piece, text: string, rows: number): void {
  piece.texts.push(text);
  piece.rows += rows;
  piece.bytes += text.length;
}

/** `,` stands between rows, a line break behind each. */
function chunkText(chunk: RowChunk, separator: ',' | '\n', isFirst: boolean): string {
  const joined = chunk.getColumnValues(0).join(separator);
  if (separator === '\n') return `${joined}\n`;
  return isFirst ? joined : `,${joined}`;
}

function requireWithinLimits(statement: Statement, rows: number, characters: number): void {
  if (rows > statement.rowsMax) throw tooLarge('rows', statement.rowsMax);
  if (characters > statement.bytesMax) throw tooLarge('bytes', statement.bytesMax);
}
