import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { type BuiltEntry, build, listEntries, rewriteImportMeta, selectEntries } from '../../build.ts';
import { repositoryFolder } from '../layout.ts';

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A repository of the same shape as ours, with our packages, holding the given files. */
function createRepository(files: Record<string, string>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'build-test-')));
  folders.push(root);
  symlinkSync(join(repositoryFolder, 'node_modules'), join(root, 'node_modules'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function runBuilt(root: string, path: string): unknown {
  return JSON.parse(execFileSync(process.execPath, [join(root, 'dist', path)], { encoding: 'utf8' }));
}

const manifest = '{"type":"module"}';
const spawnerText = `
  import { execFileSync } from 'node:child_process';
  import { readFileSync } from 'node:fs';
  import { extname } from 'node:path';
  import { fileURLToPath } from 'node:url';
  const child = new URL(\`./child-main\${extname(import.meta.filename)}\`, import.meta.url);
  export const askChild = (): string => execFileSync(process.execPath, [fileURLToPath(child)], { encoding: 'utf8' });
  export const readAsset = (): string => readFileSync(new URL('../asset.txt', import.meta.url), 'utf8');
  if (import.meta.main) throw new Error('not the main module');
`;
const sampleService = {
  'services/sample/package.json': manifest,
  'services/sample/asset.txt': 'asset',
  'services/sample/src/main.ts': `
    import fastify from 'fastify';
    import { pino } from 'pino';
    import { askChild, readAsset } from './execute/spawner.ts';
    const server = fastify({ loggerInstance: pino({ level: 'silent' }) });
    server.get('/', { schema: { response: { 200: { type: 'object', properties: { ok: { type: 'boolean' } } } } } }, () => ({ ok: true }));
    const answer = (await server.inject('/')).json();
    console.log(JSON.stringify([answer, askChild().trim(), readAsset(), import.meta.main]));
  `,
  'services/sample/src/execute/spawner.ts': spawnerText.replace('../asset.txt', '../../asset.txt'),
  'services/sample/src/execute/child-main.ts': `
    import * as duckdb from '@duckdb/node-api';
    console.log(typeof duckdb.DuckDBInstance.create);
  `,
};

test('a bundled service serves, starts its child and reads its file at their own places', async () => {
  const root = createRepository(sampleService);
  const { entries } = await build({ root });
  assert.deepEqual(runBuilt(root, 'services/sample/src/main.js'), [{ ok: true }, 'function', 'asset', true]);
  assert.deepEqual(
    entries.map((entry) => [entry.source, entry.externals]),
    [
      ['services/sample/src/execute/child-main.ts', ['@duckdb/node-api']],
      ['services/sample/src/main.ts', []],
    ],
  );
  assert.ok(entries[1]?.outputs.includes('services/sample/asset.txt'));
});

test('every *main.ts below src is an entry, and nothing else is', () => {
  const root = createRepository({
    ...sampleService,
    'operator/package.json': manifest,
    'operator/src/embedded-main.ts': '',
    'operator/src/domain.ts': '',
    'operator/test/main.ts': '',
    'packages/x/package.json': manifest,
    'packages/x/src/work-main.ts': '',
    'packages/x/src/domain.ts': '',
  });
  assert.deepEqual(listEntries(root), [
    'operator/src/embedded-main.ts',
    'packages/x/src/work-main.ts',
    'services/sample/src/execute/child-main.ts',
    'services/sample/src/main.ts',
  ]);
});

test('an entry knows the workspaces that it holds a part of', async () => {
  const root = createRepository({
    'operator/package.json': manifest,
    'operator/src/main.ts': "export { engine } from '../../packages/engine/src/engine.ts';",
    'packages/engine/package.json': manifest,
    'packages/engine/src/engine.ts': 'export const engine = 1;',
    'packages/engine/src/writer-main.ts': 'console.log(1);',
    'packages/unused/package.json': manifest,
    'packages/unused/src/unused.ts': 'export const unused = 1;',
  });
  const { entries } = await build({ root, isWanted: (source) => source.startsWith('operator/') });
  assert.deepEqual(
    entries.map((entry) => [entry.source, entry.workspaces]),
    [['operator/src/main.ts', ['operator', 'packages/engine']]],
  );
});

const entryOf = (source: string, ...workspaces: string[]): BuiltEntry => ({
  source,
  workspaces,
  outputs: [],
  externals: [],
});

test('an image gets the wanted entries and the programs of what they hold, once each', () => {
  const entries = [
    entryOf('cli/src/main.ts', 'cli', 'packages/engine'),
    entryOf('packages/engine/src/writer-main.ts', 'packages/engine', 'packages/sql'),
    entryOf('packages/other/src/main.ts', 'packages/other'),
    entryOf('packages/sql/src/worker-main.ts', 'packages/sql'),
    entryOf('services/a/src/child-main.ts', 'services/a'),
    entryOf('services/a/src/main.ts', 'packages/engine', 'services/a'),
  ];
  const select = (start: string) => selectEntries(entries, (source) => source.startsWith(start));
  assert.deepEqual(
    select('services/').map((entry) => entry.source),
    [
      'packages/engine/src/writer-main.ts',
      // Not held by a service, but by a program that a service starts.
      'packages/sql/src/worker-main.ts',
      'services/a/src/child-main.ts',
      'services/a/src/main.ts',
    ],
  );
  assert.deepEqual(select('packages/other/'), [entries[2]]);
  assert.deepEqual(select('operator/'), []);
});

test('a workspace without a main fails the build, but the others are there', async () => {
  const root = createRepository({
    'services/empty/package.json': manifest,
    'services/full/package.json': manifest,
    'services/full/src/main.ts': 'console.log(1)',
  });
  await assert.rejects(build({ root }), /the rest was built\nservices\/empty has no src\/main\.ts$/);
  assert.ok(existsSync(join(root, 'dist/services/full/src/main.js')));
});

test('a program that would be missing from dist is refused', async () => {
  const root = createRepository({
    'services/sample/package.json': manifest,
    'services/sample/src/main.ts': "console.log(new URL('./worker.ts', import.meta.url))",
    'services/sample/src/worker.ts': '',
  });
  await assert.rejects(build({ root }), /services\/sample\/src\/main\.ts starts \.\/worker\.ts/);
});

test('a package that is not installed fails the build', async () => {
  const root = createRepository({
    'services/sample/package.json': manifest,
    'services/sample/src/main.ts': "import 'no-such-package';",
  });
  await assert.rejects(build({ root }), /no-such-package/);
});

test('only the entry itself is the main module', () => {
  const place = { fromBundle: 'a/b.js', isEntry: false };
  assert.equal(rewriteImportMeta('if (import.meta.main) run();', place), 'if (false) run();');
  assert.equal(rewriteImportMeta('import.meta.main', { ...place, isEntry: true }), 'import.meta.main');
  assert.equal(rewriteImportMeta('import.meta.url', place), 'new URL("./a/b.js", import.meta.url).href');
});
