import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildCrds, tenantResource } from '@hybridstore/contracts';
import {
  customResourceDefinitions,
  defineResource,
  type KubeObject,
  namespaces,
} from '@hybridstore/controller-runtime';
import { EmbeddedApiServer, startHttpFront, writeKubeConfig } from '@hybridstore/embedded-kubernetes';
import { silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';

/*
 * The programs of package.json as a shell finds them, in a home with a kubeconfig where kubectl looks for it.
 * tests/cluster/kubectl-plugin.test.ts calls them through kubectl itself.
 */

const execute = promisify(execFile);
const folder = createTemporaryFolder('kubectl-plugin');
const at = (name: string) => join(folder.path, name);
const cli = fileURLToPath(new URL('..', import.meta.url));
const commandMsMax = 60_000;
const token = 'secret';
let stopApi: () => Promise<void>;

before(async () => {
  for (const name of ['bin', 'home', 'home/.kube', 'here', 'here/hybridstore-data']) mkdirSync(at(name));
  const { bin } = JSON.parse(readFileSync(join(cli, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  for (const [name, path] of Object.entries(bin)) symlinkSync(join(cli, path), at(`bin/${name}`));
  // An embedded platform that happens to lie here, and of which nothing runs.
  writeFileSync(at('here/hybridstore-data/endpoints.json'), '{}');
  const api = new EmbeddedApiServer({ fieldManager: 'test', clock: new FakeClock() });
  const front = await startHttpFront({ api, token, logger: silentLogger });
  stopApi = front.close;
  const server = { server: front.url, token, certificate: front.certificate, name: 'test' };
  await writeKubeConfig(at('home/.kube/config'), server);
  await writeKubeConfig(at('elsewhere'), { ...server, token: 'wrong' });
  for (const definition of buildCrds())
    await api.apply(customResourceDefinitions, definition as Parameters<typeof api.apply>[1], { force: true });
  await api.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  const { apiVersion, kind, plural } = tenantResource;
  const tenants = defineResource<KubeObject>(apiVersion, kind, plural);
  const spec = { displayName: 'Acme', storage: { log: { size: '1Gi' }, data: { sharedVolume: { size: '1Gi' } } } };
  const tenant = { apiVersion, kind, metadata: { name: 'acme', namespace: 'default' }, spec };
  await api.apply(tenants, tenant, { force: true });
});
after(async () => {
  await stopApi();
  folder[Symbol.dispose]();
});

/** What a program of the name prints, called beside the data folder. */
async function run(name: string, args: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { PATH: `${at('bin')}:${process.env['PATH']}`, HOME: at('home'), ...variables };
  const { stdout } = await execute(name, args, { env, cwd: at('here'), timeout: commandMsMax });
  return stdout;
}

describe('the command line as a plugin of kubectl', () => {
  it('goes to the cluster of ~/.kube/config, whatever data folder lies here', async () => {
    assert.equal(await run('kubectl-hybridstore', ['get', 'tenants', '-o', 'name']), 'tenants/acme\n');
  });

  it('goes where KUBECONFIG says', async () => {
    const variables = { KUBECONFIG: at('elsewhere') };
    await assert.rejects(run('kubectl-hybridstore', ['get', 'tenants'], variables), /Unauthorized|unauthenticated/i);
  });

  it('completes commands, flags, their words and names of the cluster, one a line, and lets the shell add files', async () => {
    const complete = async (...words: readonly string[]) => {
      const lines = (await run('kubectl_complete-hybridstore', words)).split('\n');
      assert.deepEqual(lines.slice(-2), [':0', '']);
      return lines.slice(0, -2).sort();
    };
    assert.deepEqual(await complete('co'), ['completion']);
    assert.deepEqual(await complete('get', 'ten'), ['tenants']);
    assert.deepEqual(await complete('get', 'tenants', 'ac'), ['acme']);
    assert.deepEqual(await complete('query', '--dialect', ''), ['duckdb', 'mysql', 'postgresql']);
    assert.deepEqual(await complete('nothing'), []);
    assert.ok((await complete('')).includes('query'));
  });
});
