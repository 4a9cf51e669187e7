import type { ServerResponse } from 'node:http';
import type { Clock } from '@hybridstore/runtime';

/** A reset comes back within this, and shows when something is written once more. */
const askAgainMs = 50;

/**
 * To be called with an answer that is not over when its connection ends on the client's side, or has ended before. A client
 * that sends no more may still read its answer, or be gone: both look the same until something is sent to it. So until its
 * answer begins it is sent interim responses (`102 Processing`), which clients read over. Who is gone answers the first
 * with a reset, at which the next one closes the connection. HTTP/1.0 knows no interim responses. In the middle of an
 * answer there is nothing to ask with: a client that ends then is taken for one that has left.
 */
export function askWhetherHalfClosed(response: ServerResponse, clock: Clock): void {
  const { socket, httpVersion } = response.req;
  if (httpVersion === '1.0' || response.closed) return;
  let cancel: (() => void) | undefined;
  const ask = () => {
    if (response.writableEnded || socket.destroyed) return;
    if (response.headersSent) {
      socket.destroy();
      return;
    }
    response.writeProcessing();
    cancel = clock.schedule(askAgainMs, () => {
      if (!response.headersSent) ask();
    });
  };
  response.once('close', () => cancel?.());
  ask();
}
