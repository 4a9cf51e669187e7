#!/usr/bin/env node
// Starts the command line under Node 26 from the pinned npm package when the machine's own Node is older.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

if (Number(process.versions.node.split('.')[0]) >= 26) {
  await import(main);
} else {
  const packaged = createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`);
  const node = packaged.replace(/package\.json$/, 'bin/node');
  if (!existsSync(node)) {
    process.stderr.write(
      `hybridstore needs Node 26 or newer, found ${process.versions.node}; run npm ci to install it\n`,
    );
    process.exit(1);
  }
  const { status, signal } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(signal ? 130 : (status ?? 1));
}
