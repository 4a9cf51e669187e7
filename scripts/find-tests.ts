import { globSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';

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
