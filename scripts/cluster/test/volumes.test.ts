import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { layoutCluster } from '../layout.ts';
import { recycleReleased } from '../volume-recycler.ts';
import { createVolumeFolders, emptyVolumeFolder, listVolume, planVolumes, volumeObjects } from '../volumes.ts';

const folder = mkdtempSync(join(tmpdir(), 'volumes-test-'));
after(() => rmSync(folder, { recursive: true }));
const layout = layoutCluster(folder);

test('volumes of a node alternate between the nodes, the others are reachable from both', () => {
  const plans = planVolumes(layout, { rwo: 3, net: 1, rwx: 1 }).map((plan) => [plan.name, plan.nodes.join('+')]);
  assert.deepEqual(plans, [
    ['rwo-01', 'node-1'],
    ['rwo-02', 'node-2'],
    ['rwo-03', 'node-1'],
    ['net-01', 'node-1+node-2'],
    ['rwx-01', 'node-1+node-2'],
  ]);
});

test('a count that is no whole number from 0 to 500 is refused', () => {
  for (const rwo of [-1, 1.5, Number.NaN, 501]) {
    assert.throws(() => planVolumes(layout, { rwo, net: 0, rwx: 0 }), /expected 0 to 500 volumes/);
  }
});

test('exactly one class is the default, and its volumes can move with their pods', () => {
  const objects = JSON.parse(JSON.stringify(volumeObjects(layout, { rwo: 0, net: 0, rwx: 0 })));
  const annotation = 'storageclass.kubernetes.io/is-default-class';
  const defaults = objects.filter(
    (object: { kind: string; metadata: { annotations?: Record<string, string> } }) =>
      object.kind === 'StorageClass' && object.metadata.annotations?.[annotation] === 'true',
  );
  assert.deepEqual(
    defaults.map((object: { metadata: { name: string } }) => object.metadata.name),
    ['network-rwo'],
  );
});

test('a volume’s folder is emptied and stays writable for every user', () => {
  createVolumeFolders(layout, { rwo: 1, net: 0, rwx: 0 });
  const path = join(layout.volumeFolder, 'rwo-01');
  writeFileSync(join(path, 'data'), 'x');
  assert.deepEqual(listVolume(layout, 'rwo-01'), ['data']);
  emptyVolumeFolder(layout, path);
  assert.deepEqual(listVolume(layout, 'rwo-01'), []);
  assert.equal(statSync(path).mode & 0o777, 0o777);
});

test('nothing but a volume’s folder is ever emptied', () => {
  for (const path of ['/', folder, layout.volumeFolder, join(layout.volumeFolder, 'rwo-01', 'x'), '/etc/rwo-01']) {
    assert.throws(() => emptyVolumeFolder(layout, path), /expected a volume below/);
  }
});

test('only released volumes are emptied, and each is freed under the version that was seen', async () => {
  const volume = (name: string, phase: string) => ({
    metadata: { name, resourceVersion: `${name}-7` },
    spec: { local: { path: `/v/${name}` } },
    status: { phase },
  });
  const patches: unknown[] = [];
  const emptied: string[] = [];
  const items = [volume('rwo-01', 'Bound'), volume('rwo-02', 'Released'), volume('rwo-03', 'Available')];
  const call = async (method: string, path: string, body?: object) => {
    if (method === 'PATCH') patches.push({ path, body });
    return { items };
  };
  assert.deepEqual(await recycleReleased(call, (path) => emptied.push(path)), ['rwo-02']);
  assert.deepEqual(emptied, ['/v/rwo-02']);
  assert.deepEqual(patches, [
    {
      path: '/api/v1/persistentvolumes/rwo-02',
      body: { metadata: { resourceVersion: 'rwo-02-7' }, spec: { claimRef: null } },
    },
  ]);
});
