import { createWriteStream, globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { usageError } from '../usage-error.ts';
import { isPacked, readPieces } from './packed-file.ts';
import { withoutPacking } from './read-file.ts';

/** A file to load: `path` as messages name it, `content` where its bytes lie. */
export type FoundFile = { readonly path: string; readonly content: string; readonly size: number };

const filesMax = 10_000;
const standardInput = '-';
const pattern = /[*?[\]{}]/;

/**
 * The files that arguments name, in their order: paths, patterns (`data/*.csv`) that no shell has put files in place of,
 * and `-`. Standard input is kept in a temporary file until disposal, since a load begins with reading all of it.
 */
export class FoundFiles implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hybridstore-load-'));
  #kept = 0;

  async find(names: readonly string[], stdin: NodeJS.ReadableStream): Promise<readonly FoundFile[]> {
    if (names.filter((name) => name === standardInput).length > 1)
      throw usageError('FILE', 'expected - for standard input once, found it twice');
    const paths = names.flatMap((name) => (isPattern(name) ? matchesOf(name) : [name]));
    if (paths.length > filesMax) throw usageError('FILE', `expected at most ${filesMax} files, found ${paths.length}`);
    for (const path of paths) if (path !== standardInput) requireFile(path);
    const files: FoundFile[] = [];
    for (const path of paths) {
      const content = path === standardInput ? await this.#keep(stdin) : path;
      files.push({ path: path === standardInput ? 'standard input' : path, content, size: statSync(content).size });
    }
    return files;
  }

  /** The same file unpacked, for readers that go to and fro in it. */
  async unpack(file: FoundFile): Promise<FoundFile> {
    if (!(await isPacked(file.content))) return file;
    const content = await this.#keep(Readable.from(bytesOf(file.content)));
    return { ...file, content, size: statSync(content).size };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #keep(bytes: NodeJS.ReadableStream): Promise<string> {
    this.#kept += 1;
    const path = join(this.#folder, String(this.#kept));
    await pipeline(bytes, createWriteStream(path, { mode: 0o600 }));
    return path;
  }
}

/** The source that a file is for when no other is named. */
export function sourceNamedBy(path: string): string {
  return basename(withoutPacking(path))
    .replace(/\.[^.]+$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_');
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  for await (const { bytes } of readPieces(path)) yield bytes;
}

/** A file whose very name has brackets is that file. */
function isPattern(name: string): boolean {
  return pattern.test(name) && statSync(name, { throwIfNoEntry: false }) === undefined;
}

function matchesOf(name: string): readonly string[] {
  const paths = globSync(name)
    .filter((path) => statSync(path).isFile())
    .sort();
  if (paths.length === 0) throw usageError('FILE', `expected files that match ${name}, found none`);
  return paths;
}

function requireFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile())
    throw usageError('FILE', `expected a file, found ${stat ? 'something else' : 'nothing'} at ${path}`);
}
