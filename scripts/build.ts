import { existsSync, globSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle, formatMessages, type Metafile, type Plugin, transformSync } from 'esbuild';
import { readScriptArguments } from './script-arguments.ts';

/** Packages that load files of their own folder: addons, or WebAssembly. */
const externalPackages = [
  '@duckdb/node-api',
  '@duckdb/node-bindings',
  '@node-rs/argon2',
  '@polyglot-sql/sdk',
  'bcrypt',
];
/** Each of these has to have a `src/main.ts`; a missing one is an error, never an image without it. */
const workspaceFolders = ['services/*', 'operator', 'cli'];
/** Packages have programs too: children and workers of those who use them. */
const programFolders = [...workspaceFolders, 'packages/*'];
const entryPattern = 'src/**/*main.ts';

/** CommonJS packages inside an ES module still ask for these names. */
const bundleBanner = [
  "import { createRequire as $createRequire } from 'node:module';",
  'const require = $createRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join(' ');

/**
 * Bundles the services, the operator and the command line into `dist/`, one file per entry at the same relative place:
 * `services/tenant-node/src/execute/child/main.ts` becomes `dist/services/tenant-node/src/execute/child/main.js`.
 *
 * Entries are all `*main.ts` files below the `src` of a service, the operator, the command line and a package. Code that starts
 * another entry computes its path from `import.meta.url` with its own extension:
 *
 *     new URL(`./child-main${extname(import.meta.filename)}`, import.meta.url)
 *
 * That stays right inside a bundle, because `import.meta.url` (also `filename` and `dirname`) of each of our modules is
 * rewritten to the place where the module would lie if it had been built alone.
 *
 * Packages with native addons or WebAssembly stay outside; `BuiltEntry.externals` names those that an entry loads.
 */
export type BuildOptions = {
  /** The repository, or a folder of the same shape. */
  readonly root: string;
  /** Default: `dist` in the root. */
  readonly output?: string;
  /** Entries that are built; default all. */
  readonly isWanted?: IsWanted;
};

/** By an entry's source, relative to the root: `operator/src/main.ts`. */
export type IsWanted = (source: string) => boolean;

export type BuiltEntry = {
  /** Source file, relative to the root. */
  readonly source: string;
  /** Files that belong to it, relative to the output folder: the bundle, its map, and files read by it. */
  readonly outputs: readonly string[];
  /** Packages it loads from node_modules. */
  readonly externals: readonly string[];
  /** Our own workspaces of which it holds a part, sorted: `operator`, `packages/engine`. */
  readonly workspaces: readonly string[];
};

export type BuildResult = {
  readonly folder: string;
  readonly entries: readonly BuiltEntry[];
};

/** Builds everything anew. Entries that fail and workspaces without a main are named together, after the rest was built. */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const folder = options.output ?? join(options.root, 'dist');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const sources = listEntries(options.root).filter(options.isWanted ?? (() => true));
  const results = await Promise.allSettled(sources.map((source) => buildEntry({ root: options.root, folder, source })));
  await writeFile(join(folder, 'package.json'), '{"type":"module","private":true}\n');
  const failures = [
    ...results.flatMap((result, index) =>
      result.status === 'rejected' ? [`${sources[index]}: ${result.reason}`] : [],
    ),
    ...listWorkspaces(options.root)
      .filter((workspace) => !hasMain(options.root, workspace))
      .map((workspace) => `${workspace} has no src/main.ts`),
  ];
  if (failures.length > 0) throw new Error(`the build is not complete; the rest was built\n${failures.join('\n')}`);
  return { folder, entries: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])) };
}

/** A module's text as JavaScript, for a program that stands alone. */
export function withoutTypes(path: string): string {
  return transformSync(readFileSync(path, 'utf8'), { loader: 'ts' }).code;
}

function listWorkspaces(root: string, folders: readonly string[] = workspaceFolders): string[] {
  return globSync([...folders], { cwd: root })
    .filter((workspace) => existsSync(join(root, workspace, 'package.json')))
    .map(toSlashes)
    .sort();
}

function hasMain(root: string, workspace: string): boolean {
  return existsSync(join(root, workspace, 'src', 'main.ts'));
}

/** Source files of all entries, relative to the root, sorted. */
export function listEntries(root: string): string[] {
  const patterns = listWorkspaces(root, programFolders).map((workspace) => `${workspace}/${entryPattern}`);
  return globSync(patterns, { cwd: root })
    .map(toSlashes)
    .filter((path) => /(?:^|[/-])main\.ts$/.test(path))
    .sort();
}

type EntryOptions = {
  readonly root: string;
  readonly folder: string;
  readonly source: string;
};

async function buildEntry(options: EntryOptions): Promise<BuiltEntry> {
  const target = options.source.replace(/\.ts$/, '.js');
  const assets = new Map<string, string>();
  const result = await bundle({
    absWorkingDir: options.root,
    entryPoints: [options.source],
    outfile: join(options.folder, target),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    mainFields: ['module', 'main'],
    external: externalPackages,
    banner: { js: bundleBanner },
    sourcemap: 'linked',
    sourcesContent: false,
    keepNames: true,
    metafile: true,
    logLevel: 'silent',
    plugins: [keepPlaces(options, assets)],
  });
  for (const line of await formatMessages(result.warnings, { kind: 'warning' })) console.error(line);
  for (const [asset, place] of assets) await copyAsset(asset, join(options.folder, place));
  return {
    source: options.source,
    outputs: [target, `${target}.map`, ...assets.values()],
    externals: listExternals(result.metafile),
    workspaces: listParts(result.metafile),
  };
}

async function copyAsset(source: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
}

/** Keeps what our modules know about their own place true, and takes along the files that they name by it. */
function keepPlaces(options: EntryOptions, assets: Map<string, string>): Plugin {
  return {
    name: 'keep-places',
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const place = toSlashes(relative(options.root, path));
        if (place.startsWith('..') || place.includes('node_modules/')) return undefined;
        const text = await readFile(path, 'utf8');
        if (!text.includes('import.meta')) return undefined;
        for (const asset of namedFiles(text, path, options.root)) {
          assets.set(asset, toSlashes(relative(options.root, asset)));
        }
        const isEntry = place === options.source;
        const builtPlace = place.replace(/\.ts$/, '.js');
        const fromBundle = toSlashes(relative(dirname(options.source), builtPlace));
        return { contents: rewriteImportMeta(text, { fromBundle, isEntry }), loader: 'ts' };
      });
    },
  };
}

/**
 * Files that a module names by `new URL('…', import.meta.url)`. An entry is built on its own; any other program would be
 * missing from dist, so it is refused.
 */
function namedFiles(text: string, path: string, root: string): string[] {
  const literals = [...text.matchAll(/new URL\(\s*'([^'$]+)',\s*import\.meta\.url\s*,?\s*\)/g)].map(
    (match) => match[1],
  );
  return literals.flatMap((literal) => {
    const file = join(dirname(path), literal ?? '');
    if (literal === undefined || literal.endsWith('/') || !existsSync(file)) return [];
    if (!/\.[cm]?ts$/.test(file)) return [file];
    if (listEntries(root).includes(toSlashes(relative(root, file)))) return [];
    throw new Error(`${toSlashes(relative(root, path))} starts ${literal}; programs are called main.ts or *-main.ts`);
  });
}

/** The module's text with its `import.meta` expressions pointing from the bundle to the module's own place. */
export function rewriteImportMeta(text: string, place: { fromBundle: string; isEntry: boolean }): string {
  const url = `new URL(${JSON.stringify(`./${place.fromBundle}`)}, import.meta.url)`;
  const path = (suffix: string) => `process.getBuiltinModule('node:url').fileURLToPath(${suffix})`;
  return text.replaceAll(/\bimport\.meta\.(url|filename|dirname|main)\b/g, (expression, property) => {
    if (property === 'main') return place.isEntry ? expression : 'false';
    if (property === 'url') return `${url}.href`;
    return property === 'filename' ? path(url) : path(`new URL('.', ${url})`).replace(/$/, '.slice(0, -1)');
  });
}

/**
 * Packages that the bundle loads from node_modules. Others that esbuild calls external are optional ones that are not
 * installed, asked for inside try and catch (`bufferutil`, for one): without the catch they are an error of the build.
 */
function listExternals(metafile: Metafile): string[] {
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const names = imports
    .filter((item) => item.external)
    .map((item) => item.path.split('/', item.path.startsWith('@') ? 2 : 1).join('/'));
  return externalPackages.filter((name) => names.includes(name));
}

/** The workspaces of which a bundle holds a part, sorted. */
function listParts(metafile: Metafile): string[] {
  const workspaces = Object.keys(metafile.inputs).map(workspaceOf);
  return [...new Set(workspaces.filter((workspace) => workspace !== undefined))].sort();
}

/** `packages/engine` of `packages/engine/src/door.ts`; nothing for what is not ours. */
function workspaceOf(path: string): string | undefined {
  return /^(?:(?:packages|services)\/[^/]+|operator|cli)(?=\/)/.exec(path)?.[0];
}

/**
 * The entries of one image: those that are wanted, and the programs of the workspaces of which they hold a part, for code
 * of a workspace may start each of them.
 */
export function selectEntries(entries: readonly BuiltEntry[], isWanted: IsWanted): readonly BuiltEntry[] {
  let selected = entries.filter((entry) => isWanted(entry.source));
  for (;;) {
    const parts = new Set(selected.flatMap((entry) => entry.workspaces));
    const grown = entries.filter((entry) => selected.includes(entry) || parts.has(workspaceOf(entry.source) ?? ''));
    if (grown.length === selected.length) return selected;
    selected = grown;
  }
}

function toSlashes(path: string): string {
  return path.split(sep).join('/');
}

async function main(): Promise<void> {
  readScriptArguments(
    { call: 'npm run build --', does: 'Bundles services, operator and command line into dist/, one file an entry.' },
    process.argv.slice(2),
  );
  const root = fileURLToPath(new URL('..', import.meta.url));
  const { folder, entries } = await build({ root });
  for (const entry of entries) {
    const bytes = readFileSync(join(folder, entry.outputs[0] ?? '')).length;
    console.log(`${entry.source}  ${(bytes / 1024).toFixed(0)} KiB  ${entry.externals.join(' ')}`);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
