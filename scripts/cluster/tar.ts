import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

const blockBytes = 512;
const nameBytesMax = 100;

/**
 * Writes tar streams (POSIX ustar with pax records for long paths) that depend on nothing but their entries: sorted
 * paths, owner root, time zero. Format: IEEE Std 1003.1-2017, "pax Interchange Format".
 */
export type TarEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer }
  /** The bytes of a file on disk. It must not change while the stream is written. */
  | { readonly kind: 'copy'; readonly path: string; readonly mode: number; readonly source: string };

/** Bytes of a tar archive. Folders that an entry lies in and that are not listed are added with mode 0755. */
export async function* writeTar(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of withParents(entries)) yield* writeEntry(entry);
  yield Buffer.alloc(2 * blockBytes);
}

/** The entries and their missing parents in the order of the archive. Two entries of one path are a mistake. */
export function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    if (!/^[^/]/.test(entry.path) || entry.path.split('/').includes('..')) {
      throw new Error(`expected a relative path without "..", got ${entry.path}`);
    }
    if (byPath.has(entry.path)) throw new Error(`two entries for ${entry.path}`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      if (!byPath.has(folder)) byPath.set(folder, { kind: 'folder', path: folder, mode: 0o755 });
    }
  }
  // Plain comparison, not the locale's: the order is part of the digest. "/" sorts below every letter, so parents lead.
  return [...byPath.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

async function* writeEntry(entry: TarEntry): AsyncGenerator<Buffer> {
  switch (entry.kind) {
    case 'folder':
      yield* writeHeader({ path: `${entry.path}/`, mode: entry.mode, type: '5', size: 0 });
      return;
    case 'link':
      yield* writeHeader({ path: entry.path, mode: 0o777, type: '2', size: 0, target: entry.target });
      return;
    case 'file':
      yield* writeHeader({ path: entry.path, mode: entry.mode, type: '0', size: entry.content.length });
      yield entry.content;
      yield padding(entry.content.length);
      return;
    case 'copy':
      yield* writeCopy(entry);
  }
}

async function* writeCopy(entry: TarEntry & { kind: 'copy' }): AsyncGenerator<Buffer> {
  const { size } = await stat(entry.source);
  yield* writeHeader({ path: entry.path, mode: entry.mode, type: '0', size });
  let written = 0;
  for await (const chunk of createReadStream(entry.source, { highWaterMark: 1 << 20 })) {
    written += chunk.length;
    yield chunk;
  }
  if (written !== size) throw new Error(`${entry.source} changed while it was read: ${size} bytes, then ${written}`);
  yield padding(size);
}

type Header = {
  readonly path: string;
  readonly mode: number;
  readonly type: '0' | '2' | '5' | 'x';
  readonly size: number;
  readonly target?: string;
};

function* writeHeader(header: Header): Generator<Buffer> {
  const target = header.target ?? '';
  const records = [
    ...(Buffer.byteLength(header.path) > nameBytesMax ? [paxRecord('path', header.path)] : []),
    ...(Buffer.byteLength(target) > nameBytesMax ? [paxRecord('linkpath', target)] : []),
  ];
  if (records.length > 0) {
    const content = Buffer.from(records.join(''));
    yield headerBlock({ path: 'pax', mode: 0o644, type: 'x', size: content.length });
    yield content;
    yield padding(content.length);
  }
  yield headerBlock(header);
}

/** A pax record begins with its own length, its digits included. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + 1;
  while (bytes + String(length).length !== length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

function headerBlock(header: Header): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, offset: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, '0'), offset);
  block.write(truncate(header.path), 0);
  octal(header.mode, 100, 7);
  octal(0, 108, 7); // Owner and group: root.
  octal(0, 116, 7);
  octal(header.size, 124, 11);
  octal(0, 136, 11); // Modified at the epoch.
  block.fill(' ', 148, 156); // The checksum counts itself as blanks.
  block.write(header.type, 156);
  block.write(truncate(header.target ?? ''), 157);
  block.write('ustar\u000000', 257);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write('\u0000 ', 154);
  return block;
}

/** What a reader without pax would see; bytes, because a cut may not split what the field holds. */
function truncate(text: string): string {
  return Buffer.byteLength(text) <= nameBytesMax ? text : 'long-path';
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}
