import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

// The formatter and linter for this machine. Its usual front package asks for the builds of every platform, and a
// registry that lacks one of them makes `npm ci` refuse the whole lock file; this project needs Linux only.
const program = fileURLToPath(new URL(`../node_modules/@biomejs/cli-linux-${process.arch}/biome`, import.meta.url));
const { status, error } = spawnSync(program, process.argv.slice(2), { stdio: 'inherit' });
if (error) process.stderr.write(`biome cannot be started: ${error.message}\n`);
process.exit(status ?? 1);
