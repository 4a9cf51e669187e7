import { ndjsonType } from '@hybridstore/contracts';
import type { Block } from './load-rows.ts';
import { ReadAhead } from './packed-file.ts';
import { readLines } from './read-ndjson.ts';
import { lineLengthMax, lineTooLong } from './text-lines.ts';

export type BlockBounds = { readonly rowsPerBatch: number; readonly bytesPerBatchMax: number };

const lineFeed = 0x0a;
/** Blocks of one file are of like size: so much more than the last one is read ahead of the next. */
export const readAheadShare = 1.25;
export const startBytes = 1024 * 1024;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Blocks of NDJSON: lines as they lie in the file, which the platform reads by itself. The file is UTF-8, as the caller has
 * looked.
 */
export async function* ndjsonBlocks(path: string, bounds: BlockBounds): AsyncGenerator<Block> {
  const ahead = new ReadAhead(path);
  let line = 1;
  let wanted = startBytes;
  try {
    await ahead.fill(wanted);
    if (ahead.rest.subarray(0, byteOrderMark.length).equals(byteOrderMark)) ahead.take(byteOrderMark.length);
    for (;;) {
      await ahead.fill(wanted);
      const cut = cutBlock(ahead.rest, bounds, ahead.isAll);
      if (cut === undefined) {
        if (ahead.isAll) return;
        if (ahead.rest.length > lineLengthMax) throw lineTooLong(path, line);
        wanted = ahead.rest.length * 2;
        continue;
      }
      yield blockOf(path, ahead.take(cut.end), { firstLine: line, bytesRead: ahead.bytesRead });
      line += cut.lines;
      wanted = Math.max(startBytes, Math.ceil(cut.end * readAheadShare));
    }
  } finally {
    await ahead.close();
  }
}

function blockOf(
  path: string,
  bytes: Buffer,
  place: { readonly firstLine: number; readonly bytesRead: number },
): Block {
  return {
    packed: { type: ndjsonType, bytes },
    rows: () => readLines(path, bytes.toString('utf8'), place),
    bytesRead: place.bytesRead,
  };
}

type Cut = { readonly end: number; readonly lines: number };

/** Where a block ends: behind enough lines, or before the one that would make it too large. Undefined where more has to come. */
function cutBlock(bytes: Buffer, { rowsPerBatch, bytesPerBatchMax }: BlockBounds, isAll: boolean): Cut | undefined {
  let end = 0;
  for (let lines = 0; lines < rowsPerBatch; lines += 1) {
    const found = bytes.indexOf(lineFeed, end);
    const next = found < 0 ? bytes.length : found + 1;
    const isTooLarge = next > bytesPerBatchMax && lines > 0;
    if (isTooLarge && (found >= 0 || isAll || bytes.length > bytesPerBatchMax)) return { end, lines };
    if (found < 0) {
      if (!isAll || bytes.length === 0) return undefined;
      return { end: bytes.length, lines: lines + 1 };
    }
    end = next;
  }
  return { end, lines: rowsPerBatch };
}
