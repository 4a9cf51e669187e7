import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayHarness } from './gateway-harness.ts';

const tenant = 'default/acme';

describe('permissions', () => {
  it('are shown to the user himself', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', tenant, 'writer', ['sales']);
    const answer = await gateway.call('GET', `/auth/permissions/${userId}`, { token });
    assert.deepEqual(
      [answer.status, answer.body],
      [
        200,
        {
          user_id: userId,
          tenant_id: tenant,
          roles: ['writer'],
          permissions: [{ sources: ['sales'], actions: ['read', 'write'] }],
          grants: [{ tenant_id: tenant, role: 'writer', sources: ['sales'] }],
        },
      ],
    );
  });

  it('of others are for administrators, who learn of their own tenant only', async () => {
    await using gateway = new GatewayHarness();
    const writer = await gateway.member('writer', tenant, 'writer');
    const admin = await gateway.member('admin', tenant, 'admin');
    const foreign = await gateway.member('foreign', 'default/globex', 'reader');
    const root = await gateway.administrator();
    const status = async (token: string, userId: string) =>
      (await gateway.call('GET', `/auth/permissions/${userId}`, { token })).status;
    assert.equal(await status(writer.token, admin.userId), 403);
    assert.equal(await status(writer.token, 'nobody'), 403);
    assert.equal(await status(admin.token, writer.userId), 200);
    assert.equal(await status(admin.token, foreign.userId), 404);
    assert.equal(await status(admin.token, 'nobody'), 404);
    assert.equal(await status(root, foreign.userId), 200);
    assert.equal(await status(root, 'nobody'), 404);
  });

  it('need a token', async () => {
    await using gateway = new GatewayHarness();
    const answer = await gateway.call('GET', '/auth/permissions/x');
    assert.deepEqual([answer.status, answer.headers['www-authenticate']], [401, 'Bearer']);
  });

  it('are granted by the platform administrator and work in the next token', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const userId = await gateway.register('ada');
    const body = { tenant_id: tenant, role: 'manager', sources: ['sales_*'] };
    const answer = await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body['permissions'], [{ sources: ['sales_*'], actions: ['read', 'write', 'manage'] }]);
    assert.equal((await gateway.login('ada')).tenant_id, tenant);
  });

  it('are granted once, however often it is asked', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const userId = await gateway.register('ada');
    const body = { tenant_id: tenant, role: 'reader' };
    await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    const again = await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    assert.deepEqual(again.body['permissions'], [{ sources: ['*'], actions: ['read'] }]);
  });

  it('of one user are in one tenant', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const { userId } = await gateway.member('ada', tenant, 'reader');
    const body = { tenant_id: 'default/globex', role: 'reader' };
    const answer = await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    assert.deepEqual([answer.status, answer.body.error?.code], [409, 'conflict']);
  });

  const grants: readonly [string, Record<string, unknown>, number][] = [
    ['within the own tenant and sources', { tenant_id: tenant, role: 'reader', sources: ['sales_eu'] }, 200],
    ['of a narrower pattern', { tenant_id: tenant, role: 'admin', sources: ['sales_e*'] }, 200],
    ['of a wider pattern', { tenant_id: tenant, role: 'reader', sources: ['*'] }, 403],
    ['of sources by default', { tenant_id: tenant, role: 'reader' }, 403],
    ['in another tenant', { tenant_id: 'default/globex', role: 'reader', sources: ['sales_eu'] }, 403],
  ];
  for (const [what, body, status] of grants) {
    it(`a tenant's administrator for sales_* ${status === 200 ? 'may' : 'may not'} grant a role ${what}`, async () => {
      await using gateway = new GatewayHarness();
      const { token } = await gateway.member('admin', tenant, 'admin', ['sales_*']);
      const userId = await gateway.register('ada');
      assert.equal((await gateway.call('POST', `/auth/permissions/${userId}`, { token, body })).status, status);
    });
  }

  it('cannot be granted by who is no administrator, not even to himself', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', tenant, 'manager');
    const body = { tenant_id: tenant, role: 'admin' };
    assert.equal((await gateway.call('POST', `/auth/permissions/${userId}`, { token, body })).status, 403);
  });

  it('must fit into a token', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const userId = await gateway.register('ada');
    const sources = Array.from({ length: 200 }, (_, index) => `a_rather_long_source_name_${index}`);
    const body = { tenant_id: tenant, role: 'reader', sources };
    const answer = await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    assert.deepEqual([answer.status, answer.body.error?.code], [400, 'invalid_request']);
  });
});

describe('revoking one grant', () => {
  it('leaves the others, ends tokens handed out before, and narrows keys', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator(tenant);
    const { userId, token } = await gateway.member('ada', tenant, 'writer', ['sales']);
    await gateway.store.addGrant(userId, { tenantId: tenant, role: 'reader', sources: ['movies'] });
    const key = await gateway.createKey((await gateway.login('ada')).access_token);
    const path = `/auth/permissions/${userId}`;
    const { grants } = (await gateway.call('GET', path, { token: root })).body as {
      readonly grants: readonly unknown[];
    };
    const answer = await gateway.call('POST', `${path}/revoke`, { token: root, body: grants[0] });
    assert.deepEqual(
      [answer.status, answer.body['permissions'], answer.body['grants']],
      [200, [{ sources: ['movies'], actions: ['read'] }], [{ tenant_id: tenant, role: 'reader', sources: ['movies'] }]],
    );
    const validate = async (text: string) =>
      (await gateway.call('POST', '/auth/validate', { body: { token: text } })).body;
    assert.equal((await validate(token))['valid'], false);
    assert.deepEqual((await validate(key))['permissions'], [{ sources: ['movies'], actions: ['read'] }]);
    const again = await gateway.call('POST', `${path}/revoke`, { token: root, body: grants[0] });
    assert.deepEqual([again.status, again.body.error?.code], [404, 'not_found']);
  });

  it("is within a tenant administrator's own powers, and for nobody else", async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', tenant, 'writer', ['sales']);
    const some = await gateway.member('some', tenant, 'admin', ['sales']);
    const foreign = await gateway.member('foreign', 'default/globex', 'admin');
    const narrow = await gateway.member('narrow', tenant, 'admin', ['movies']);
    const body = { tenant_id: tenant, role: 'writer', sources: ['sales'] };
    const statuses = [];
    for (const caller of [token, foreign.token, narrow.token, some.token])
      statuses.push((await gateway.call('POST', `/auth/permissions/${userId}/revoke`, { token: caller, body })).status);
    assert.deepEqual(statuses, [403, 403, 403, 200]);
    const nobody = await gateway.call('POST', '/auth/permissions/nobody/revoke', { token: some.token, body });
    assert.equal(nobody.status, 404);
  });
});

describe('revocation', () => {
  it('ends the tokens handed out before, at once, and a new log-in works', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    assert.equal((await gateway.call('GET', `/auth/permissions/${userId}`, { token })).status, 200);
    const revoked = await gateway.call('DELETE', `/auth/permissions/${userId}`, { token: root });
    assert.deepEqual([revoked.status, revoked.body['permissions'], revoked.body['tenant_id']], [200, [], null]);
    const answer = await gateway.call('GET', `/auth/permissions/${userId}`, { token });
    assert.deepEqual([answer.status, answer.body.error?.message], [401, 'the token was revoked']);
    const fresh = (await gateway.login('ada')).access_token;
    assert.equal((await gateway.call('GET', `/auth/permissions/${userId}`, { token: fresh })).status, 200);
  });

  it('is noticed within a second when another process wrote it', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    assert.equal((await gateway.call('GET', '/auth/keys', { token })).status, 200);
    await gateway.store.revokeAll(userId);
    await gateway.clock.advance(1_000);
    assert.equal((await gateway.call('GET', '/auth/keys', { token })).status, 401);
  });

  it('does not bring old tokens back when the role is granted again', async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const { userId, token } = await gateway.member('ada', tenant, 'writer');
    await gateway.call('DELETE', `/auth/permissions/${userId}`, { token: root });
    const body = { tenant_id: tenant, role: 'writer' };
    await gateway.call('POST', `/auth/permissions/${userId}`, { token: root, body });
    assert.equal((await gateway.call('GET', '/auth/keys', { token })).status, 401);
  });

  it("is refused for the platform administrator, for other tenants' users and for wider powers", async () => {
    await using gateway = new GatewayHarness();
    const root = await gateway.administrator();
    const rootId = String((await gateway.login('root')).user_id);
    const narrow = await gateway.member('narrow', tenant, 'admin', ['sales_*']);
    const wide = await gateway.member('wide', tenant, 'reader');
    const foreign = await gateway.member('foreign', 'default/globex', 'reader');
    const status = async (token: string, userId: string) =>
      (await gateway.call('DELETE', `/auth/permissions/${userId}`, { token })).status;
    assert.equal(await status(root, rootId), 409);
    assert.equal(await status(narrow.token, rootId), 404);
    assert.equal(await status(narrow.token, wide.userId), 403);
    assert.equal(await status(narrow.token, foreign.userId), 404);
    assert.equal(await status(wide.token, narrow.userId), 403);
  });
});
