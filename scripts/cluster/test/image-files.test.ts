import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { folderFiles, isRuntimeFile, packageClosure, parseLdd } from '../image-files.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'image-files-test-')));
after(() => rmSync(root, { recursive: true }));

function install(place: string, manifest: object): void {
  mkdirSync(join(root, place), { recursive: true });
  writeFileSync(join(root, place, 'package.json'), JSON.stringify(manifest));
}

install('node_modules/addon', {
  dependencies: { loader: '1' },
  devDependencies: { tester: '1' },
  optionalDependencies: { '@addon/linux': '1', '@addon/windows': '1' },
});
install('node_modules/@addon/linux', {});
install('node_modules/loader', { dependencies: { deep: '1', addon: '1' } });
install('node_modules/loader/node_modules/deep', {});
install('node_modules/deep', {});
install('node_modules/tester', {});

test('the closure follows production dependencies to the place where each is installed', () => {
  const places = packageClosure(root, [{ name: 'addon', from: root }]).map((item) => item.place);
  assert.deepEqual(places, [
    'node_modules/@addon/linux',
    'node_modules/addon',
    'node_modules/loader',
    'node_modules/loader/node_modules/deep',
  ]);
});

test('a required package that is not installed is an error that names it', () => {
  assert.throws(() => packageClosure(root, [{ name: 'nowhere', from: root }]), /package nowhere, needed by .* npm ci/);
});

test('ldd gives the libraries and the loader', () => {
  const output = `	linux-vdso.so.1 (0x00007f804f2df000)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f804f1df000)
	/lib64/ld-linux-x86-64.so.2 (0x00007f804f2e1000)
`;
  assert.deepEqual(parseLdd(output, 'node'), ['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
});

test('a static binary needs no library', () => {
  assert.deepEqual(parseLdd('	not a dynamic executable\n', 'pause'), []);
});

test('a library that is missing on this machine is an error', () => {
  assert.throws(() => parseLdd('	libodd.so.1 => not found\n', 'addon.node'), /addon\.node needs .*libodd\.so\.1/);
});

test('an image gets what runs, not what documents, tests or compiles', () => {
  const prebuild = `prebuilds/linux-${process.arch}/x.glibc.node`;
  const wanted = ['index.js', 'lib/deep.cjs', 'package.json', 'LICENSE', 'dist/engine.wasm', prebuild];
  const unwanted = ['README.md', 'index.d.ts', 'a.js.map', 'src/a.cc', 'binding.gyp', 'test/a.js', 'Makefile'];
  const foreign = ['prebuilds/win32-x64/x.node', `prebuilds/linux-${process.arch}/x.musl.node`];
  assert.deepEqual(wanted.filter(isRuntimeFile), wanted);
  assert.deepEqual([...unwanted, ...foreign].filter(isRuntimeFile), []);
});

test('files of a folder keep their place and whether they can be executed', () => {
  const folder = join(root, 'tree');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin', 'run'), '', { mode: 0o700 });
  writeFileSync(join(folder, 'data'), '', { mode: 0o600 });
  const files = folderFiles(folder, 'app').map((entry) => [entry.path, 'mode' in entry && entry.mode]);
  assert.deepEqual(files, [
    ['app/bin/run', 0o755],
    ['app/data', 0o644],
  ]);
});
