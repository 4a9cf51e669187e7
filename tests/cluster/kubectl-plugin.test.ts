import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const run = promisify(execFile);
const cli = new URL('../../cli', import.meta.url).pathname;
const folder = createTemporaryFolder('plugins');
const bin = join(folder.path, 'bin');

before(() => {
  mkdirSync(bin);
  const manifest = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  for (const [name, path] of Object.entries(manifest.bin)) symlinkSync(join(cli, path), join(bin, name));
});
after(() => folder[Symbol.dispose]());

/** kubectl warns of a plugin that lies in two folders of the PATH, as it may in that of npm. */
const elsewhere = (process.env['PATH'] ?? '').split(':').filter((one) => !existsSync(join(one, 'kubectl-hybridstore')));

async function kubectl(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PATH: [bin, ...elsewhere].join(':') };
  return (await run('kubectl', args, { env })).stdout;
}

/** kubectl itself finds the programs by their names; `__complete` is what its completion scripts call. */
describe('kubectl hybridstore', () => {
  it('is among the plugins', async () => {
    assert.match(await kubectl('plugin', 'list'), /^.*\/kubectl-hybridstore$/m);
  });

  it('is the command line', async () => {
    const { stdout } = await run(process.execPath, [join(cli, 'bin/hybridstore.js'), 'load', '--help']);
    assert.equal(await kubectl('hybridstore', 'load', '--help'), stdout);
  });

  it('is completed by kubectl', async () => {
    assert.equal(await kubectl('__complete', 'hybridstore', 'get', 'ten'), 'tenants\n:0\n');
    assert.equal(await kubectl('__complete', 'hybridstore', 'completion', 'f'), 'fish\n:0\n');
  });
});
