import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BuildReader, parseStalePackages } from '../go-build.ts';
import { run, tryRun } from '../run.ts';

const listed = 'fmt \nk8s.io/api/core/v1 k8s.io/api\nk8s.io/api/apps/v1 k8s.io/api\nexample.com/own example.com/own\n';

test('a build says of which module the package is that it compiles, and how many are behind it', () => {
  const reader = new BuildReader();
  reader.expect(parseStalePackages(listed));
  assert.deepEqual(reader.read('fmt\nk8s.io/api/core/v1\n'), [
    'Go itself, package 1 of 4',
    'k8s.io/api, package 2 of 4',
  ]);
  assert.deepEqual(reader.read('k8s.io/api/apps/v1\nexample.com/own\n'), [
    'k8s.io/api, package 3 of 4',
    'example.com/own, package 4 of 4',
  ]);
});

test('output that ends within a line is read when the line is whole', () => {
  const reader = new BuildReader();
  reader.expect(parseStalePackages(listed));
  assert.deepEqual(reader.read('k8s.io/api/co'), []);
  assert.deepEqual(reader.read('re/v1\nk8s.io'), ['k8s.io/api, package 1 of 4']);
});

test('a download is said by its module; warnings and compilers’ words are no packages', () => {
  const reader = new BuildReader();
  reader.expect(parseStalePackages(listed));
  assert.deepEqual(reader.read('go: downloading k8s.io/api v0.35.4\n'), ['downloads k8s.io/api v0.35.4']);
  assert.deepEqual(reader.read('./main.go:7:2: undefined: x\n\n# example.com/own\n'), []);
});

test('a package that is named twice counts once', () => {
  const reader = new BuildReader();
  reader.expect(parseStalePackages(listed));
  assert.deepEqual(reader.read('fmt\nfmt\n'), ['Go itself, package 1 of 4', 'Go itself, package 1 of 4']);
});

test('a command that goes on saying something is not ended by the bound on its silence', async () => {
  const talks = 'for i in $(seq 60); do echo $i; sleep 0.05; done';
  assert.match(await run('sh', ['-c', talks], { silenceMs: 2_000 }), /^60$/m);
});

test('a command that says nothing any more is ended', { timeout: 20_000 }, async () => {
  const result = await tryRun('sh', ['-c', 'echo begun; exec sleep 60'], { silenceMs: 500 });
  assert.deepEqual([result.code, result.stdout], [137, 'begun\n']);
});
