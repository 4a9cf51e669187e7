import { Transform, type TransformCallback } from 'node:stream';
import type { ErrorCode, LinesEnd } from '@hybridstore/contracts';
import { HybridStoreError, notePassing } from '@hybridstore/runtime';

/** Where the statistics stand at the end of an answer; those of 256 sources fit many times. */
const tailBytesMax = 256 * 1024;
const rowCountBytesMax = 64;
const statsKey = Buffer.from('"stats":');

export type Stats = Readonly<Record<string, unknown>>;

/**
 * Passes a QueryResponse through unread and adds to its `stats`, which the node writes last. Only the last 256 KiB are
 * held back. The bytes `"stats":` cannot stand inside a JSON text, where the quotes would be escaped; that they are the
 * key of the answer itself is proved by everything behind them closing exactly one object.
 */
export class StatsMerger extends Transform {
  readonly #ownStats: () => Stats;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes that came from the node. */
  bytes = 0;
  /** Once the answer has ended: what the node wrote of it. */
  rows = 0;
  nodeStats: Stats = {};

  constructor(ownStats: () => Stats) {
    super();
    this.#ownStats = ownStats;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    notePassing(chunk.length);
    this.bytes += chunk.length;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    for (let first = this.#held[0]; first && this.#heldBytes - first.length >= tailBytesMax; first = this.#held[0]) {
      this.#held.shift();
      this.#heldBytes -= first.length;
      this.push(first);
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    const tail = Buffer.concat(this.#held, this.#heldBytes);
    const found = findStats(tail);
    if (!found) {
      done(null, tail);
      return;
    }
    this.nodeStats = found.stats;
    this.rows = readRowCount(tail, found);
    const rest = { ...found.rest, stats: { ...this.nodeStats, ...this.#ownStats() } };
    done(null, Buffer.concat([tail.subarray(0, found.at), Buffer.from(JSON.stringify(rest).slice(1))]));
  }
}

type FoundStats = { readonly at: number; readonly rest: Record<string, unknown>; readonly stats: Stats };

function findStats(tail: Buffer): FoundStats | undefined {
  const at = tail.lastIndexOf(statsKey);
  if (at < 0) return undefined;
  const rest = parseObject(`{${tail.toString('utf8', at)}`);
  const stats = rest?.['stats'];
  return rest && typeof stats === 'object' && stats !== null ? { at, rest, stats: { ...stats } } : undefined;
}

/** `row_count` stands beside `stats`, on either side. */
function readRowCount(tail: Buffer, found: FoundStats): number {
  const before = tail.toString('latin1', Math.max(0, found.at - rowCountBytesMax), found.at);
  return Number(found.rest['row_count'] ?? /"row_count":(\d+),$/.exec(before)?.[1] ?? 0);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    // The text begins with a brace, so what parses is an object.
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // The key belongs to a value inside a row: the answer goes on as the node wrote it.
    return undefined;
  }
}

/** Passes rows through unread: what is to be known of them comes behind them. */
export class RowStream extends Transform {
  readonly #readEnd: () => LinesEnd | undefined;
  bytes = 0;
  /** Once the answer has ended: what the node has said of it. */
  rows = 0;
  nodeStats: Stats = {};
  failure: ErrorCode | undefined;

  constructor(readEnd: () => LinesEnd | undefined) {
    super();
    this.#readEnd = readEnd;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    notePassing(chunk.length);
    this.bytes += chunk.length;
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    this.noteEnd();
    done();
  }

  /** False when the node has said nothing. */
  protected noteEnd(): boolean {
    const end = this.#readEnd();
    if (!end) return false;
    this.rows = end.rows;
    this.nodeStats = end;
    this.failure = end.error;
    return true;
  }
}

const lineBreak = 0x0a;

/**
 * NDJSON. When the answer breaks between two lines, the reader gets a last line that says so; in the middle of a line the
 * connection has to break, since nothing added could be read as JSON.
 */
export class LineStream extends RowStream {
  #lastByte = lineBreak;

  override _transform(chunk: Buffer, encoding: BufferEncoding, done: TransformCallback): void {
    this.#lastByte = chunk.at(-1) ?? this.#lastByte;
    super._transform(chunk, encoding, done);
  }

  /** Ends the stream with an error line. False when it stands in the middle of a line, or has ended. */
  endWith(error: Stats): boolean {
    if (this.#lastByte !== lineBreak || this.writableEnded || this.destroyed) return false;
    this.end(`${JSON.stringify({ error })}\n`);
    return true;
  }
}

/**
 * CSV and Arrow, of which a part looks like the whole, or nearly: without word of the node that all rows are there, the
 * connection breaks.
 */
export class WholeStream extends RowStream {
  override _flush(done: TransformCallback): void {
    const isSaid = this.noteEnd();
    const code = isSaid ? this.failure : 'unavailable';
    done(code === undefined ? null : new HybridStoreError(code, 'the node ended its answer early'));
  }
}
