import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Pod, Secret, Stored, Volume } from '@hybridstore/controller-runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { prepareVolumes, type VolumeSources } from '../src/kubelet/volumes.ts';

const keys: Stored<Secret> = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys', namespace: 'default', uid: 'uid-keys', resourceVersion: '1' },
  data: { acme: Buffer.from('of acme').toString('base64'), globex: Buffer.from('of globex').toString('base64') },
};

describe('a volume of a Secret', () => {
  const folder = createTemporaryFolder('volumes');
  after(() => folder[Symbol.dispose]());

  const sources: VolumeSources = {
    configMap: () => undefined,
    secret: (namespace, name) => (namespace === 'default' && name === 'keys' ? keys : undefined),
    claim: () => undefined,
  };

  function prepare(secret: Volume['secret'] & object) {
    const pod: Stored<Pod> = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pod', namespace: 'default', uid: 'uid-pod', resourceVersion: '1' },
      spec: { containers: [{ name: 'main' }], volumes: [{ name: 'secret', secret }] },
    };
    return prepareVolumes(folder.path, join(folder.path, 'pod'), pod, sources);
  }

  it('holds the entries that it names and no other, for this user alone', () => {
    const { byName, missing } = prepare({ secretName: 'keys', items: [{ key: 'acme', path: 'secret' }] });
    const path = byName.get('secret') ?? '';
    assert.deepEqual([missing, readdirSync(path)], [[], ['secret']]);
    assert.equal(readFileSync(join(path, 'secret'), 'utf8'), 'of acme');
    assert.deepEqual(
      [path, join(path, 'secret')].map((name) => statSync(name).mode & 0o777),
      [0o700, 0o600],
    );
  });

  it('waits for an entry that the Secret does not have yet, unless it may be absent', () => {
    const items = [{ key: 'initech', path: 'secret' }];
    assert.deepEqual(prepare({ secretName: 'keys', items }).missing, ['initech of secret keys']);
    assert.deepEqual(prepare({ secretName: 'keys', items, optional: true }).missing, []);
    assert.deepEqual(prepare({ secretName: 'others', items }).missing, ['secret others']);
  });
});
