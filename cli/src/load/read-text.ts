import { isUtf8 } from 'node:buffer';
import { HybridStoreError } from '@hybridstore/runtime';
import { isPacked, type Piece, readPieces, readSlabs } from './packed-file.ts';
import type { Encoding, ReadOptions } from './row.ts';

/** Some of a text, cut anywhere, and how many bytes of the file were read when it came. */
export type TextPiece = { readonly text: string; readonly bytesRead: number };

type Decode = (bytes: Uint8Array, isLast: boolean) => string;
type Mark = { readonly bytes: readonly number[]; readonly encoding: Encoding };

const marks: readonly Mark[] = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
];

/** Places that windows-1252 leaves empty; the decoder of the platform passes them through as control characters. */
const emptyPlaces = /[\u0081\u008d\u008f\u0090\u009d]/;

/**
 * The text of a file, unpacked and without its byte order mark. Bytes that are none of the encoding end the reading: the
 * error names their line and their place in it, which a second pass finds, so that the first one has nothing to count.
 */
export async function* readText(path: string, options: ReadOptions): AsyncGenerator<TextPiece> {
  let decode: Decode | undefined;
  let encoding: Encoding = 'utf-8';
  let bytesRead = 0;
  try {
    for await (const piece of withLongStart(readPieces(path))) {
      let { bytes } = piece;
      if (decode === undefined) {
        const mark = marks.find((one) => one.bytes.every((byte, index) => bytes[index] === byte));
        encoding = chooseEncoding(path, mark, options);
        decode = decoderOf(encoding);
        if (mark?.encoding === encoding) bytes = bytes.subarray(mark.bytes.length);
      }
      bytesRead = piece.bytesRead;
      const text = decode(bytes, false);
      if (text !== '') yield { text, bytesRead };
    }
    const rest = decode?.(new Uint8Array(), true) ?? '';
    if (rest !== '') yield { text: rest, bytesRead };
  } catch (error) {
    if (error instanceof NotOfTheEncoding) throw await describeBadBytes(path, encoding);
    throw error;
  }
}

/** Whether the bytes of a file, unpacked, are UTF-8 from start to end. */
export async function isUtf8Text(path: string): Promise<boolean> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const bytes of (await isPacked(path)) ? unpacked(path) : readSlabs(path)) {
    // The character that the piece before has begun; a piece is longer than its rest.
    const from = rest.length === 0 ? 0 : Math.min(bytes.length, characterBytes(rest[0]!) - rest.length);
    if (from > 0) {
      rest = Buffer.concat([rest, bytes.subarray(0, from)]);
      if (from < bytes.length && !isUtf8(rest)) return false;
      if (from === bytes.length) continue;
    }
    const end = wholeCharacters(bytes);
    if (!isUtf8(bytes.subarray(from, end))) return false;
    rest = Buffer.from(bytes.subarray(Math.max(from, end)));
  }
  return isUtf8(rest);
}

async function* unpacked(path: string): AsyncGenerator<Buffer> {
  for await (const { bytes } of readPieces(path)) yield bytes;
}

/** By its first byte. */
function characterBytes(first: number): number {
  return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/** Without the beginning of a character whose other bytes are still to come. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte >= 0xc0) return bytes.length - back;
    if (byte < 0x80) break;
  }
  return bytes.length;
}

/** Reads a text to its end, so that nothing of it is sent when a byte of it is not of its encoding. */
export async function checkText(path: string, options: ReadOptions): Promise<void> {
  for await (const _ of readText(path, options));
}

/** As much as a byte order mark needs, in the first piece. */
async function* withLongStart(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
  let start: Buffer | undefined = Buffer.alloc(0);
  let bytesRead = 0;
  for await (const piece of pieces) {
    bytesRead = piece.bytesRead;
    if (start === undefined) yield piece;
    else {
      start = Buffer.concat([start, piece.bytes]);
      if (start.length < 4) continue;
      yield { bytes: start, bytesRead };
      start = undefined;
    }
  }
  if (start !== undefined && start.length > 0) yield { bytes: start, bytesRead };
}

function chooseEncoding(path: string, mark: Mark | undefined, { encoding, onNote }: ReadOptions): Encoding {
  if (encoding === 'utf-16') {
    if (mark === undefined || mark.encoding === 'utf-8')
      throw new HybridStoreError(
        'invalid_request',
        `${path}: --encoding: expected a byte order mark for utf-16, found none; utf-16le and utf-16be need none`,
        { field: '--encoding' },
      );
    return mark.encoding;
  }
  if (encoding !== undefined) return encoding;
  if (mark !== undefined && mark.encoding !== 'utf-8')
    onNote?.(`read as ${mark.encoding}, as its byte order mark says (--encoding names another)`);
  return mark?.encoding ?? 'utf-8';
}

class NotOfTheEncoding extends Error {}

function decoderOf(encoding: Encoding): Decode {
  if (encoding === 'latin1') return (bytes) => Buffer.from(bytes).toString('latin1');
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  return (bytes, isLast) => {
    let text: string;
    try {
      text = decoder.decode(bytes, { stream: !isLast });
    } catch {
      throw new NotOfTheEncoding();
    }
    if (encoding === 'windows-1252' && emptyPlaces.test(text)) throw new NotOfTheEncoding();
    return text;
  };
}

const lineBytesShownMax = 64 * 1024 * 1024;

/** Goes through the file line by line to the first bytes that cannot be decoded. */
async function describeBadBytes(path: string, encoding: Encoding): Promise<HybridStoreError> {
  let line = 1;
  let kept: Buffer = Buffer.alloc(0);
  for await (const { bytes } of readPieces(path)) {
    kept = Buffer.concat([kept, bytes]);
    for (;;) {
      const end = lineEnd(kept, encoding);
      if (end < 0) break;
      if (!isDecodable(kept.subarray(0, end), encoding, true))
        return badBytes(path, encoding, line, kept.subarray(0, end));
      kept = kept.subarray(end);
      line += 1;
    }
    if (kept.length > lineBytesShownMax) break;
  }
  return badBytes(path, encoding, line, kept);
}

/** Behind the first line feed; -1 when there is none. */
function lineEnd(bytes: Buffer, encoding: Encoding): number {
  if (!encoding.startsWith('utf-16')) return bytes.indexOf(0x0a) + 1 || -1;
  const [low, high] = encoding === 'utf-16be' ? [1, 0] : [0, 1];
  for (let at = 0; at + 1 < bytes.length; at += 2)
    if (bytes[at + low] === 0x0a && bytes[at + high] === 0) return at + 2;
  return -1;
}

function badBytes(path: string, encoding: Encoding, line: number, bytes: Buffer): HybridStoreError {
  const byte = firstBadByte(bytes, encoding);
  const found = bytes
    .subarray(byte - 1, byte)
    .toString('hex')
    .toUpperCase();
  return new HybridStoreError(
    'invalid_request',
    `${path}: line ${line}, byte ${byte}: expected ${encoding}, found ${found === '' ? 'the end of the file' : `0x${found}`}; --encoding names another encoding`,
    { line, byte, expected: encoding },
  );
}

/** Counted from 1: the first of the bytes that nothing behind them could make right. */
function firstBadByte(bytes: Buffer, encoding: Encoding): number {
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isDecodable(bytes.subarray(0, middle), encoding, false)) good = middle;
    else bad = middle;
  }
  // At most a few steps back, to the start of the character that is broken.
  while (good > 0 && !isDecodable(bytes.subarray(0, good), encoding, true)) good -= 1;
  return good + 1;
}

function isDecodable(bytes: Buffer, encoding: Encoding, isWhole: boolean): boolean {
  try {
    decoderOf(encoding)(bytes, isWhole);
    return true;
  } catch {
    // What the caller asks about.
    return false;
  }
}
