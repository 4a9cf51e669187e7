import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Starts the real process; `exited` has its code and what it wrote, `line` waits for a log entry. */
function start(variables: Record<string, string>) {
  const child = spawn(process.execPath, [main], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const exited = once(child, 'close').then(([code]) => ({ code: code as number | null, output, errors }));
  const line = async (event: string): Promise<void> => {
    while (!output.includes(`"event":"${event}"`)) await Promise.race([once(child.stdout, 'data'), exited]);
  };
  return { child, exited, line };
}

function variables(folder: string): Record<string, string> {
  return {
    PORT: '0',
    HOST: '127.0.0.1',
    JWT_SECRET: testSecret('auth-gateway'),
    JWKS_FILE: new TestIssuer(folder, new FakeClock()).jwksFile,
    USERS_PATH: join(folder, 'users'),
  };
}

describe('the process', () => {
  it('starts, makes the administrator, and ends in phases on SIGTERM', async () => {
    using folder = createTemporaryFolder();
    writeFileSync(join(folder.path, 'password'), 'a long password');
    const gateway = start({
      ...variables(folder.path),
      ADMIN_USERNAME: 'root',
      ADMIN_PASSWORD_FILE: join(folder.path, 'password'),
    });
    await gateway.line('listening');
    gateway.child.kill('SIGTERM');
    const { code, output, errors } = await gateway.exited;
    assert.deepEqual([code, errors], [0, '']);
    const phases = [...output.matchAll(/"phase":"(\w+)"/g)].map((match) => match[1]);
    assert.deepEqual(phases, ['leave', 'http', 'forwarder', 'store', 'client']);
    assert.doesNotMatch(output, /a long password/);
  });

  const refusals: readonly [string, (folder: string) => Record<string, string>, RegExp][] = [
    ['no JWT_SECRET', () => ({ JWT_SECRET: '' }), /JWT_SECRET: expected a value, found nothing/],
    ['a short JWT_SECRET', () => ({ JWT_SECRET: 'short' }), /JWT_SECRET: expected at least 32 random bytes/],
    [
      'a guessable JWT_SECRET',
      () => ({ JWT_SECRET: 'your-secret-key-your-secret-key-0123456789' }),
      /JWT_SECRET: expected .* found a guessable value/,
    ],
    [
      'an unusable USERS_PATH',
      (folder) => ({ USERS_PATH: join(folder, 'jwks.json', 'users') }),
      /USERS_PATH: expected a writable folder/,
    ],
    [
      'a damaged file of users',
      (folder) => {
        mkdirSync(join(folder, 'users'));
        writeFileSync(join(folder, 'users', 'users.sqlite'), '');
        return {};
      },
      /cannot start: USERS_PATH: expected the database of the users, found users\.sqlite damaged \(it is cut off\)/,
    ],
    ['a HOST that is not here', () => ({ HOST: '192.0.2.1' }), /HOST: expected an address of this machine/],
  ];
  for (const [what, change, message] of refusals) {
    it(`does not start with ${what}, says so in one line and does not show the secret`, async () => {
      using folder = createTemporaryFolder();
      const gateway = start({ ...variables(folder.path), ...change(folder.path) });
      const { code, errors } = await gateway.exited;
      assert.equal(code, 1);
      assert.match(errors, message);
      assert.equal(errors.trim().split('\n').length, 1, errors);
      assert.doesNotMatch(errors, /your-secret-key|aaaa/);
    });
  }

  it('does not start on a port in use, and names PORT', async () => {
    using folder = createTemporaryFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { code, errors } = await start({ ...variables(folder.path), PORT: port }).exited;
    assert.equal(code, 1);
    assert.match(errors, /PORT: expected a free port/);
    other.close();
  });
});
