import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { findTests, shareProcesses } from './find-tests.ts';
import { readScriptArguments } from './script-arguments.ts';

// `npm test`: unit, architecture and embedded end-to-end tests. Arguments narrow it down: `npm test -- packages/engine`.
const root = fileURLToPath(new URL('..', import.meta.url));
const everything = [
  ...['packages', 'operator', 'services', 'cli', 'scripts', 'bench'],
  ...['tests/architecture', 'tests/dialects', 'tests/files', 'tests/e2e'],
];
/** Of two cores: files wait for disks and children as often as they compute. */
const concurrency = 3;
const entryMsMax = 900_000;

const { rest: asked } = readScriptArguments(
  {
    call: 'npm test --',
    does: 'Runs unit, architecture and embedded end-to-end tests.',
    rest: { name: 'PLACES', does: 'folders, files or patterns of tests (default: all)' },
    variables: {
      UPDATE_GOLDEN: '1 writes what golden files should hold; the diff is the review',
      CI: 'set: what this machine lacks fails a test instead of leaving it out',
    },
  },
  process.argv.slice(2),
);
const { files, missing } = findTests(root, asked.length > 0 ? asked : everything);
if (missing.length > 0) {
  process.stderr.write(`expected folders or files with tests (*.test.ts), found none in ${missing.join(', ')}\n`);
  process.exit(1);
}
const cache = `${root}/node_modules/.cache`;
process.env['NODE_COMPILE_CACHE'] = `${cache}/node`;
run({ files: [...shareProcesses(root, files, `${cache}/tests`)], cwd: root, concurrency, timeout: entryMsMax })
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);
