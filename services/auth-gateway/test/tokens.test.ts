import assert from 'node:assert/strict';
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { signToken } from '@hybridstore/http';
import { deriveSigningKey } from '@hybridstore/runtime';
import { testSecret } from '@hybridstore/test-kit';
import { GatewayHarness } from './gateway-harness.ts';

const key = deriveSigningKey('auth-gateway', testSecret('auth-gateway'));
const catalogKey = deriveSigningKey('metadata-catalog', testSecret('metadata-catalog'));
const nowSeconds = 1_700_000_000;

type Claims = Record<string, unknown>;
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token as the gateway would sign it for this user, with claims and header of the attacker's choice. */
function forge(
  userId: string,
  claims: Claims = {},
  options: { readonly signWith?: KeyObject; readonly kid?: string; readonly header?: Claims } = {},
): string {
  const payload = {
    iss: 'auth-gateway',
    aud: 'hybridstore',
    sub: `user:${userId}`,
    jti: 'x',
    iat: nowSeconds,
    nbf: nowSeconds,
    exp: nowSeconds + 60,
    tenant: 'default/acme',
    permissions: [{ sources: ['*'], actions: ['admin'] }],
    ...claims,
  };
  const header = { alg: 'ES256', typ: 'JWT', kid: options.kid ?? key.kid, ...options.header };
  const signed = `${part(header)}.${part(payload)}`;
  const signature = sign('sha256', Buffer.from(signed), {
    key: options.signWith ?? key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return `${signed}.${signature.toString('base64url')}`;
}

describe('the gateway refuses', () => {
  it('nothing of a token that is right (the forgeries below differ from it in one thing)', async () => {
    await using gateway = new GatewayHarness();
    const userId = await gateway.register('ada');
    assert.equal((await gateway.call('GET', '/auth/keys', { token: forge(userId) })).status, 200);
  });

  const strangers = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicPem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' }).toString();
  const forgeries: readonly [string, (userId: string) => string][] = [
    ['an expired token', (id) => forge(id, { exp: nowSeconds - 10 })],
    ['a token from the future', (id) => forge(id, { nbf: nowSeconds + 10 })],
    ['another audience', (id) => forge(id, { aud: 'elsewhere' })],
    ['several audiences', (id) => forge(id, { aud: ['hybridstore', 'elsewhere'] })],
    ['another issuer', (id) => forge(id, { iss: 'metadata-catalog' })],
    ['no expiry', (id) => forge(id, { exp: undefined })],
    ['an expiry as text', (id) => forge(id, { exp: '9999999999' })],
    ['a subject of another kind', (id) => forge(id, { sub: `root:${id}` })],
    ['a user who does not exist', () => forge('00000000-0000-4000-8000-000000000000')],
    ['a key that does not exist', () => forge('', { sub: 'key:0123456789abcdef' })],
    ['a tenant with a path', (id) => forge(id, { tenant: '../../etc' })],
    ['an unknown action', (id) => forge(id, { permissions: [{ sources: ['*'], actions: ['root'] }] })],
    ["a stranger's key under the gateway's key id", (id) => forge(id, {}, { signWith: strangers.privateKey })],
    ['an unknown key id', (id) => forge(id, {}, { kid: 'auth-gateway.unknown' })],
    ['a key id with a path', (id) => forge(id, {}, { kid: `../${key.kid}` })],
    ['a key id that is a prototype', (id) => forge(id, {}, { kid: '__proto__' })],
    ['no key id', (id) => forge(id, {}, { header: { kid: undefined } })],
    ['a header without a type', (id) => forge(id, {}, { header: { typ: undefined } })],
    [
      "a service's own key speaking as the gateway",
      (id) => forge(id, {}, { signWith: catalogKey.privateKey, kid: catalogKey.kid }),
    ],
    [
      "a service's own key speaking of a user",
      (id) => forge(id, { iss: 'metadata-catalog' }, { signWith: catalogKey.privateKey, kid: catalogKey.kid }),
    ],
    [
      "a service's own key speaking as another service",
      () =>
        forge(
          '',
          { iss: 'metadata-catalog', sub: 'service:operator' },
          {
            signWith: catalogKey.privateKey,
            kid: catalogKey.kid,
          },
        ),
    ],
    ['a critical extension', (id) => forge(id, {}, { header: { crit: ['b64'], b64: false } })],
    [
      'a key inside the header',
      (id) => forge(id, {}, { header: { jwk: strangers.publicKey.export({ format: 'jwk' }) } }),
    ],
    ['another type', (id) => forge(id, {}, { header: { typ: 'at+jwt' } })],
    ['alg none', (id) => `${part({ alg: 'none', typ: 'JWT', kid: key.kid })}.${forge(id).split('.')[1]}.`],
    [
      'alg none with a signature',
      (id) => `${part({ alg: 'none', typ: 'JWT', kid: key.kid })}.${forge(id).split('.')[1]}.AA`,
    ],
    [
      'HS256 with the public key as secret',
      (id) => {
        const body = `${part({ alg: 'HS256', typ: 'JWT', kid: key.kid })}.${forge(id).split('.')[1]}`;
        return `${body}.${createHmac('sha256', publicPem).update(body).digest('base64url')}`;
      },
    ],
    [
      'a changed payload',
      (id) => {
        const [header, , signature] = forge(id).split('.');
        const payload = forge(id, { tenant: 'default/globex' }).split('.')[1];
        return `${header}.${payload}.${signature}`;
      },
    ],
    ['a payload that is no JSON', (id) => forge(id).replace(/\.[^.]+\./, '.bm9uc2Vuc2U.')],
    ['a payload that is a number', (id) => forge(id).replace(/\.[^.]+\./, '.MTIz.')],
    ['a header that is no JSON', (id) => `bm9uc2Vuc2U.${forge(id).split('.').slice(1).join('.')}`],
    ['a cut signature', (id) => forge(id).slice(0, -2)],
    ['a signature of zeros', (id) => forge(id).replace(/[^.]+$/, 'A'.repeat(86))],
    ['another spelling of the same signature', (id) => respell(forge(id))],
    ['padding', (id) => `${forge(id)}==`],
    ['a fourth part', (id) => `${forge(id)}.AA`],
    ['a token of 9 KiB', (id) => forge(id, { filler: 'x'.repeat(7_000) })],
    ['no token but text', () => 'nonsense'],
    ['an empty key', () => 'hsk_'],
  ];
  for (const [what, build] of forgeries) {
    it(what, async () => {
      await using gateway = new GatewayHarness();
      const userId = await gateway.register('ada');
      const answer = await gateway.call('GET', '/auth/keys', { token: build(userId) });
      assert.deepEqual([answer.status, answer.body.error?.code], [401, 'unauthenticated'], JSON.stringify(answer.body));
      assert.doesNotMatch(JSON.stringify(answer.body), /\bat .*\.(ts|js):\d+/);
    });
  }

  it('a token that lives longer than it signs one for, and takes it where it may', async () => {
    await using day = new GatewayHarness();
    const statusOf = async (gateway: GatewayHarness, seconds: number) => {
      const token = forge(await gateway.register(`u${seconds}`), { exp: nowSeconds + seconds });
      return (await gateway.call('GET', '/auth/keys', { token })).status;
    };
    assert.deepEqual([await statusOf(day, 86_400), await statusOf(day, 86_401)], [200, 401]);
    await using month = new GatewayHarness({ config: { tokenLifetimeSeconds: 2_592_000 } });
    assert.deepEqual([await statusOf(month, 2_592_000), await statusOf(month, 2_592_001)], [200, 401]);
  });

  const headers = ['Basic YWRhOnB3', 'Bearer', 'Bearer a b', 'bearer  x', ''];
  for (const authorization of headers) {
    it(`the Authorization header ${JSON.stringify(authorization)}`, async () => {
      await using gateway = new GatewayHarness();
      assert.equal((await gateway.call('GET', '/auth/keys', { headers: { authorization } })).status, 401);
    });
  }
});

/** The last character of a 64-byte signature carries four unused bits: sixteen spellings decode to the same bytes. */
function respell(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) ?? '');
  return token.slice(0, -1) + alphabet[last + 1];
}

describe('a service token', () => {
  it('opens the log tail to monitoring only', async () => {
    await using gateway = new GatewayHarness();
    gateway.ring.push({ time: '', level: 'info', service: 'auth-gateway', instance: 'a', event: 'x', fields: {} });
    const call = (token: string) => gateway.call('GET', '/internal/logs', { token });
    const answer = await call(gateway.issuer.serviceToken('monitoring'));
    assert.deepEqual([answer.status, answer.body['next'], answer.body['boot']], [200, 1, gateway.ring.boot]);
    assert.equal((await call(gateway.issuer.serviceToken('operator'))).status, 403);
    assert.equal((await call((await gateway.member('ada', 'default/acme', 'admin')).token)).status, 403);
  });

  it('is no user', async () => {
    await using gateway = new GatewayHarness();
    const token = gateway.issuer.serviceToken('operator', 'default/acme');
    assert.equal((await gateway.call('GET', '/auth/keys', { token })).status, 403);
  });

  it('cannot carry platform administration past the gateway', async () => {
    await using gateway = new GatewayHarness();
    const userId = await gateway.register('ada');
    const content = { sub: 'service:metadata-catalog', platform_admin: true };
    const token = signToken(catalogKey, content, { nowMs: gateway.clock.now(), lifetimeSeconds: 60 });
    assert.equal((await gateway.call('GET', `/auth/permissions/${userId}`, { token })).status, 401);
    const { body } = await gateway.call('POST', '/auth/validate', { body: { token } });
    assert.deepEqual(body, { valid: false, reason: 'a service token carries no rights of users' });
  });
});

describe('validation', () => {
  it('asks for a token when it gets none', async () => {
    await using gateway = new GatewayHarness();
    for (const body of [undefined, {}]) {
      const answer = await gateway.call('POST', '/auth/validate', { body });
      assert.deepEqual([answer.status, answer.body.error?.code], [400, 'invalid_request']);
    }
  });

  it('says why a token does not hold, without its content', async () => {
    await using gateway = new GatewayHarness();
    const answer = await gateway.call('POST', '/auth/validate', { body: { token: 'a.b.c' } });
    assert.deepEqual(
      [answer.status, answer.body['valid'], Object.keys(answer.body)],
      [200, false, ['valid', 'reason']],
    );
  });

  it('prefers the token of the body to that of the header', async () => {
    await using gateway = new GatewayHarness();
    const { token } = await gateway.member('ada', 'default/acme', 'reader');
    const answer = await gateway.call('POST', '/auth/validate', { body: { token }, token: 'nonsense' });
    assert.equal(answer.body['valid'], true);
  });
});
