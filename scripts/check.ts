import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readScriptArguments } from './script-arguments.ts';

// `npm run check`: what the compiler, the linter and the generators have to say, the first refusal ending it.
readScriptArguments(
  {
    call: 'npm run check --',
    does: 'Checks types, lint and format, and that generated files are fresh; changes nothing.',
  },
  process.argv.slice(2),
);
const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const checks: readonly (readonly [program: string, ...args: string[]])[] = [
  [`${root}node_modules/.bin/tsc`, '-b'],
  [node, 'scripts/biome.ts', 'ci', '.'],
  [node, 'scripts/generate.ts', '--check'],
];
for (const [program, ...args] of checks) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error) process.stderr.write(`${program} cannot be started: ${error.message}\n`);
  if (status !== 0) process.exit(status ?? 1);
}
