import type { TextChunk } from '@hybridstore/engine/duckdb';
import { notePassing } from '@hybridstore/runtime';
import type { Statement } from '../messages.ts';
import type { RowOutput } from './row-writer.ts';
import type { RunningStatement } from './running-statement.ts';
import { tooLarge } from './statement-failure.ts';

/** Rows are handed over in pieces of about this size, the first one as soon as there is a row. */
const pieceBytesAim = 256 * 1024;

export interface RowSource {
  /** The next rows; none at the end. */
  fetchChunk(): Promise<TextChunk | null>;
}
export type SendPiece = (rows: number, texts: readonly Buffer[]) => void;

/** Sends all rows as the reader allows, behind what stands before them, and says how many there were. */
export async function sendRows(
  running: RunningStatement,
  source: RowSource,
  { head, writer }: Pick<RowOutput, 'head' | 'writer'>,
  send: SendPiece,
): Promise<number> {
  const { statement } = running;
  const all = { rows: 0, bytes: 0 };
  let fetched = 0;
  let piece = emptyPiece();
  const sendPiece = async () => {
    notePassing(piece.bytes);
    await running.takeCredit(piece.bytes);
    send(piece.rows, piece.texts);
    piece = emptyPiece();
  };
  const add = async (run: { readonly rows: number; readonly bytes: Buffer }) => {
    if (all.rows === 0 && head !== undefined) addTo(piece, { rows: 0, bytes: head });
    all.rows += run.rows;
    all.bytes += run.bytes.length;
    requireWithinLimits(statement, all);
    addTo(piece, run);
    if (piece.bytes >= pieceBytesAim) await sendPiece();
  };
  for (;;) {
    running.requireWanted();
    const chunk = await source.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    requireWithinLimits(statement, { ...all, rows: fetched + chunk.rowCount });
    for (const run of writer.write(chunk)) await add(run);
    if (fetched === 0 && piece.rows > 0) await sendPiece();
    // Behind its last run: the memory of the runs is the chunk's, which is let go when nobody names it any more.
    fetched += chunk.rowCount;
  }
  for (const run of writer.flush()) await add(run);
  if (piece.rows > 0) await sendPiece();
  return all.rows;
}

/** What is sent when all is well: what stands before the rows where there were none, and what stands behind them. */
export function endOf(rows: number, { head, tail }: Pick<RowOutput, 'head' | 'tail'>): readonly Buffer[] {
  return [...(rows === 0 && head ? [head] : []), ...(tail ? [tail] : [])];
}

type Piece = { readonly texts: Buffer[]; rows: number; bytes: number };

function emptyPiece(): Piece {
  return { texts: [], rows: 0, bytes: 0 };
}

function addTo(piece: Piece, { rows, bytes }: { readonly rows: number; readonly bytes: Buffer }): void {
  piece.texts.push(bytes);
  piece.rows += rows;
  piece.bytes += bytes.length;
}

function requireWithinLimits(statement: Statement, { rows, bytes }: { readonly rows: number; readonly bytes: number }) {
  if (rows > statement.rowsMax) throw tooLarge('rows', statement.rowsMax);
  if (bytes > statement.bytesMax) throw tooLarge('bytes', statement.bytesMax);
}
