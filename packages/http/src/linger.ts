import type { IncomingMessage } from 'node:http';
import type { Clock } from '@hybridstore/runtime';

/** A refused body is read on for so long and so far, and thrown away. */
const lingerMs = 5_000;
const lingerBytesMax = 64 * 1024 * 1024;

/**
 * A request is refused before its body has come, and its connection will be closed behind the answer. To close while bytes
 * are still coming in makes TCP reset the connection, which takes the answer away from a client that is still sending. So
 * the answer goes out at once, this side says that it will send no more, and takes what still comes until the body ends.
 */
export function lingerBehindAnswer(request: IncomingMessage, clock: Clock): void {
  // Only a real connection says so; requests made in the process have none.
  if (request.complete !== false || request.socket?.destroySoon === undefined) return;
  const { socket } = request;
  let bytes = 0;
  // A connection that is kept after all serves other requests, which are closed as ever.
  request.once('end', () => Reflect.deleteProperty(socket, 'destroySoon'));
  // What Node's server calls when an answer is sent and the connection is not to be kept.
  socket.destroySoon = () => {
    const stop = () => socket.destroy();
    socket.once('close', clock.schedule(lingerMs, stop));
    socket.end();
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > lingerBytesMax) stop();
    });
    request.once('end', stop);
    request.resume();
  };
}
