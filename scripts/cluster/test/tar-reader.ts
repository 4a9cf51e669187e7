import { type TarEntry, writeTar } from '../tar.ts';

/** Reads the tars that the tests check: an independent, small reader. */
export type ReadEntry = {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly target: string;
  readonly content: Buffer;
};

export async function collect(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function readTar(bytes: Buffer): ReadEntry[] {
  const entries: ReadEntry[] = [];
  let pax: Record<string, string> = {};
  for (let offset = 0; bytes[offset] !== 0; ) {
    const header = bytes.subarray(offset, offset + 512);
    const text = (start: number, length: number) =>
      header.toString('utf8', start, start + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 11), 8);
    const content = bytes.subarray(offset + 512, offset + 512 + size);
    const type = text(156, 1);
    if (type === 'x') {
      pax = Object.fromEntries([...content.toString().matchAll(/\d+ (\w+)=(.*)\n/g)].map((match) => match.slice(1, 3)));
    } else {
      const mode = Number.parseInt(text(100, 7), 8);
      entries.push({ path: pax.path ?? text(0, 100), type, mode, target: pax.linkpath ?? text(157, 100), content });
      pax = {};
    }
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}
