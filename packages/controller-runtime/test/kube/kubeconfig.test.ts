import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import { loadKubeConfig } from '../../src/kube/api-server/credentials.ts';

describe('the configuration of the API server', () => {
  const folder = createTemporaryFolder();
  const variables = ['KUBECONFIG', 'HOME'] as const;
  const saved = Object.fromEntries(variables.map((name) => [name, process.env[name]]));

  after(() => folder[Symbol.dispose]());
  beforeEach(() => {
    delete process.env['KUBECONFIG'];
    process.env['HOME'] = folder.path;
  });
  afterEach(() => {
    for (const name of variables)
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
  });

  function write(name: string, server: string, context = name): string {
    const path = join(folder.path, name);
    const named = { clusters: [{ name: 'cluster', cluster: { server } }], users: [{ name: 'user', user: {} }] };
    const contexts = [{ name: context, context: { cluster: 'cluster', user: 'user' } }];
    writeFileSync(path, JSON.stringify({ ...named, contexts, 'current-context': context }));
    return path;
  }

  it('is that of a file', () => {
    const config = loadKubeConfig(write('one', 'https://one:6443'));
    assert.equal(config.getCurrentCluster()?.server, 'https://one:6443');
  });

  it('is that of several files, of which the first that says something wins', () => {
    const paths = [write('one', 'https://one:6443'), write('two', 'https://two:6443')].join(delimiter);
    const config = loadKubeConfig(paths);
    assert.equal(config.getCurrentContext(), 'one');
    assert.equal(config.getCurrentCluster()?.server, 'https://one:6443');
    assert.deepEqual(
      config.contexts.map(({ name }) => name),
      ['one', 'two'],
    );
  });

  it('is refused by name when a file is missing or is no kubeconfig', () => {
    const missing = join(folder.path, 'missing');
    assert.throws(() => loadKubeConfig(missing), {
      code: 'invalid_request',
      message: new RegExp(`^KUBECONFIG: expected a readable kubeconfig file, found ${missing} \\(ENOENT`),
    });
    const broken = join(folder.path, 'broken');
    writeFileSync(broken, 'a: [');
    assert.throws(() => loadKubeConfig(broken), { code: 'invalid_request', message: /^KUBECONFIG: .*broken/ });
  });

  it('is asked for by name when no place has one', () => {
    assert.throws(() => loadKubeConfig(), {
      code: 'invalid_request',
      message: "KUBECONFIG: expected a kubeconfig there, in ~/.kube/config, or a pod's service account, found none",
    });
  });
});
