import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

// `npm test`: unit, architecture and embedded end-to-end tests. Arguments narrow it down: `npm test -- services/tenant-node`.
const root = fileURLToPath(new URL('..', import.meta.url));
const everything = ['packages', 'operator', 'services', 'cli', 'scripts', 'bench', 'tests/architecture', 'tests/e2e'];
/** Of two cores: files wait for disks and children as often as they compute. */
const concurrency = 3;
const fileMsMax = 600_000;
/** These take a minute each. Begun first, none of them is left to run alone at the end while a core idles. */
const longest = ['tests/e2e/main.test.ts', 'services/tenant-node/test/node/'];

const files = findTests(process.argv.slice(2));
if (files.length === 0) {
  process.stderr.write(`no test file matches: ${process.argv.slice(2).join(' ')}\n`);
  process.exit(1);
}
process.env['NODE_COMPILE_CACHE'] = `${root}/node_modules/.cache/node`;
run({ files, cwd: root, concurrency, timeout: fileMsMax })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);

function findTests(places: readonly string[]): string[] {
  const patterns = (places.length > 0 ? places : everything).map((place) =>
    place.endsWith('.ts') ? place : `${place}/**/*.test.ts`,
  );
  const found = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).sort();
  return found.toSorted((a, b) => rank(a) - rank(b));
}

function rank(file: string): number {
  const place = longest.findIndex((start) => file.startsWith(start));
  return place < 0 ? longest.length : place;
}
