import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { paxRecord, type TarEntry } from '../tar.ts';
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
  const read = readTar(await collect([file('a/b/c')]));
  assert.deepEqual(
    read.map((entry) => [entry.path, entry.type, entry.mode]),
    [
      ['a/', '5', 0o755],
      ['a/b/', '5', 0o755],
      ['a/b/c', '0', 0o644],
    ],
  );
});

test('a listed folder keeps its mode', async () => {
  const read = readTar(await collect([{ kind: 'folder', path: 'tmp', mode: 0o1777 }, file('tmp/x')]));
  assert.equal(read[0]?.mode, 0o1777);
});

test('a path of more than 100 bytes survives', async () => {
  const path = `${'ä'.repeat(60)}/${'b'.repeat(90)}`;
  const read = readTar(await collect([file(path, 'content')]));
  assert.equal(read.at(-1)?.path, path);
  assert.equal(read.at(-1)?.content.toString(), 'content');
});

test('a pax record counts the digits of its own length', () => {
  assert.equal(paxRecord('path', 'x'), '9 path=x\n');
  for (const length of [80, 90, 91, 92, 93, 990, 991]) {
    const record = paxRecord('path', 'x'.repeat(length));
    assert.equal(Number.parseInt(record, 10), record.length);
  }
});

test('a file on disk is copied whole, and the archive is a multiple of 512 bytes', async () => {
  const source = join(folder, 'source');
  const content = Buffer.alloc(3_000_001, 7);
  writeFileSync(source, content);
  const bytes = await collect([{ kind: 'copy', path: 'copy', mode: 0o755, source }]);
  assert.equal(bytes.length % 512, 0);
  assert.deepEqual(readTar(bytes)[0]?.content, content);
});

test('a symbolic link names its target', async () => {
  const read = readTar(await collect([{ kind: 'link', path: 'bin/sh', target: 'node' }]));
  assert.deepEqual([read[1]?.type, read[1]?.target], ['2', 'node']);
});

test('two entries of one path are refused', async () => {
  await assert.rejects(collect([file('a'), file('a')]), /two entries for a/);
});

test('paths that lead out of the archive are refused', async () => {
  for (const path of ['/etc/passwd', '../x', 'a/../../x', '']) {
    await assert.rejects(collect([file(path)]), /expected a relative path/);
  }
});
