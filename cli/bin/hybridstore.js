#!/usr/bin/env node
// Starts the command line under Node 26 from the pinned npm package when the machine's own Node is older.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire, enableCompileCache } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** Compiled code, of this installation alone: a command begins in two thirds of the time. Where nothing can be written, without. */
const compiled = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= 26) {
  enableCompileCache(compiled);
  await import(main);
} else {
  const node = findNode();
  if (node === undefined) {
    process.stderr.write(
      `hybridstore needs Node 26 or newer, found ${process.versions.node}; run npm ci to install it\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: compiled, ...process.env },
  });
  // A terminal sends Ctrl-C to both; the child says what comes of it. Other signals are for this process only.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (status, signal) => process.exit(signal ? 128 + constants.signals[signal] : (status ?? 1)));
}

function findNode() {
  try {
    const packaged = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
    const node = packaged.replace(/package\.json$/, 'bin/node');
    return existsSync(node) ? node : undefined;
  } catch {
    // No package for this system.
    return undefined;
  }
}
