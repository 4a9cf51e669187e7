import type { IncomingMessage } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { bodyTooLarge } from '@hybridstore/http';
import { type HybridStoreError, retryLater } from '@hybridstore/runtime';

/** Bodies up to this are taken whole first: that is cheaper than a stream, and they can be sent once more. */
const wholeBytesMax = 64 * 1024;

/** `stream` has a known length when the client named it. */
export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly stream: Readable; readonly bytes: number | undefined };

/** The body of a request, bounded: `too_large` at once when the announced length says so, else when it is exceeded. */
export async function takeRequestBody(request: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  const announced = request.headers['content-length'];
  if (announced === undefined && request.headers['transfer-encoding'] === undefined) return { kind: 'none' };
  // Node's parser has refused whatever is no number.
  const bytes = announced === undefined ? undefined : Number(announced);
  if (bytes === undefined) return { kind: 'stream', stream: boundStream(request, bytesMax), bytes };
  if (bytes > bytesMax) throw bodyTooLarge(bytesMax);
  if (bytes === 0) return { kind: 'none' };
  if (bytes <= wholeBytesMax) return { kind: 'whole', bytes: await readWhole(request, bytes) };
  return { kind: 'stream', stream: boundStream(request, bytesMax), bytes };
}

async function readWhole(request: IncomingMessage, bytes: number): Promise<Buffer> {
  // What has come together with the head is here once the parser has ended its turn.
  await undefined;
  const whole: unknown = request.complete && request.readableLength === bytes ? request.read() : null;
  return Buffer.isBuffer(whole) ? whole : collect(request, bytes);
}

function collect(request: IncomingMessage, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Nobody would hear of it any more.
    if (request.destroyed && !request.complete) reject(clientGone());
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const [first = Buffer.alloc(0), ...more] = chunks;
      resolve(more.length === 0 ? first : Buffer.concat(chunks, bytes));
    });
    request.on('error', reject);
    request.on('close', () => {
      if (!request.complete) reject(clientGone());
    });
  });
}

/**
 * The request's bytes through a stream of our own: whoever is done with it early may destroy it without tearing the
 * client's connection, on which the answer still has to go out.
 */
function boundStream(request: IncomingMessage, bytesMax: number): Readable {
  let bytes = 0;
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) done(bodyTooLarge(bytesMax));
      else done(null, chunk);
    },
  });
  request.on('error', (error) => bounded.destroy(error));
  request.on('close', () => {
    if (!request.complete) bounded.destroy(clientGone());
  });
  return request.pipe(bounded);
}

function clientGone(): HybridStoreError {
  return retryLater('unavailable', 'the client went away', 1_000);
}
