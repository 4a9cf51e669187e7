import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type OciImage, writeOciArchive } from '../oci-archive.ts';
import type { TarEntry } from '../tar.ts';
import { readTar } from './tar-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'oci-test-'));
after(() => rmSync(folder, { recursive: true }));

const file = (path: string): TarEntry => ({ kind: 'file', path, mode: 0o644, content: Buffer.from(path) });

const image: OciImage = {
  reference: 'docker.io/hybridstore/sample:1.2.3',
  layers: [[file('usr/local/bin/node')], [file('app/main.js'), file('app/package.json')]],
  config: {
    entrypoint: ['/usr/local/bin/node', '/app/main.js'],
    user: '65532:65532',
    workingFolder: '/app',
    environment: { NODE_ENV: 'production' },
    labels: { 'org.opencontainers.image.title': 'sample' },
  },
};

/** Files of an archive by path, folders left out. */
async function readArchive(path: string): Promise<Map<string, Buffer>> {
  const entries = (await readTar(readFileSync(path))).filter(({ header }) => header.type === 'file');
  return new Map(entries.map(({ header, content }) => [header.name, content]));
}

function readBlob(files: Map<string, Buffer>, digest: string): Buffer {
  const blob = files.get(`blobs/${digest.replace(':', '/')}`);
  assert.ok(blob, `no blob ${digest}`);
  assert.equal(`sha256:${createHash('sha256').update(blob).digest('hex')}`, digest);
  return blob;
}

test('equal images are equal bytes', async () => {
  const [first, second] = [join(folder, 'first.tar'), join(folder, 'second.tar')];
  assert.equal(await writeOciArchive(first, image), await writeOciArchive(second, image));
  assert.deepEqual(readFileSync(first), readFileSync(second));
});

test('a changed file changes the digest', async () => {
  const changed = { ...image, layers: [image.layers[0] ?? [], [file('app/other.js')]] };
  const path = join(folder, 'changed.tar');
  assert.notEqual(await writeOciArchive(path, changed), await writeOciArchive(path, image));
});

test('the index leads to the manifest, the configuration and the layers, each under its own digest', async () => {
  const path = join(folder, 'layout.tar');
  const digest = await writeOciArchive(path, image);
  const files = await readArchive(path);
  assert.deepEqual(JSON.parse(String(files.get('oci-layout'))), { imageLayoutVersion: '1.0.0' });
  const [entry] = JSON.parse(String(files.get('index.json'))).manifests;
  assert.equal(entry.digest, digest);
  assert.equal(entry.annotations['io.containerd.image.name'], 'docker.io/hybridstore/sample:1.2.3');
  const manifest = JSON.parse(String(readBlob(files, digest)));
  const config = JSON.parse(String(readBlob(files, manifest.config.digest)));
  assert.deepEqual(
    config.rootfs.diff_ids,
    manifest.layers.map((layer: { digest: string }) => layer.digest),
  );
  const app = (await readTar(readBlob(files, manifest.layers[1].digest))).map(({ header }) => header.name);
  assert.deepEqual(app, ['app/', 'app/main.js', 'app/package.json']);
  assert.equal(files.size, 2 + 2 + manifest.layers.length);
});

test('the configuration says who runs what', async () => {
  const path = join(folder, 'config.tar');
  await writeOciArchive(path, image);
  const files = await readArchive(path);
  const configs = [...files.values()].map(String).filter((text) => text.includes('"rootfs"'));
  const { config, os, created } = JSON.parse(configs[0] ?? '');
  assert.deepEqual([os, created], ['linux', '1970-01-01T00:00:00Z']);
  assert.deepEqual(config, {
    User: '65532:65532',
    Env: ['NODE_ENV=production'],
    Entrypoint: ['/usr/local/bin/node', '/app/main.js'],
    WorkingDir: '/app',
    Labels: { 'org.opencontainers.image.title': 'sample' },
  });
});

test('a failed build leaves nothing behind', async () => {
  const missing: TarEntry = { kind: 'copy', path: 'x', mode: 0o644, source: join(folder, 'missing') };
  const path = join(folder, 'failed.tar');
  await assert.rejects(writeOciArchive(path, { ...image, layers: [[missing]] }), /ENOENT/);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('failed')),
    [],
  );
});
