import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const launcher = fileURLToPath(new URL('../cluster/image/launch.ts', import.meta.url));
const mebibyte = 1024 ** 2;

describe('the launcher of the services image', () => {
  const folder = createTemporaryFolder('launch');
  const program = join(folder.path, 'launch.ts');

  before(() => {
    const service = join(folder.path, 'services', 'tenant-node', 'src');
    mkdirSync(service, { recursive: true });
    copyFileSync(launcher, program);
    const says = '[process.pid, process.argv.slice(2), require("v8").getHeapStatistics().heap_size_limit]';
    writeFileSync(join(service, 'main.js'), `console.log(JSON.stringify(${says}));`);
  });
  after(() => folder[Symbol.dispose]());

  const launch = (memory: string | undefined): [number, string[], number] =>
    JSON.parse(
      execFileSync(process.execPath, [program, 'tenant-node', 'more'], {
        env: memory === undefined ? {} : { MEMORY_BYTES_MAX: memory },
        encoding: 'utf8',
      }),
    );

  it('becomes the service, with the arguments behind its name', () => {
    assert.deepEqual(launch(undefined)[1], ['more']);
  });

  it('gives it a quarter of the memory as heap, and Node its own bound where there is none', () => {
    const free = launch(undefined)[2];
    for (const [memory, mib] of [
      [2_048, 512],
      [1_024, 256],
      [256, 128],
    ] as const) {
      const limit = launch(String(memory * mebibyte))[2];
      // Node adds room for what is young.
      assert.ok(limit >= mib * mebibyte && limit <= (mib + 128) * mebibyte && limit < free, `${memory}: ${limit}`);
    }
  });

  it('says which services there are where it is given none of them', () => {
    const { status, stderr } = spawnSync(process.execPath, [program, '../tenant-node'], { encoding: 'utf8' });
    assert.equal(status, 64);
    assert.match(stderr, /expected the name of a service as first argument \(tenant-node\), found "..\/tenant-node"/);
  });
});
