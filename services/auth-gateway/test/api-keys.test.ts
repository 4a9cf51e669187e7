import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayHarness } from './gateway-harness.ts';

const tenant = 'default/acme';

describe('API keys', () => {
  it('are shown once and kept as a digest', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'writer');
    const answer = await gateway.call('POST', '/auth/keys', { token, body: { name: 'robot' } });
    assert.equal(answer.status, 201);
    const { key, key_id: keyId, ...rest } = answer.body;
    assert.match(String(key), new RegExp(`^hsk_${String(keyId)}_[A-Za-z0-9_-]{43}$`));
    assert.deepEqual(rest, { name: 'robot', expires_at: '2024-02-12T22:13:20.000Z' });
    const list = await gateway.call('GET', '/auth/keys', { token });
    assert.deepEqual(list.body, {
      keys: [
        {
          key_id: keyId,
          name: 'robot',
          created_at: '2023-11-14T22:13:20.000Z',
          expires_at: '2024-02-12T22:13:20.000Z',
          permissions: [{ sources: ['*'], actions: ['read', 'write'] }],
        },
      ],
    });
    const held = await gateway.store.keyById(String(keyId));
    assert.equal(held?.digest.length, 32);
    assert.doesNotMatch(JSON.stringify(held), new RegExp(String(key).slice(21)));
  });

  it('work as a bearer token and as X-API-Key', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'reader');
    const key = await gateway.createKey(token);
    const { body } = await gateway.call('POST', '/auth/validate', { body: { token: key } });
    assert.equal(body['valid'], true);
    assert.match(String(body['subject']), /^key:[0-9a-f]{16}$/);
    const byHeader = await gateway.call('POST', '/auth/validate', { headers: { 'x-api-key': key } });
    assert.equal(byHeader.body['valid'], true);
  });

  it('are not taken beside a token, nor is a token as a key', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'reader');
    const key = await gateway.createKey(token);
    assert.equal((await gateway.call('GET', '/auth/keys', { token, headers: { 'x-api-key': key } })).status, 400);
    assert.equal((await gateway.call('GET', '/auth/keys', { headers: { 'x-api-key': token } })).status, 401);
  });

  const requests: readonly [string, Record<string, unknown>, number][] = [
    ['a subset of actions', { permissions: [{ sources: ['sales_*'], actions: ['read'] }] }, 201],
    ['a narrower pattern', { permissions: [{ sources: ['sales_eu'], actions: ['write'] }] }, 201],
    ['a wider pattern', { permissions: [{ sources: ['sales*'], actions: ['read'] }] }, 403],
    ['another action', { permissions: [{ sources: ['sales_eu'], actions: ['manage'] }] }, 403],
    ['no permission at all', { permissions: [] }, 403],
    ['an unknown action', { permissions: [{ sources: ['sales_eu'], actions: ['fly'] }] }, 400],
    ['a lifetime of 0 days', { expires_in_days: 0 }, 400],
    ['an unknown field', { tenant: 'default/globex' }, 400],
  ];
  for (const [what, body, status] of requests) {
    it(`a writer of sales_* asking for ${what} gets ${status}`, async () => {
      await using gateway = new GatewayHarness();
      const { token } = await gateway.member('ada', tenant, 'writer', ['sales_*']);
      const answer = await gateway.call('POST', '/auth/keys', { token, body: { name: 'robot', ...body } });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
    });
  }

  it('are refused to who has nothing to give', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    const { access_token: token } = await gateway.login('ada');
    assert.equal((await gateway.call('POST', '/auth/keys', { token, body: { name: 'robot' } })).status, 403);
  });

  it('cannot make, list or revoke keys', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'admin');
    const key = await gateway.createKey(token);
    const keyId = key.slice(4, 20);
    assert.equal((await gateway.call('POST', '/auth/keys', { token: key, body: { name: 'child' } })).status, 403);
    assert.equal((await gateway.call('GET', '/auth/keys', { token: key })).status, 403);
    assert.equal((await gateway.call('DELETE', `/auth/keys/${keyId}`, { token: key })).status, 403);
  });

  it('end when they expire', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'reader');
    const key = await gateway.createKey(token, { name: 'robot', expires_in_days: 1 });
    await gateway.clock.advance(86_400_000 - 1_000);
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'], true);
    await gateway.clock.advance(1_000);
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'], false);
  });

  it('end at once when they are revoked, and only by their owner', async () => {
    await using gateway = new GatewayHarness();
    const ada = await gateway.member('ada', tenant, 'reader');
    const bob = await gateway.member('bob', tenant, 'admin');
    const key = await gateway.createKey(ada.token);
    const path = `/auth/keys/${key.slice(4, 20)}`;
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'], true);
    assert.equal((await gateway.call('DELETE', path, { token: bob.token })).status, 404);
    const revoked = await gateway.call('DELETE', path, { token: ada.token });
    assert.deepEqual([revoked.status, revoked.body['revoked']], [200, true]);
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'], false);
    assert.equal((await gateway.call('DELETE', path, { token: ada.token })).status, 404);
  });

  it('lose what their maker loses', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    const key = await gateway.createKey(token);
    await gateway.call('DELETE', `/auth/permissions/${userId}`, { token: root });
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: key } })).body['valid'], false);
  });

  it('with one wrong character, and other people’s ids with own secrets, are refused', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'reader');
    const [first, second] = [await gateway.createKey(token), await gateway.createKey(token)];
    const last = first.at(-1) === 'A' ? 'B' : 'A';
    for (const forged of [
      first.slice(0, -1) + last,
      `${first.slice(0, 21)}${second.slice(21)}`,
      `${first}x`,
      'hsk_',
      'hsk_0000000000000000_x',
    ]) {
      const answer = await gateway.call('POST', '/auth/validate', { body: { token: forged } });
      assert.equal(answer.body['valid'], false, forged);
    }
  });

  it('are bounded in number', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', tenant, 'reader');
    for (let made = 0; made < 100; made += 1) await gateway.createKey(token);
    const answer = await gateway.call('POST', '/auth/keys', { token, body: { name: 'robot' } });
    assert.deepEqual([answer.status, answer.body.error?.code], [409, 'conflict']);
  });
});
