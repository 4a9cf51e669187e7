import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readScriptArguments } from './script-arguments.ts';

// `npm run format`: formats, and repairs what the linter can.
const { rest } = readScriptArguments(
  {
    call: 'npm run format --',
    does: 'Formats the code and repairs what the linter can.',
    rest: { name: 'PLACES', does: 'files and folders (default: all)' },
  },
  process.argv.slice(2),
);
const root = fileURLToPath(new URL('..', import.meta.url));
const places = rest.length === 0 ? ['.'] : rest;
const { status } = spawnSync(process.execPath, ['scripts/biome.ts', 'check', '--write', ...places], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(status ?? 1);
