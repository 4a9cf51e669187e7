import type { EventEmitter } from 'node:events';
import { constants, gunzip, inflate, inflateRaw, type Zlib, zstdDecompress } from 'node:zlib';
import { type BodyCoding, bodyCodings, type TokenClaims } from '@hybridstore/contracts';
import { AdmissionQueue, HybridStoreError, type PlaceBounds, Places } from '@hybridstore/runtime';

const mebibyte = 1024 * 1024;
/** Bodies that lie here unpacked at a time, each up to its endpoint's bound. Leaves one of libuv's four threads to the disk. */
const unpackedMax = 3;
const waitingMax = 1_024;
/** Bytes of packed bodies that wait for their turn, or have it. */
const packedBytesMax: PlaceBounds<'user' | 'tenant'> = {
  total: 128 * mebibyte,
  each: { user: 64 * mebibyte, tenant: 96 * mebibyte },
};
/** Codings around one body. More than one is rare, and each is unpacked into memory. */
const codingsMax = 2;
/** What a frame may ask for as its window: 32 MiB, as much as the largest body. */
const windowLogMax = 25;
const outputBytesMin = 16 * 1024;
const outputBytesMax = 256 * 1024;
const usualRatio = 8;

type Unpacked = { readonly buffer: Buffer; readonly engine: Zlib };
type Unpacker = (body: Buffer, options: object, done: (error: Error | null, unpacked: unknown) => void) => void;

/**
 * Bodies that came compressed. A small one may unpack to a thousand times its size, so the bound of an endpoint holds for
 * what comes out, and few lie here unpacked at a time: users take turns, and what waits is bounded in bytes. The work is
 * done in libuv's threads, a piece of output at a time.
 */
export class PackedBodies {
  readonly #turns = new AdmissionQueue({
    runningMax: unpackedMax,
    runningPerTenantMax: unpackedMax,
    waitingMax,
    waitingPerTenantMax: waitingMax,
  });
  readonly #bytes = new Places('bytes of packed bodies', packedBytesMax);

  /** Gives the unpacked body to `read`, and keeps its turn until that has read it. Throws `overloaded`, `too_large`, `invalid_request`. */
  async read<T>(
    body: Buffer,
    packing: {
      readonly codings: readonly BodyCoding[];
      readonly bytesMax: number;
      readonly claims: TokenClaims | undefined;
      /** Who closes it waits no more. */
      readonly socket: EventEmitter;
    },
    read: (body: Buffer) => T | Promise<T>,
  ): Promise<T> {
    const { codings, bytesMax, claims, socket } = packing;
    const gone = new AbortController();
    const leaveLine = () => gone.abort(new HybridStoreError('unavailable', 'the client went away'));
    const user = claims?.owner ?? claims?.sub ?? '';
    const tenant = claims?.tenant ?? '';
    const leave = this.#bytes.take({ user, tenant }, body.length);
    socket.once('close', leaveLine);
    try {
      const turn = await this.#turns.admit({ user, tenant }, gone.signal);
      const startedMs = performance.now();
      try {
        let bytes = body;
        for (const coding of codings.toReversed()) bytes = await unpack(bytes, coding, bytesMax);
        return await read(bytes);
      } finally {
        turn.release(performance.now() - startedMs);
      }
    } finally {
      socket.off('close', leaveLine);
      leave();
    }
  }
}

/**
 * The codings of a Content-Encoding, in the order in which they were applied; none for a body as it is.
 * `unsupported_media_type` for others than are taken, and for any where `takesPacked` is false.
 */
export function readCodings(header: string | undefined, takesPacked: boolean): readonly BodyCoding[] {
  if (header === undefined) return [];
  const names = header
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const codings = names.map((name) => (name === 'x-gzip' ? 'gzip' : name)).filter(isBodyCoding);
  if (codings.length < names.length || (codings.length > 0 && !takesPacked)) throw refuseCoding(header, takesPacked);
  if (codings.length <= codingsMax) return codings;
  throw new HybridStoreError(
    'unsupported_media_type',
    `Content-Encoding: expected at most ${codingsMax} encodings, found ${codings.length}`,
    { field: 'Content-Encoding', expected: `at most ${codingsMax}`, actual: codings.length, accepted: bodyCodings },
  );
}

function isBodyCoding(name: string): name is BodyCoding {
  return (bodyCodings as readonly string[]).includes(name);
}

const shownCharactersMax = 40;

function refuseCoding(header: string, takesPacked: boolean): HybridStoreError {
  const accepted = takesPacked ? bodyCodings : [];
  const expected = takesPacked ? bodyCodings.join(', ') : 'none';
  const actual = header.slice(0, shownCharactersMax);
  return new HybridStoreError('unsupported_media_type', `Content-Encoding: expected ${expected}, found ${actual}`, {
    field: 'Content-Encoding',
    expected,
    actual,
    accepted,
  });
}

function unpack(body: Buffer, coding: BodyCoding, bytesMax: number): Promise<Buffer> {
  const chunkSize = Math.min(Math.max(body.length * usualRatio, outputBytesMin), outputBytesMax, bytesMax + 1);
  const bounds = { maxOutputLength: bytesMax, chunkSize: Math.max(chunkSize, constants.Z_MIN_CHUNK), info: true };
  return new Promise((resolve, reject) => {
    unpackerOf(coding, body)(body, { ...bounds, ...formatOptions(coding) }, (error, unpacked) => {
      if (error) {
        reject(isBeyondBound(error) ? tooLargeUnpacked(bytesMax) : brokenBody(coding, whatIsWrong(error)));
        return;
      }
      // What `info` gives, which the types of Node do not know.
      const { buffer, engine } = unpacked as Unpacked;
      if (engine.bytesWritten < body.length) reject(brokenBody(coding, 'bytes behind its end'));
      else resolve(buffer);
    });
  });
}

function unpackerOf(coding: BodyCoding, body: Buffer): Unpacker {
  switch (coding) {
    case 'gzip':
      return gunzip;
    case 'zstd':
      return zstdDecompress;
    case 'deflate':
      return hasZlibHeader(body) ? inflate : inflateRaw;
  }
}

function formatOptions(coding: BodyCoding): object {
  return coding === 'zstd' ? { params: { [constants.ZSTD_d_windowLogMax]: windowLogMax } } : {};
}

/** `deflate` means the format of zlib (RFC 9110, section 8.4.1.2); some clients send the stream inside of it alone. */
function hasZlibHeader(body: Buffer): boolean {
  const [method = 0, flags = 0] = body;
  return (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
}

function isBeyondBound(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

function whatIsWrong(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') return 'a stream that ends early';
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') return `a window beyond 2^${windowLogMax} bytes`;
  return 'another stream, or a damaged one';
}

function brokenBody(coding: BodyCoding, actual: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `Content-Encoding: expected a body in ${coding}, found ${actual}`, {
    field: 'Content-Encoding',
    expected: coding,
    actual,
  });
}

function tooLargeUnpacked(bytesMax: number): HybridStoreError {
  return new HybridStoreError('too_large', `body: expected at most ${bytesMax} bytes unpacked, found more`, {
    field: 'body',
    bytes_max: bytesMax,
  });
}
