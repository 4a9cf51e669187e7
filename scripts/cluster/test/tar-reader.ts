import { extract, type Header } from 'tar-stream';
import { type TarEntry, writeTar } from '../tar.ts';

/** An entry of a tar as a reader gets it: its header and its bytes. */
export type ReadEntry = { readonly header: Header; readonly content: Buffer };

export async function collect(entries: readonly TarEntry[]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(writeTar(entries)));
}

export async function readTar(bytes: Buffer): Promise<ReadEntry[]> {
  const archive = extract();
  archive.end(bytes);
  const entries: ReadEntry[] = [];
  for await (const entry of archive) {
    const chunks = await Array.fromAsync(entry as AsyncIterable<Buffer>); // its type does not say of what it is a stream
    entries.push({ header: entry.header, content: Buffer.concat(chunks) });
  }
  return entries;
}
