import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ending = '.test.ts';
const ignored = ['**/node_modules/**'];
/** These take a minute each. Begun first, none of them is left to run alone at the end while a core idles. */
const longest = ['tests/e2e/main.test.ts', 'services/tenant-node/test/node/'];

/**
 * The test files at `places`, the longest first: folders, files, or patterns of either, below the root. A place without
 * a test is a mistake, most likely of its name: `missing` has each as it was written, and nothing should run then.
 */
export function findTests(
  root: string,
  places: readonly string[],
): { readonly files: readonly string[]; readonly missing: readonly string[] } {
  const found = places.map((place) => ({ place, files: testsAt(root, place) }));
  const files = [...new Set(found.flatMap((one) => one.files))].sort();
  return {
    files: files.toSorted((a, b) => rank(a) - rank(b)),
    missing: found.filter((one) => one.files.length === 0).map((one) => one.place),
  };
}

function testsAt(root: string, place: string): readonly string[] {
  const path = relative(root, resolve(root, place));
  if (path.startsWith('..') || isAbsolute(path)) return [];
  const patterns = [path, path === '' ? `**/*${ending}` : `${path}/**/*${ending}`];
  return globSync(patterns, { cwd: root, exclude: ignored }).filter((file) => file.endsWith(ending));
}

function rank(file: string): number {
  const place = longest.findIndex((start) => file.startsWith(start));
  return place < 0 ? longest.length : place;
}

/** Workspaces whose tests look at nothing of their process but what they made themselves: all of them run in one. */
export const sharing = [
  'operator',
  'packages/sql',
  'packages/http',
  'packages/runtime',
  'packages/embedded-kubernetes',
  'packages/plan',
  'packages/controller-runtime',
  'packages/contracts',
  'services/auth-gateway',
  'services/metadata-catalog',
  'services/monitoring',
  'services/operation-node',
  'services/cbo-engine',
  'tests/architecture',
];

/**
 * What the runner is given instead of the files: each of its entries is a process, and to load the code once for each file
 * takes half of the time of such a workspace. An entry in `folder` imports the files of one workspace, in their order.
 */
export function shareProcesses(root: string, files: readonly string[], folder: string): readonly string[] {
  const workspaceOf = (file: string) => sharing.find((workspace) => file.startsWith(`${workspace}/`));
  const alone = files.filter((file) => workspaceOf(file) === undefined);
  mkdirSync(folder, { recursive: true });
  const shared = sharing.flatMap((workspace) => {
    const own = files.filter((file) => workspaceOf(file) === workspace);
    if (own.length < 2) return own;
    const entry = join(folder, `${workspace.replaceAll('/', '-')}.mjs`);
    const lines = own.map((file) => `import ${JSON.stringify(pathToFileURL(join(root, file)).href)};\n`);
    writeFileSync(entry, lines.join(''));
    return [entry];
  });
  const first = alone.filter((file) => rank(file) < longest.length);
  return [...first, ...shared, ...alone.slice(first.length)];
}
