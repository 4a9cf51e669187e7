import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** What the operator says when it cannot start: one line that names the variable, and nothing was asked of the API server. */
describe('a start of the operator', { concurrency: true }, () => {
  const folder = createTemporaryFolder();
  const kubeconfig = join(folder.path, 'kubeconfig');
  let server: Server;
  let port: number;
  let calls = 0;

  before(async () => {
    server = createServer((_, response) => {
      calls += 1;
      response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
    const cluster = { name: 'it', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } };
    const context = { name: 'it', context: { cluster: 'it', user: 'it' } };
    const users = [{ name: 'it', user: {} }];
    writeFileSync(
      kubeconfig,
      JSON.stringify({ clusters: [cluster], users, contexts: [context], 'current-context': 'it' }),
    );
  });
  after(async () => {
    folder[Symbol.dispose]();
    await new Promise((resolve) => server.close(resolve));
  });

  const refused: readonly [what: string, variables: () => Record<string, string>, expected: RegExp][] = [
    ['without a cluster', () => ({}), /KUBECONFIG: expected a kubeconfig there, .*, found none/],
    [
      'at a port in use',
      () => ({ KUBECONFIG: kubeconfig, HOST: '127.0.0.1', PORT: String(port) }),
      /PORT: expected a free port, found \d+, which is in use on 127\.0\.0\.1/,
    ],
    [
      'with more namespaces than it can watch',
      () => ({
        KUBECONFIG: kubeconfig,
        WATCH_NAMESPACES: Array.from({ length: 17 }, (_, index) => `n${index}`).join(),
      }),
      /WATCH_NAMESPACES: expected at most 16 namespaces, or none for all, found 17/,
    ],
    [
      'with settings that cannot be read',
      () => ({ KUBECONFIG: kubeconfig, SETTINGS_FILE: '/nothing/here' }),
      /SETTINGS_FILE: expected a readable file, found \/nothing\/here/,
    ],
  ];
  for (const [what, variables, expected] of refused)
    it(`is refused ${what}`, async () => {
      const { code, stderr } = await start({ HOME: folder.path, ...variables() });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^operator cannot start: ${expected.source} \\(invalid_request\\)\n$`));
      assert.equal(calls, 0);
    });
});

function start(env: Readonly<Record<string, string>>): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr })));
}
