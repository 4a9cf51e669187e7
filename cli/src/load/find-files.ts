import { createWriteStream, globSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HybridStoreError } from '@hybridstore/runtime';
import { usageError } from '../usage-error.ts';
import { isPacked, readPieces } from './packed-file.ts';
import { withoutPacking } from './read-file.ts';

/** A file to load: `path` as messages name it, `content` where its bytes lie. */
export type FoundFile = { readonly path: string; readonly content: string; readonly size: number };

const filesMax = 10_000;
const standardInput = '-';
/** Of what is free in the temporary folder: the rest is for everybody else who writes there. */
const temporaryShareMax = 0.9;
const pattern = /[*?[\]{}]/;

/**
 * The files that arguments name, in their order: paths, patterns (`data/*.csv`) that no shell has put files in place of,
 * and `-`. Standard input is kept in a temporary file until disposal, since a load begins with reading all of it.
 */
export class FoundFiles implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'hybridstore-load-'));
  readonly #signal: AbortSignal | undefined;
  readonly #bytesMax: (folder: string) => number;
  readonly #remove = () => rmSync(this.#folder, { recursive: true, force: true });
  #kept = 0;

  /** `signal` ends what is being kept; `bytesMax` says how much one more file may bring. */
  constructor(signal?: AbortSignal, bytesMax: (folder: string) => number = temporaryBytesMax) {
    this.#signal = signal;
    this.#bytesMax = bytesMax;
    process.once('exit', this.#remove);
  }

  async find(names: readonly string[], stdin: NodeJS.ReadableStream): Promise<readonly FoundFile[]> {
    if (names.filter((name) => name === standardInput).length > 1)
      throw usageError('FILE', 'expected - for standard input once, found it twice');
    const paths = names.flatMap((name) => (isPattern(name) ? matchesOf(name) : [name]));
    if (paths.length > filesMax) throw usageError('FILE', `expected at most ${filesMax} files, found ${paths.length}`);
    for (const path of paths) if (path !== standardInput) requireFile(path);
    const files: FoundFile[] = [];
    for (const path of paths) {
      const content = path === standardInput ? await this.#keep('standard input', stdin) : path;
      files.push({ path: path === standardInput ? 'standard input' : path, content, size: statSync(content).size });
    }
    return files;
  }

  /** The same file unpacked, for readers that go to and fro in it. */
  async unpack(file: FoundFile): Promise<FoundFile> {
    if (!(await isPacked(file.content))) return file;
    const content = await this.#keep(`${file.path}, unpacked`, Readable.from(bytesOf(file.content)));
    return { ...file, content, size: statSync(content).size };
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }

  async #keep(name: string, bytes: NodeJS.ReadableStream): Promise<string> {
    this.#kept += 1;
    const path = join(this.#folder, String(this.#kept));
    const file = createWriteStream(path, { mode: 0o600 });
    const options = this.#signal === undefined ? {} : { signal: this.#signal };
    await pipeline(bytes, bounded(name, this.#folder, this.#bytesMax(this.#folder)), file, options);
    return path;
  }
}

function temporaryBytesMax(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor(bavail * bsize * temporaryShareMax);
}

/** Passes bytes on up to a bound: a small packed file may hold more than any disk does. */
function bounded(name: string, folder: string, bytesMax: number) {
  return async function* (pieces: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer | string> {
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += Buffer.byteLength(piece);
      if (bytes > bytesMax) throw tooMuchToKeep(name, folder, { bytes, bytesMax });
      yield piece;
    }
  };
}

function tooMuchToKeep(
  name: string,
  folder: string,
  { bytes, bytesMax }: { readonly bytes: number; readonly bytesMax: number },
): HybridStoreError {
  return new HybridStoreError(
    'too_large',
    `${name}: expected at most ${bytesMax} bytes, ${temporaryShareMax * 100} % of what is free in ${dirname(folder)} (TMPDIR names another folder), found ${bytes} and more`,
    { bytes_max: bytesMax },
  );
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
