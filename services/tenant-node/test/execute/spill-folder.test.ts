import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type LogFields, silentLogger, systemDisk } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { prepareSpill } from '../../src/prepare-folders.ts';

const child = 'a'.repeat(32);
const spilled = 'duckdb_temp_storage_DEFAULT-0.tmp';

function createLogger() {
  const strangers: unknown[] = [];
  const warn = (event: string, fields?: LogFields) => {
    if (event === 'spill_stranger_stays') strangers.push(fields?.['path']);
  };
  return { strangers, logger: { ...silentLogger, warn } };
}

describe('the place where executors spill', () => {
  it('is made for its user alone, and closed to others where it was open', async () => {
    using folder = createTemporaryFolder('spill');
    const path = join(folder.path, 'spill');
    const config = { pod: 'acme-0', spill: { path, bytesMax: 7 } };
    const { logger } = createLogger();
    assert.deepEqual(await prepareSpill(systemDisk, config, logger), { path: join(path, 'acme-0'), bytesMax: 7 });
    assert.equal(statSync(join(path, 'acme-0')).mode & 0o777, 0o700);
    mkdirSync(join(path, 'acme-1'), { mode: 0o755 });
    await prepareSpill(systemDisk, { ...config, pod: 'acme-1' }, logger);
    assert.equal(statSync(join(path, 'acme-1')).mode & 0o777, 0o700);
  });

  it('is none where nothing may be spilled', async () => {
    assert.equal(await prepareSpill(systemDisk, { pod: 'acme-0', spill: undefined }, silentLogger), undefined);
  });

  it('loses at the start what killed executors left there, and nothing else', async () => {
    using folder = createTemporaryFolder('spill');
    const root = join(folder.path, 'spill', 'acme-0');
    const elsewhere = join(folder.path, 'elsewhere');
    const [first, second, linked] = ['a', 'b', 'c'].map((digit) => join(root, digit.repeat(32))) as [
      string,
      string,
      string,
    ];
    for (const made of [first, second, elsewhere, join(root, 'notes'), join(second, `${spilled}.d`)])
      mkdirSync(made, { recursive: true });
    for (const file of [
      join(first, spilled),
      join(first, 'duckdb_temp_block-4611.block'),
      join(second, spilled),
      join(second, 'thesis.txt'),
      join(root, 'notes', spilled),
      join(root, spilled),
      join(elsewhere, spilled),
    ])
      writeFileSync(file, 'x');
    symlinkSync(elsewhere, linked);
    symlinkSync(join(elsewhere, spilled), join(first, 'duckdb_temp_storage_S32K-0.tmp'));
    const { strangers, logger } = createLogger();
    await prepareSpill(systemDisk, { pod: 'acme-0', spill: { path: join(folder.path, 'spill'), bytesMax: 1 } }, logger);
    assert.equal(existsSync(first), false, 'with the link in it, but not what that leads to');
    assert.deepEqual(readdirSync(second).sort(), [`${spilled}.d`, 'thesis.txt']);
    assert.ok(lstatSync(linked).isSymbolicLink());
    assert.equal(readFileSync(join(elsewhere, spilled), 'utf8'), 'x');
    assert.deepEqual(readdirSync(root).sort(), ['b'.repeat(32), 'c'.repeat(32), spilled, 'notes'].sort());
    assert.deepEqual(readdirSync(join(root, 'notes')), [spilled]);
    assert.deepEqual(
      strangers.map((path) => String(path).replace(`${root}/`, '')).sort(),
      [`${'b'.repeat(32)}/${spilled}.d/`, `${'b'.repeat(32)}/thesis.txt`, 'c'.repeat(32), spilled, 'notes/'].sort(),
    );
  });

  it('leaves that of another node alone', async () => {
    using folder = createTemporaryFolder('spill');
    const path = join(folder.path, 'spill');
    mkdirSync(join(path, 'acme-1', child), { recursive: true });
    writeFileSync(join(path, 'acme-1', child, spilled), 'x');
    await prepareSpill(systemDisk, { pod: 'acme-0', spill: { path, bytesMax: 1 } }, silentLogger);
    assert.deepEqual(readdirSync(join(path, 'acme-1', child)), [spilled]);
  });

  for (const [what, place] of [
    ['a link', (path: string, target: string) => symlinkSync(target, path)],
    ['a file', (path: string) => writeFileSync(path, '')],
  ] as const)
    it(`is refused where ${what} has its name, and that stays`, async () => {
      using folder = createTemporaryFolder('spill');
      const path = join(folder.path, 'spill');
      const target = join(folder.path, 'target');
      for (const made of [path, join(target, child)]) mkdirSync(made, { recursive: true });
      writeFileSync(join(target, child, spilled), 'x');
      place(join(path, 'acme-0'), target);
      await assert.rejects(prepareSpill(systemDisk, { pod: 'acme-0', spill: { path, bytesMax: 1 } }, silentLogger), {
        code: 'invalid_request',
        message: `SPILL_PATH: expected a folder of this user, or nothing, at ${path}/acme-0, found a file or a link`,
      });
      assert.deepEqual(readdirSync(join(target, child)), [spilled]);
    });

  it('is refused where it cannot be written, naming the variable', async () => {
    await assert.rejects(
      prepareSpill(systemDisk, { pod: 'acme-0', spill: { path: '/proc/nowhere', bytesMax: 1 } }, silentLogger),
      { code: 'invalid_request', message: /^SPILL_PATH: expected a writable folder, found \/proc\/nowhere/ },
    );
  });
});
