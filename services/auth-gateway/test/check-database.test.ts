import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { GatewayHarness, password } from './gateway-harness.ts';

const check = (gateway: GatewayHarness, token: string) => gateway.call('POST', '/admin/check/users', { token });

describe('a check of the users while they are served', () => {
  it('finds a row that is not what was written, where the log-in still works, and no path is named', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    await gateway.register('ada');
    const path = join(gateway.folder, 'users.sqlite');
    const bytes = readFileSync(path);
    assert.deepEqual((await check(gateway, root)).body, {
      file: 'users.sqlite',
      bytes: bytes.length,
      has_ledger: true,
    });
    const damaged = Buffer.from(bytes);
    damaged[bytes.lastIndexOf('plain:')]! ^= 1;
    writeFileSync(path, damaged);
    const { status, body } = await check(gateway, root);
    assert.equal(status, 200);
    assert.match(String(body['damage']), /^table users: expected 2 rows as they were written, found 2 others/);
    assert.ok(!JSON.stringify(body).includes(gateway.folder));
    writeFileSync(path, bytes);
    assert.equal((await check(gateway, root)).body['damage'], undefined);
    assert.equal((await gateway.call('POST', '/auth/login', { body: { username: 'ada', password } })).status, 200);
  });

  it('is for the administrator of the platform alone, in a tenant too, and one at a time', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator('default/acme');
    const { token } = await gateway.member('ada', 'default/acme', 'admin');
    const key = await gateway.createKey(token);
    for (const other of [token, key]) {
      const { status, body } = await check(gateway, other);
      assert.deepEqual([status, body.error?.code], [403, 'forbidden']);
    }
    const [first, second] = await Promise.all([check(gateway, root), check(gateway, root)]);
    assert.deepEqual([first.status, second.status].sort(), [200, 409]);
    assert.equal((await check(gateway, root)).status, 200);
  });
});
