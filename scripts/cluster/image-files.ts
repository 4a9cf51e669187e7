import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { run } from './run.ts';
import type { TarEntry } from './tar.ts';

const packagesMax = 200;

/** User and group of every container; has to be a number for the "restricted" pod security standard. */
export const imageUserId = 65532;

/**
 * Base of every image: accounts, resolver order, a place for temporary files. No shell, no certificates. On it lie the
 * Node binary, the shared libraries that it and the native addons need, packages and folders, as given below.
 */
export function baseFiles(): TarEntry[] {
  const id = imageUserId;
  const text = (path: string, content: string): TarEntry => ({
    kind: 'file',
    path,
    mode: 0o644,
    content: Buffer.from(content),
  });
  return [
    text('etc/passwd', `root:x:0:0:root:/:/nologin\nhybridstore:x:${id}:${id}:hybridstore:/app:/nologin\n`),
    text('etc/group', `root:x:0:\nhybridstore:x:${id}:\n`),
    text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
  ];
}

/**
 * Shared libraries that the given binaries load, as entries at the paths where the loader looks for them. Libraries that
 * lie beside an addon (found by its $ORIGIN) are not repeated. A library that is missing here is an error here.
 */
export async function libraryFiles(binaries: readonly string[]): Promise<TarEntry[]> {
  const outputs = await Promise.all(binaries.map((binary) => run('ldd', [realpathSync(binary)])));
  const paths = new Set(outputs.flatMap((output, index) => parseLdd(output, binaries[index] ?? '')));
  return [...paths]
    .filter((path) => !path.includes('/node_modules/'))
    .map((path) => ({ kind: 'copy', path: path.slice(1), mode: 0o755, source: realpathSync(path) }));
}

/** Absolute paths in the output of `ldd`: the libraries and the loader itself. */
export function parseLdd(output: string, binary: string): string[] {
  const lines = output.split('\n').map((line) => line.trim());
  const missing = lines.find((line) => line.includes('not found'));
  if (missing !== undefined) throw new Error(`${binary} needs a library that is missing: ${missing}`);
  return lines.flatMap((line) => {
    const match = /^(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line);
    return match?.[1] === undefined ? [] : [match[1]];
  });
}

/** All files below a folder, placed below `target`. Symbolic links are followed: an image has no other place to point to. */
export function folderFiles(
  folder: string,
  target: string,
  isWanted: (path: string) => boolean = () => true,
): TarEntry[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((path) => isWanted(path) && statSync(join(folder, path)).isFile())
    .map((path) => {
      const source = join(folder, path);
      const mode = statSync(source).mode & 0o111 ? 0o755 : 0o644;
      return { kind: 'copy', path: `${target}/${path}`, mode, source };
    });
}

type InstalledPackage = {
  readonly name: string;
  readonly folder: string;
  /** Place below the repository, for example `node_modules/bcrypt`; kept, so that resolution stays what it was. */
  readonly place: string;
};

/** A package as some folder of the repository would load it. */
type PackageRequest = {
  readonly name: string;
  readonly from: string;
};

/**
 * The requested packages and everything they depend on in production, as npm installed them below `root`. Optional
 * dependencies count when they are installed for this machine; a missing required one is an error.
 */
export function packageClosure(root: string, requests: readonly PackageRequest[]): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const visit = (name: string, from: string, isOptional: boolean): void => {
    const folder = findPackage(name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`package ${name}, needed by ${from}, is not installed; run npm ci`);
    }
    if (found.has(folder)) return;
    if (found.size >= packagesMax) throw new Error(`more than ${packagesMax} packages outside the bundles`);
    found.set(folder, { name, folder, place: relative(realpathSync(root), folder) });
    const manifest = readManifest(folder);
    for (const dependency of Object.keys(manifest.dependencies ?? {})) visit(dependency, folder, false);
    for (const dependency of Object.keys(manifest.optionalDependencies ?? {})) visit(dependency, folder, true);
  };
  for (const { name, from } of requests) visit(name, from, false);
  return [...found.values()].sort((left, right) => (left.place < right.place ? -1 : 1));
}

/** Folder of a package as Node would find it from `from`; by folders, since a package may not export its package.json. */
function findPackage(name: string, from: string): string | undefined {
  const places = createRequire(join(from, 'package.json')).resolve.paths(name) ?? [];
  const place = places.map((folder) => join(folder, name)).find((folder) => existsSync(join(folder, 'package.json')));
  return place === undefined ? undefined : realpathSync(place);
}

type Manifest = {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
};

function readManifest(folder: string): Manifest {
  // npm has read the same file before installing it.
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Files that a package needs at run time: no sources of the addons, types, documents, or binaries of other platforms. */
export function isRuntimeFile(path: string): boolean {
  const platform = `linux-${process.arch}`;
  const prebuild = /(?:^|\/)prebuilds\/([^/]+)\//.exec(path)?.[1];
  if (prebuild !== undefined && prebuild !== platform) return false;
  if (/\.musl\.node$|\.(?:d\.[cm]?ts|map|md|cc|cpp|h|gyp|gypi)$/.test(path)) return false;
  if (/(?:^|\/)(?:test|tests|examples|docs|node_modules|cdn)\//.test(path)) return false;
  return !/^(?:Dockerfile.*|Makefile|build-all\.sh)$/.test(basename(path));
}

/** Files of a closure at `app/node_modules/…`. */
export function packageFiles(packages: readonly InstalledPackage[]): TarEntry[] {
  return packages.flatMap((item) => folderFiles(item.folder, `app/${item.place}`, isRuntimeFile));
}

/** The native binaries among entries: what else has to be asked for its libraries. */
export function nativeBinaries(entries: readonly TarEntry[]): string[] {
  return entries.flatMap((entry) => (entry.kind === 'copy' && /\.(?:node|so)$/.test(entry.path) ? [entry.source] : []));
}

/** Path of the pinned Node of this machine's architecture. */
export function nodeBinaryPath(root: string): string {
  const path = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(path)) throw new Error(`expected the Node binary at ${dirname(path)}; run npm ci`);
  return path;
}
