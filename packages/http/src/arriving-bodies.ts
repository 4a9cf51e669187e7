import type { IncomingMessage } from 'node:http';
import type { TokenClaims } from '@hybridstore/contracts';
import { type PlaceBounds, Places } from '@hybridstore/runtime';

export type ArrivingBytes = PlaceBounds<'user' | 'tenant'>;

const mebibyte = 1024 * 1024;
/** Of the 2 GiB that a node has by default, DuckDB may take half. */
const arrivingBytesDefault: ArrivingBytes = {
  total: 384 * mebibyte,
  each: { user: 128 * mebibyte, tenant: 256 * mebibyte },
};

/**
 * Memory that bodies on their way in may hold, fairly divided: a body counts with all that it may become from its first
 * byte to its last, so that no number of withheld last bytes fills this process.
 */
export class ArrivingBodies {
  readonly #bytes: Places<'user' | 'tenant'>;

  constructor(bounds: ArrivingBytes = arrivingBytesDefault) {
    this.#bytes = new Places('bytes of bodies on their way in', bounds);
  }

  /** Throws `overloaded`. `bytesMax` is what is kept of a body at most. */
  enter(request: IncomingMessage, claims: TokenClaims | undefined, bytesMax: number): void {
    const bytes = Math.min(announcedBytes(request), bytesMax);
    if (bytes === 0 || request.complete) return;
    const leave = this.#bytes.take({ user: claims?.owner ?? claims?.sub, tenant: claims?.tenant }, bytes);
    // Comes behind the end, too.
    request.on('close', leave);
  }
}

function announcedBytes({ headers }: IncomingMessage): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(headers['content-length'] ?? 0);
}
