import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { type Answer, GatewayHarness, PlainHasher, password } from './gateway-harness.ts';

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
      config: { registration: { tenantId: 'default/acme', role: 'writer', sources: ['flights', 'movies'] } },
    });
    const answer = await gateway.call('POST', '/auth/register', { body: { username: 'ada', password } });
    assert.deepEqual([answer.body['tenant_id'], answer.body['roles']], ['default/acme', ['writer']]);
    const claims = await gateway.call('POST', '/auth/validate', {
      token: (await gateway.login('ada')).access_token,
    });
    assert.deepEqual(claims.body['permissions'], [{ sources: ['flights', 'movies'], actions: ['read', 'write'] }]);
    assert.equal(claims.body['tenant_id'], 'default/acme');
  });

  it('answers the same for a taken name, whatever its case, and changes nothing of its user', async () => {
    await using gateway = new GatewayHarness();
    const first = await gateway.call('POST', '/auth/register', { body: { username: 'Ada', password } });
    const body = { username: 'aDA', password: 'another password' };
    const second = await gateway.call('POST', '/auth/register', { body });
    assert.equal(second.status, first.status);
    assert.deepEqual(Object.keys(second.body), Object.keys(first.body));
    assert.deepEqual({ ...second.body, user_id: first.body['user_id'], username: 'Ada' }, first.body);
    assert.notEqual(second.body['user_id'], first.body['user_id']);
    const headers = ({ 'x-request-id': _id, date: _date, ...rest }: Answer['headers']) => JSON.stringify(rest);
    assert.equal(headers(second.headers), headers(first.headers));
    assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 401);
    assert.equal((await gateway.login('ada')).user_id, first.body['user_id']);
    const id = String(second.body['user_id']);
    assert.equal(await gateway.store.userById(id), undefined);
  });

  it('does the same work for a taken name: one slow hash, one change on disk', async () => {
    const hashed: string[] = [];
    class CountingHasher extends PlainHasher {
      override async hash(text: string): Promise<string> {
        hashed.push(text);
        return super.hash(text);
      }
    }
    await using gateway = new GatewayHarness({ hasher: new CountingHasher() });
    const changes = async (): Promise<number> => {
      const before = gateway.changes();
      await gateway.register('ada');
      return gateway.changes() - before;
    };
    const [free, taken] = [await changes(), await changes()];
    assert.equal(hashed.length, 2);
    assert.deepEqual([free, taken], [1, 1]);
  });

  it('gives a name to one of those who ask for it at the same moment', async () => {
    await using gateway = new GatewayHarness();
    const bodies = [1, 2, 3].map((number) => ({ username: 'ada', password: `secure_password_${number}` }));
    const answers = await Promise.all(bodies.map((body) => gateway.call('POST', '/auth/register', { body })));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [201, 201, 201],
    );
    const logins = [];
    for (const body of bodies) logins.push((await gateway.call('POST', '/auth/login', { body })).status);
    assert.deepEqual(logins.sort(), [200, 401, 401]);
  });

  it('shows the platform administrator alone that a name is taken', async () => {
    await using gateway = new GatewayHarness();
    const token = await gateway.administrator('default/acme');
    const member = await gateway.member('boss', 'default/acme', 'admin');
    await gateway.register('ada');
    const body = { username: 'ada', password };
    const statuses = [];
    for (const caller of [token, member.token, 'nonsense'])
      statuses.push((await gateway.call('POST', '/auth/register', { body, token: caller })).status);
    assert.deepEqual(statuses, [409, 201, 201]);
  });

  it('is for the platform administrator alone where it is switched off', async () => {
    await using gateway = new GatewayHarness({ config: { selfRegistration: false } });
    const token = await gateway.administrator('default/acme');
    const body = { username: 'ada', password };
    for (const _ of ['free', 'free still']) {
      const refused = await gateway.call('POST', '/auth/register', { body });
      assert.deepEqual(
        [refused.status, refused.body.error?.code, refused.body.error?.message],
        [403, 'forbidden', 'users are made by the platform administrator here'],
      );
    }
    const made = await gateway.call('POST', '/auth/register', { body, token });
    assert.deepEqual([made.status, made.body['roles']], [201, []]);
    assert.equal((await gateway.call('POST', '/auth/register', { body, token })).status, 409);
    assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 200);
  });

  it('is bounded for each address, whatever the names, and says when to come back', async () => {
    await using gateway = new GatewayHarness();
    const from = (address: string) => ({ remoteAddress: address, body: { username: 'ada', password } });
    const statuses = [];
    for (let count = 0; count < 51; count += 1)
      statuses.push((await gateway.call('POST', '/auth/register', from('192.0.2.1'))).status);
    assert.deepEqual(statuses, [...Array(50).fill(201), 429]);
    assert.equal((await gateway.call('POST', '/auth/register', from('192.0.2.2'))).status, 201);
    const { text } = await gateway.metrics();
    const counts = [...text.matchAll(/^hybridstore_gateway_registrations_total\{result="(\w+)"[^}]*\} (\d+)$/gm)];
    assert.deepEqual(
      counts.map(([, result, count]) => [result, count]),
      [
        ['accepted', '51'],
        ['limited', '1'],
      ],
    );
  });

  const refusals: readonly [string, unknown, RegExp][] = [
    ['an unknown field', { username: 'ada', password, role: 'admin' }, /role: is not a known field/],
    ['a wrong type', { username: 7, password }, /username: expected string/],
    ['a missing password', { username: 'ada' }, /password: is required/],
    ['a common password', { username: 'ada', password: 'ILoveYou' }, /password: expected a password that is not among/],
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
    await gateway.clock.advance(121_000);
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

  it('takes the right password from where its owner came from before, after any number of wrong ones', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    const wrong = { username: 'ADA', password: 'wrong' };
    const statuses = new Set<number>();
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const remoteAddress = `198.51.100.${attempt % 20}`;
      statuses.add((await gateway.call('POST', '/auth/login', { body: wrong, remoteAddress })).status);
    }
    assert.deepEqual([...statuses], [401, 429]);
    for (let attempt = 0; attempt < 4; attempt += 1) await gateway.call('POST', '/auth/login', { body: wrong });
    assert.equal((await gateway.call('POST', '/auth/login', { body: { username: 'ada', password } })).status, 200);
  });

  it('holds the right password for a moment after five wrong ones from the same place', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    for (let attempt = 0; attempt < 5; attempt += 1)
      await gateway.call('POST', '/auth/login', { body: { username: 'ada', password: 'wrong' } });
    const held = gateway.call('POST', '/auth/login', { body: { username: 'ada', password } });
    // Real input and output is under way here beside the fake clock.
    while (gateway.clock.pending === 0) await setImmediate();
    await gateway.clock.advance(500);
    assert.equal((await held).status, 200);
    const { text } = await gateway.metrics();
    assert.match(text, /^hybridstore_gateway_logins_held_total\S* 1$/m);
    assert.match(text, /^hybridstore_gateway_logins_total\{result="refused"[^}]*\} 5$/m);
  });

  it('knows an address from the log-in on', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    const right = { body: { username: 'ada', password }, remoteAddress: '192.0.2.7' };
    assert.equal((await gateway.call('POST', '/auth/login', right)).status, 200);
    for (let attempt = 0; attempt < 8; attempt += 1)
      await gateway.call('POST', '/auth/login', {
        body: { username: 'ada', password: 'wrong' },
        remoteAddress: '198.51.100.1',
      });
    assert.equal((await gateway.call('POST', '/auth/login', right)).status, 200);
    const elsewhere = await gateway.call('POST', '/auth/login', { ...right, remoteAddress: '192.0.2.8' });
    assert.deepEqual(
      [elsewhere.status, elsewhere.body.error?.code, elsewhere.headers['retry-after']],
      [429, 'overloaded', '1'],
    );
  });

  it('slows guesses at names that nobody has just the same', async () => {
    await using gateway = new GatewayHarness();
    await gateway.register('ada');
    const guesses = async (username: string): Promise<readonly [number, string | undefined][]> => {
      const answers: [number, string | undefined][] = [];
      for (let attempt = 0; attempt < 7; attempt += 1) {
        const body = { username, password: 'wrong' };
        const answer = await gateway.call('POST', '/auth/login', { body, remoteAddress: `${username}.example` });
        answers.push([answer.status, answer.body.error?.message]);
      }
      return answers;
    };
    const [taken, free] = [await guesses('ada'), await guesses('nobody')];
    assert.deepEqual(taken, free);
    assert.deepEqual(
      free.map(([status]) => status),
      [401, 401, 401, 401, 401, 429, 429],
    );
  });

  it('takes a password however its letters are composed', async () => {
    await using gateway = new GatewayHarness();
    const composed = 'Zürich im Mai';
    await gateway.call('POST', '/auth/register', { body: { username: 'ada', password: composed } });
    for (const spelling of [composed, composed.normalize('NFD')]) {
      const body = { username: 'ada', password: spelling };
      assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 200);
    }
    const body = { username: 'ada', password: 'Zurich im Mai' };
    assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 401);
  });

  it('takes a password that was hashed before letters were composed', async () => {
    await using gateway = new GatewayHarness();
    const decomposed = 'Zürich im Mai'.normalize('NFD');
    await gateway.app.accounts.importLegacy([{ username: 'ada', passwordHash: `plain:${decomposed}` }]);
    const body = { username: 'ada', password: decomposed };
    assert.equal((await gateway.call('POST', '/auth/login', { body })).status, 200);
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

describe('changing the own password', () => {
  const change = (gateway: GatewayHarness, token: string, oldPassword: string, newPassword: string) =>
    gateway.call('POST', '/auth/password', { token, body: { old_password: oldPassword, new_password: newPassword } });
  const another = 'another long password';

  it('ends every other session, keeps API keys, and answers a token to go on with', async () => {
    await using gateway = new GatewayHarness();
    const member = await gateway.member('ada', 'default/acme', 'writer');
    const other = (await gateway.login('ada')).access_token;
    const key = await gateway.createKey(member.token);
    const answer = await change(gateway, member.token, password, another);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.deepEqual([answer.body['user_id'], answer.body['tenant_id']], [member.userId, 'default/acme']);
    const valid = async (token: unknown) =>
      (await gateway.call('POST', '/auth/validate', { body: { token } })).body['valid'];
    assert.deepEqual(
      [await valid(member.token), await valid(other), await valid(key), await valid(answer.body['access_token'])],
      [false, false, true, true],
    );
    const statuses = [];
    for (const text of [password, another])
      statuses.push((await gateway.call('POST', '/auth/login', { body: { username: 'ada', password: text } })).status);
    assert.deepEqual(statuses, [401, 200]);
  });

  it('needs the old password, and slows guesses at it', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', 'default/acme', 'writer');
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const answer = await change(gateway, token, 'wrong', another);
      assert.deepEqual(
        [answer.status, answer.body.error?.code, answer.body.error?.message],
        [403, 'forbidden', 'old_password: is wrong'],
      );
    }
    const held = change(gateway, token, password, another);
    while (gateway.clock.pending === 0) await setImmediate();
    await gateway.clock.advance(500);
    assert.equal((await held).status, 200);
  });

  it('asks as much of the new password as of one at registration', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada.lovelace', 'default/acme', 'writer');
    for (const text of ['short', 'iloveyou1', 'Ada.Lovelace7', 'abababababab']) {
      const answer = await change(gateway, token, password, text);
      assert.equal(answer.status, 400, text);
      assert.match(answer.body.error?.message ?? '', /^new_password: expected/);
    }
    assert.equal((await gateway.login('ada.lovelace')).tenant_id, 'default/acme');
  });

  it('forgets the addresses that knew the old one', async () => {
    await using gateway = new GatewayHarness();
    const { userId, token } = await gateway.member('ada', 'default/acme', 'writer');
    await gateway.call('POST', '/auth/login', { body: { username: 'ada', password }, remoteAddress: '192.0.2.66' });
    assert.equal(await gateway.store.knowsAddress(userId, '192.0.2.66'), true);
    await change(gateway, token, password, another);
    assert.equal(await gateway.store.knowsAddress(userId, '192.0.2.66'), false);
    assert.equal(await gateway.store.knowsAddress(userId, '127.0.0.1'), true);
  });

  it('is not for keys, nor for the administrator whose password is a setting, nor without a token', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', 'default/acme', 'writer');
    const key = await gateway.createKey(token);
    assert.equal((await change(gateway, key, password, another)).status, 403);
    const answer = await change(gateway, await gateway.administrator('default/acme'), password, another);
    assert.deepEqual([answer.status, answer.body.error?.code], [409, 'conflict']);
    const body = { old_password: password, new_password: another };
    assert.equal((await gateway.call('POST', '/auth/password', { body })).status, 401);
  });
});

describe('the configured administrator', () => {
  it('is refused with a password that everybody tries', async () => {
    await using gateway = new GatewayHarness();
    await assert.rejects(gateway.app.accounts.ensureAdministrator('root', 'Iloveyou!'), {
      code: 'invalid_request',
      message: /^ADMIN_PASSWORD_FILE: expected a password that is not among the most common ones/,
    });
  });

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
