import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Header, type Pack, pack } from 'tar-stream';

const readBytes = 1 << 20;

/**
 * Entries of tar archives that depend on nothing but their entries: sorted paths, owner root, time zero. What a file on
 * disk says of its owner and its time stays out, so that equal input gives equal bytes and an image its digest.
 */
export type TarEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Buffer }
  /** The bytes of a file on disk. It must not change while the archive is written. */
  | { readonly kind: 'copy'; readonly path: string; readonly mode: number; readonly source: string };

/** Bytes of a tar archive. Folders that an entry lies in and that are not listed are added with mode 0755. */
export async function* writeTar(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  const sorted = withParents(entries);
  const archive = pack();
  const failure = addEntries(archive, sorted).then(
    () => undefined,
    (error: Error) => {
      archive.destroy(error);
      return error;
    },
  );
  try {
    yield* archive as AsyncIterable<Buffer>; // its type does not say of what it is a stream
  } catch (error) {
    // The stream knows that an entry broke off, and its writer which one.
    throw (await failure) ?? error;
  }
}

/** The entries and their missing parents in the order of the archive. Two entries of one path are a mistake. */
export function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const byPath = new Map<string, TarEntry>();
  for (const entry of entries) {
    if (!/^[^/]/.test(entry.path) || entry.path.split('/').includes('..')) {
      throw new Error(`expected a relative path without "..", found ${entry.path}`);
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

async function addEntries(archive: Pack, entries: readonly TarEntry[]): Promise<void> {
  for (const entry of entries) await addEntry(archive, entry);
  archive.finalize();
}

async function addEntry(archive: Pack, entry: TarEntry): Promise<void> {
  const header = { ...headerOf(entry), mtime: new Date(0), size: await sizeOf(entry) };
  await new Promise<void>((resolve, reject) => {
    const sink = archive.entry(header, (cause) => {
      if (cause) reject(new Error(`${entry.path} was not written whole: ${cause.message}`, { cause }));
      else resolve();
    });
    // The callback has it too; without a listener it would end the process.
    sink.on('error', () => {});
    if (entry.kind === 'file') sink.end(entry.content);
    if (entry.kind === 'copy')
      createReadStream(entry.source, { highWaterMark: readBytes })
        .on('error', (error) => sink.destroy(error))
        .pipe(sink);
  });
}

function headerOf(entry: TarEntry): Pick<Header, 'name' | 'type' | 'mode'> & Partial<Header> {
  switch (entry.kind) {
    case 'folder':
      return { name: `${entry.path}/`, type: 'directory', mode: entry.mode };
    case 'link':
      return { name: entry.path, type: 'symlink', mode: 0o777, linkname: entry.target };
    default:
      return { name: entry.path, type: 'file', mode: entry.mode };
  }
}

async function sizeOf(entry: TarEntry): Promise<number> {
  if (entry.kind === 'copy') return (await stat(entry.source)).size;
  return entry.kind === 'file' ? entry.content.length : 0;
}
