import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '@hybridstore/runtime';

/** A reset comes back within this, and shows when something is written once more. */
const askAgainMs = 50;

/**
 * A client that sends no more may still read its answer, or be gone: both look the same until something is sent to it. So
 * until its answer begins it is sent interim responses (`102 Processing`), which clients read over. Who is gone answers the
 * first with a reset, at which the next one closes the connection. HTTP/1.0 knows no interim responses. In the middle of an
 * answer there is nothing to ask with: a client that ends then is taken for one that has left.
 */
export function askWhetherHalfClosed(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  // Requests made in the process have none.
  if (socket?.readableEnded === undefined || request.httpVersion === '1.0') return;
  let cancel: (() => void) | undefined;
  const ask = () => {
    if (response.writableEnded || socket.destroyed) return;
    if (response.headersSent) {
      socket.destroy();
      return;
    }
    response.writeProcessing();
    cancel = systemClock.schedule(askAgainMs, () => {
      if (!response.headersSent) ask();
    });
  };
  if (socket.readableEnded) ask();
  else socket.once('end', ask);
  response.once('close', () => {
    socket.off('end', ask);
    cancel?.();
  });
}
