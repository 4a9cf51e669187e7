import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const script = join(root, 'scripts', 'kind-up.ts');

type Volume = {
  readonly kind: string;
  readonly spec?: { readonly accessModes: string[]; readonly local: { readonly path: string } };
};
type KindNode = { readonly role: string; readonly extraMounts: { hostPath: string; containerPath: string }[] };

/** Programs that note how they were called stand for Docker, kind, kubectl and helm, which not every machine has. */
describe('kind:up', () => {
  let folder: string;
  const log = () => readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kind-up-'));
    for (const program of ['docker', 'kind', 'kubectl', 'helm']) fake(program, '');
  });
  after(() => rmSync(folder, { recursive: true }));

  function fake(program: string, body: string): void {
    const path = join(folder, program);
    const note = `echo "${program} $*" >> ${folder}/log`;
    const input = `case "$*" in *"-f -"*) /bin/cat > ${folder}/applied;; esac`;
    writeFileSync(path, `#!/bin/sh\n${note}\n${input}\n${body}\n`);
    chmodSync(path, 0o755);
  }

  function start(): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    writeFileSync(join(folder, 'log'), '');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
      encoding: 'utf8',
      env: { PATH: folder },
    });
    return { status, stdout, stderr };
  }

  it('makes a cluster, images, shared volumes, the release and the example tenant, in this order', () => {
    const { status, stdout } = start();
    assert.equal(status, 0, stdout);
    assert.deepEqual(
      log().map((line) =>
        line
          .split(' ')
          .slice(0, line.startsWith('kubectl') ? 4 : 3)
          .join(' '),
      ),
      [
        'kind get clusters',
        'kind create cluster',
        'docker build --target',
        'docker build --target',
        'kind load docker-image',
        'kubectl --context kind-hybridstore apply',
        'helm upgrade --install',
        'kubectl --context kind-hybridstore apply',
        'kubectl --context kind-hybridstore wait',
      ],
    );
    assert.match(stdout, /ready: /);
  });

  it('gives volumes for the tables of several tenants, in a folder that every node mounts', () => {
    const { items } = JSON.parse(readFileSync(join(folder, 'applied'), 'utf8')) as { items: Volume[] };
    const volumes = items.filter(({ kind }) => kind === 'PersistentVolume');
    assert.equal(volumes.length, 12);
    const { nodes } = parse(readFileSync(join(root, 'kind-config.yaml'), 'utf8')) as { nodes: KindNode[] };
    assert.deepEqual(
      nodes.map(({ role }) => role),
      ['control-plane', 'worker'],
    );
    for (const { extraMounts } of nodes)
      for (const { spec } of volumes) {
        const [mount] = extraMounts;
        assert.ok(mount !== undefined && spec !== undefined);
        assert.deepEqual(spec.accessModes, ['ReadWriteMany']);
        assert.ok(spec.local.path.startsWith(`${mount.containerPath}/`));
        const onHost = join(root, mount.hostPath, spec.local.path.slice(mount.containerPath.length));
        assert.equal(statSync(onHost).mode & 0o777, 0o777);
      }
  });

  it('keeps a cluster that is there', () => {
    fake('kind', 'test "$1" != get || echo hybridstore');
    assert.equal(start().status, 0);
    assert.ok(!log().some((line) => line.startsWith('kind create')));
  });

  it('stops at the first program that fails, and names it', () => {
    fake('docker', 'exit 3');
    const { status, stderr } = start();
    assert.equal(status, 1);
    assert.equal(stderr, 'docker ended with 3\n');
    assert.ok(!log().some((line) => line.startsWith('helm')));
  });

  it('names a program that is missing', () => {
    rmSync(join(folder, 'docker'));
    const { status, stderr } = start();
    assert.equal(status, 1);
    assert.match(stderr, /^docker is needed and cannot be started: .*ENOENT/);
  });
});
