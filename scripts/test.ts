import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// `npm test`: unit, architecture and embedded end-to-end tests. Arguments narrow it down: `npm test -- services/tenant-node`.
const root = fileURLToPath(new URL('..', import.meta.url));
const everything = ['packages', 'operator', 'services', 'cli', 'scripts', 'bench', 'tests/architecture', 'tests/e2e'];
const places = process.argv.slice(2);
const patterns = (places.length > 0 ? places : everything).map((place) =>
  place.endsWith('.ts') ? place : `${place}/**/*.test.ts`,
);

const child = spawn(process.execPath, ['--test', '--test-concurrency=2', '--test-timeout=600000', ...patterns], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, NODE_COMPILE_CACHE: `${root}/node_modules/.cache/node` },
});
child.on('exit', (code) => process.exit(code ?? 1));
