import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { GatewayHarness, password } from './gateway-harness.ts';

describe('registration', () => {
  it('creates a user without any permission', async () => {
    await using gateway = new GatewayHarness();
    const answer = await gateway.call('POST', '/auth/register', { body: { username: 'ada', password } });
    assert.equal(answer.status, 201);
    const { user_id: userId, created_at: createdAt, ...rest } = answer.body;
    assert.match(String(userId), /^[0-9a-f-]{36}$/);
    assert.equal(createdAt, '2023-11-14T22:13:20.000Z');
    assert.deepEqual(rest, { username: 'ada', tenant_id: null, roles: [] });
    const login = await gateway.login('ada');
    const claims = await gateway.call('POST', '/auth/validate', { body: { token: login.access_token } });
    assert.deepEqual([login.tenant_id, claims.body['permissions'], claims.body['tenant_id']], [null, [], null]);
  });

  it('gives the configured role in the configured tenant, where there is one', async () => {
    await using gateway = new GatewayHarness({
      config: { registration: { tenantId: 'default/acme', role: 'writer' } },
    });
    const answer = await gateway.call('POST', '/auth/register', { body: { username: 'ada', password } });
    assert.deepEqual([answer.body['tenant_id'], answer.body['roles']], ['default/acme', ['writer']]);
    const claims = await gateway.call('POST', '/auth/validate', {
      token: (await gateway.login('ada')).access_token,
    });
    assert.deepEqual(claims.body['permissions'], [{ sources: ['*'], actions: ['read', 'write'] }]);
    assert.equal(claims.body['tenant_id'], 'default/acme');
  });

  it('refuses a taken name, whatever its case', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('Ada');
    const answer = await gateway.call('POST', '/auth/register', { body: { username: 'aDA', password } });
    assert.deepEqual([answer.status, answer.body.error?.code], [409, 'conflict']);
  });

  it('lets one of two who take a name at the same moment have it', async () => {
    await using gateway = new GatewayHarness();
    const answers = await Promise.all(
      [1, 2, 3].map(() => gateway.call('POST', '/auth/register', { body: { username: 'ada', password } })),
    );
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [201, 409, 409]);
  });

  const refusals: readonly [string, unknown, RegExp][] = [
    ['an unknown field', { username: 'ada', password, role: 'admin' }, /role: is not a known field/],
    ['a wrong type', { username: 7, password }, /username: expected string/],
    ['a missing password', { username: 'ada' }, /password: is required/],
    ['a short password', { username: 'ada', password: 'short' }, /password: expected at least 8 characters/],
    ['a password of 2,000 characters', { username: 'ada', password: 'x'.repeat(2_000) }, /password/],
    ['a name with a path', { username: '../ada', password }, /username/],
    ['bad JSON', '{"username": ', /not valid JSON/],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), /not valid UTF-8/],
    ['deep nesting', '['.repeat(100) + ']'.repeat(100), /nested deeper than 64/],
    ['an escaped __proto__', '{"username":"ada","__pr\\u006fto__":{}}', /__proto__/],
    ['an array', '[]', /expected object/],
    ['nothing', undefined, /body/],
  ];
  for (const [what, body, message] of refusals) {
    it(`refuses ${what}`, async () => {
      await using gateway = new GatewayHarness();
      const answer = await gateway.call('POST', '/auth/register', { body });
      assert.deepEqual([answer.status, answer.body.error?.code], [400, 'invalid_request']);
      assert.match(answer.body.error?.message ?? '', message);
    });
  }

  it('refuses another content type', async () => {
    await using gateway = new GatewayHarness();
    const headers = { 'content-type': 'text/plain' };
    const answer = await gateway.call('POST', '/auth/register', { body: '{}', headers });
    assert.deepEqual([answer.status, answer.body.error?.code], [400, 'invalid_request']);
  });
});

describe('logging in', () => {
  it('answers a token that any holder of the JWKS can verify', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', 'default/acme', 'reader', ['sales_*']);
    const jwks = (await gateway.call('GET', '/.well-known/jwks.json')).body as unknown as JSONWebKeySet;
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), {
      issuer: 'auth-gateway',
      audience: 'hybridstore',
      algorithms: ['ES256'],
      currentDate: new Date(gateway.clock.now()),
    });
    assert.match(String(protectedHeader.kid), /^auth-gateway\./);
    const { jti, ...claims } = payload;
    assert.match(String(jti), /^[0-9a-f-]{36}$/);
    assert.deepEqual(claims, {
      iss: 'auth-gateway',
      aud: 'hybridstore',
      sub: `user:${userId}`,
      tenant: 'default/acme',
      permissions: [{ sources: ['sales_*'], actions: ['read'] }],
      generation: 0,
      iat: 1_700_000_000,
      nbf: 1_700_000_000,
      exp: 1_700_086_400,
    });
  });

  it('answers the lifetime that is configured', async () => {
    await using gateway = new GatewayHarness({ config: { tokenLifetimeSeconds: 60 } });
    const { token } = await gateway.member('ada', 'default/acme', 'reader');
    assert.equal((await gateway.login('ada')).expires_in, 60);
    await gateway.clock.advance(66_000);
    const answer = await gateway.call('POST', '/auth/validate', { body: { token } });
    assert.deepEqual(answer.body, { valid: false, reason: 'token has expired' });
  });

  it('says the same of a wrong password and of an unknown user', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    const wrong = await gateway.call('POST', '/auth/login', { body: { username: 'ada', password: 'wrong' } });
    const unknown = await gateway.call('POST', '/auth/login', { body: { username: 'bob', password: 'wrong' } });
    for (const answer of [wrong, unknown]) {
      assert.deepEqual(
        [answer.status, answer.body.error?.code, answer.body.error?.message],
        [401, 'unauthenticated', 'username or password is wrong'],
      );
    }
  });

  it('locks a name after five wrong passwords, also for the right one, and says when to come back', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const wrong = await gateway.call('POST', '/auth/login', { body: { username: 'ADA', password: 'wrong' } });
      assert.equal(wrong.status, 401);
    }
    const locked = await gateway.call('POST', '/auth/login', { body: { username: 'ada', password } });
    assert.deepEqual(
      [locked.status, locked.body.error?.code, locked.headers['retry-after']],
      [429, 'overloaded', '30'],
    );
    await gateway.clock.advance(30_000);
    assert.equal((await gateway.call('POST', '/auth/login', { body: { username: 'ada', password } })).status, 200);
  });

  it('locks names that nobody has just the same', async () => {
    await using gateway = new GatewayHarness();
    const body = { username: 'nobody', password: 'wrong' };
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 6; attempt += 1)
      statuses.push((await gateway.call('POST', '/auth/login', { body })).status);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
  });

  it('refuses a tenant that is not the own', async () => {
    await using gateway = new GatewayHarness();
    await gateway.member('ada', 'default/acme', 'admin');
    const body = { username: 'ada', password, tenant_id: 'default/globex' };
    const answer = await gateway.call('POST', '/auth/login', { body });
    assert.deepEqual([answer.status, answer.body.error?.code], [403, 'forbidden']);
  });

  it('lets the platform administrator into any tenant, with every action', async () => {
    await using gateway = new GatewayHarness();
    const token = await gateway.administrator('team-a/globex');
    const { body } = await gateway.call('POST', '/auth/validate', { body: { token } });
    assert.deepEqual(
      [body['tenant_id'], body['permissions']],
      ['team-a/globex', [{ sources: ['*'], actions: ['read', 'write', 'manage', 'admin'] }]],
    );
  });

  it('gives the platform administrator no tenant unless he names one', async () => {
    await using gateway = new GatewayHarness();
    await gateway.app.accounts.ensureAdministrator('root', password);
    assert.equal((await gateway.login('root')).tenant_id, null);
  });
});

describe('the configured administrator', () => {
  it('takes the name over from who registered it before: password, tokens and keys end', async () => {
    await using gateway = new GatewayHarness();
    const squatter = await gateway.member('root', 'default/acme', 'admin');
    const key = await gateway.createKey(squatter.token);
    await gateway.app.accounts.ensureAdministrator('root', 'another password');
    await gateway.clock.advance(1_000);
    for (const token of [squatter.token, key])
      assert.equal((await gateway.call('POST', '/auth/validate', { body: { token } })).body['valid'], false);
    assert.equal((await gateway.call('POST', '/auth/login', { body: { username: 'root', password } })).status, 401);
  });

  it('keeps his sessions over a restart with the same password', async () => {
    await using gateway = new GatewayHarness();
    const token = await gateway.administrator('default/acme');
    await gateway.app.accounts.ensureAdministrator('root', password);
    await gateway.clock.advance(1_000);
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token } })).body['valid'], true);
  });

  it('is one only: the former one is an ordinary user again', async () => {
    await using gateway = new GatewayHarness();
    const former = await gateway.administrator();
    await gateway.app.accounts.ensureAdministrator('boss', password);
    await gateway.clock.advance(1_000);
    assert.equal((await gateway.call('POST', '/auth/validate', { body: { token: former } })).body['valid'], false);
    const body = { username: 'root', password, tenant_id: 'default/acme' };
    assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 403);
  });
});
