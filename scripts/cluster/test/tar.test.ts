import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { TarEntry } from '../tar.ts';
import { collect, readTar } from './tar-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'tar-test-'));
after(() => rmSync(folder, { recursive: true }));

const file = (path: string, text = path): TarEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  content: Buffer.from(text),
});

test('the order of the entries does not change the bytes', async () => {
  const entries = [file('b/two'), file('a/one'), file('b/c/three')];
  assert.deepEqual(await collect(entries), await collect([...entries].reverse()));
});

test('folders that are not listed are added before what lies in them', async () => {
  const read = await readTar(await collect([file('a/b/c')]));
  assert.deepEqual(
    read.map(({ header }) => [header.name, header.type, header.mode]),
    [
      ['a/', 'directory', 0o755],
      ['a/b/', 'directory', 0o755],
      ['a/b/c', 'file', 0o644],
    ],
  );
});

test('a listed folder keeps its mode', async () => {
  const read = await readTar(await collect([{ kind: 'folder', path: 'tmp', mode: 0o1777 }, file('tmp/x')]));
  assert.equal(read[0]?.header.mode, 0o1777);
});

test('a path of more than 100 bytes survives', async () => {
  const path = `${'ä'.repeat(60)}/${'b'.repeat(90)}`;
  const read = await readTar(await collect([file(path, 'content')]));
  assert.equal(read.at(-1)?.header.name, path);
  assert.equal(read.at(-1)?.content.toString(), 'content');
});

test('a path survives whatever the number of digits of its length', async () => {
  for (const length of [80, 90, 91, 92, 93, 100, 101, 155, 255, 256, 990, 991]) {
    const read = await readTar(await collect([file('x'.repeat(length))]));
    assert.equal(read[0]?.header.name, 'x'.repeat(length));
  }
});

test('the bytes are those of the entries, whoever owns a file on disk and whenever it was written', async () => {
  const source = join(folder, 'dated');
  writeFileSync(source, 'dated', { mode: 0o600 });
  const entries: TarEntry[] = [
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'link', path: 'bin/sh', target: 'node' },
    file(`long/${'n'.repeat(120)}`, 'content'),
    { kind: 'copy', path: 'app/dated', mode: 0o755, source },
  ];
  // On every machine, and with the next version of the library too.
  const digest = '7ca6baff851bef615944f7d888032dc169d88cf4848c72f040bedb65019d8cc3';
  for (const seconds of [0, 1_700_000_000]) {
    utimesSync(source, seconds, seconds);
    assert.equal(
      createHash('sha256')
        .update(await collect(entries))
        .digest('hex'),
      digest,
    );
  }
});

test('a file on disk is copied whole, and the archive is a multiple of 512 bytes', async () => {
  const source = join(folder, 'source');
  const content = Buffer.alloc(3_000_001, 7);
  writeFileSync(source, content);
  const bytes = await collect([{ kind: 'copy', path: 'copy', mode: 0o755, source }]);
  assert.equal(bytes.length % 512, 0);
  assert.deepEqual((await readTar(bytes))[0]?.content, content);
});

test('a symbolic link names its target', async () => {
  const read = await readTar(await collect([{ kind: 'link', path: 'bin/sh', target: 'node' }]));
  assert.deepEqual([read[1]?.header.type, read[1]?.header.linkname], ['symlink', 'node']);
});

test('a file that is not as long as it was ends the archive with its name', async () => {
  // Its size is said to be 0.
  const copy: TarEntry = { kind: 'copy', path: 'version', mode: 0o644, source: '/proc/version' };
  await assert.rejects(collect([copy]), /version was not written whole/);
});

test('two entries of one path are refused', async () => {
  await assert.rejects(collect([file('a'), file('a')]), /two entries for a/);
});

test('paths that lead out of the archive are refused', async () => {
  for (const path of ['/etc/passwd', '../x', 'a/../../x', '']) {
    await assert.rejects(collect([file(path)]), /expected a relative path/);
  }
});
