import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { tenantNodeIssuer, tokenSecondsMax } from '@hybridstore/contracts';
import { callerOf, JwksTokenVerifier } from '@hybridstore/http';
import { HybridStoreError, publicKeyOf, type SigningKey } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';

const folder = createTemporaryFolder('forged');
after(() => folder[Symbol.dispose]());
const clock = new FakeClock();
const issuer = new TestIssuer(folder.path, clock);
const gateway = issuer.key('auth-gateway');
const catalog = issuer.key('metadata-catalog');
const node = issuer.key(tenantNodeIssuer('default/acme'));
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const now = Math.floor(clock.now() / 1_000);

type Json = Record<string, unknown>;
const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url');

/** A token of two texts, signed as they stand: each forgery below differs from a sound token in what it names, and no more. */
function seal(header: string | Buffer, claims: string | Buffer, key: KeyObject = gateway.privateKey): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

const headerOf = (key: SigningKey = gateway, more: Json = {}) => ({ alg: 'ES256', typ: 'JWT', kid: key.kid, ...more });
const userClaims = (more: Json = {}): Json => ({
  iss: 'auth-gateway',
  aud: 'hybridstore',
  jti: 'x',
  iat: now,
  nbf: now,
  exp: now + 60,
  sub: 'user:ada',
  tenant: 'default/acme',
  permissions: [{ sources: ['*'], actions: ['read'] }],
  ...more,
});
const serviceClaims = (key: SigningKey, more: Json = {}): Json => {
  const { tenant, permissions, ...rest } = userClaims({ iss: key.issuer, sub: `service:${key.issuer}` });
  return { ...rest, ...more };
};

const user = (claims: Json, header: Json = {}) =>
  seal(JSON.stringify(headerOf(gateway, header)), JSON.stringify(userClaims(claims)));
const service = (key: SigningKey, claims: Json) =>
  seal(JSON.stringify(headerOf(key)), JSON.stringify(serviceClaims(key, claims)), key.privateKey);
/** The claims of a sound user token, with their text changed. */
const spelled = (from: string | RegExp, to: string) => {
  const text = JSON.stringify(userClaims());
  assert.notEqual(text.replace(from, to), text, `nothing to replace: ${String(from)}`);
  return seal(JSON.stringify(headerOf()), text.replace(from, to));
};
const headed = (text: string | Buffer) => seal(text, JSON.stringify(userClaims()));

/** Times that are forged stay within seconds of the true ones. */
const leewaySeconds = 5;
const open = () => new JwksTokenVerifier(issuer.jwksFile, clock, undefined, leewaySeconds);
const enter = (token: string) => callerOf(open().verify(token), token);

describe('what the forgeries are made from', () => {
  const sound: readonly [string, string][] = [
    ['a user token', user({})],
    ['a user token of the longest life', user({ exp: now + tokenSecondsMax.user })],
    ["a key's token of the longest life", user({ sub: 'key:0123456789abcdef', exp: now + tokenSecondsMax.key })],
    ["a service's token of the longest life", service(catalog, { exp: now + tokenSecondsMax.service })],
    ['a service token that names a tenant', service(catalog, { tenant: 'default/acme' })],
    ["a node's token", service(node, { tenant: 'default/acme' })],
  ];
  for (const [what, token] of sound) it(`${what} is sound`, () => assert.equal(enter(token).token, token));
});

const other = (key: SigningKey, claims: Json) =>
  seal(JSON.stringify(headerOf(key)), JSON.stringify(claims), key.privateKey);
const hmac = (secret: string | Buffer) => {
  const signed = `${encode(JSON.stringify(headerOf(gateway, { alg: 'HS256' })))}.${encode(JSON.stringify(userClaims()))}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
};
const unsigned = (alg: unknown, signature: string) =>
  `${encode(JSON.stringify(headerOf(gateway, { alg })))}.${encode(JSON.stringify(userClaims()))}.${signature}`;
const pem = publicKeyOf(gateway.publicJwk).export({ type: 'spki', format: 'pem' }).toString();
const der = publicKeyOf(gateway.publicJwk).export({ type: 'spki', format: 'der' });
const [soundHeader = '', soundClaims = '', soundSignature = ''] = user({}).split('.');
const headerText = JSON.stringify(headerOf());

const algorithms: readonly [string, string][] = [
  ['alg none', unsigned('none', '')],
  ['alg none with the signature of a sound token', unsigned('none', soundSignature)],
  ['alg None', unsigned('None', 'AA')],
  ['no alg', headed(JSON.stringify({ typ: 'JWT', kid: gateway.kid }))],
  ['alg as a list', headed(JSON.stringify(headerOf(gateway, { alg: ['ES256'] })))],
  ['alg es256', headed(JSON.stringify(headerOf(gateway, { alg: 'es256' })))],
  ['alg ES384 over the same signature', headed(JSON.stringify(headerOf(gateway, { alg: 'ES384' })))],
  ['HS256 with the public key as PEM', hmac(pem)],
  ['HS256 with the public key as DER', hmac(der)],
  ['HS256 with the public key as JWK', hmac(JSON.stringify(gateway.publicJwk))],
  ['HS256 with an empty secret', hmac('')],
  ['a signature of zeros', `${soundHeader}.${soundClaims}.${encode(Buffer.alloc(64))}`],
  ['a signature in DER', sealDer()],
  ["a stranger's signature", seal(headerText, JSON.stringify(userClaims()), stranger.privateKey)],
  [
    'the signature of another token',
    `${soundHeader}.${encode(JSON.stringify(userClaims({ jti: 'y' })))}.${soundSignature}`,
  ],
  ['a signature that is cut', `${soundHeader}.${soundClaims}.${soundSignature.slice(0, -4)}`],
  ['a signature that is longer', `${soundHeader}.${soundClaims}.${soundSignature}AAAA`],
];

function sealDer(): string {
  const signed = `${soundHeader}.${soundClaims}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), gateway.privateKey).toString('base64url')}`;
}

const headers: readonly [string, string][] = [
  ...Object.entries({
    crit: ['exp'],
    'crit, empty': [],
    b64: false,
    jwk: stranger.publicKey.export({ format: 'jwk' }),
    jku: 'https://example.com/keys',
    x5u: 'https://example.com/chain',
    x5c: ['AA'],
    cty: 'JWT',
    zip: 'DEF',
    enc: 'A256GCM',
  }).map(([name, value]): [string, string] => [
    `the header ${name}`,
    headed(JSON.stringify(headerOf(gateway, { [name.split(',')[0] as string]: value }))),
  ]),
  ['crit and b64 together', headed(JSON.stringify(headerOf(gateway, { crit: ['b64'], b64: false })))],
  ['the key id of another issuer', headed(JSON.stringify(headerOf(catalog)))],
  ['an unknown key id', headed(JSON.stringify(headerOf(gateway, { kid: 'auth-gateway.unknown' })))],
  ['a key id with a path', headed(JSON.stringify(headerOf(gateway, { kid: `../../${gateway.kid}` })))],
  ['a key id with an end of text', headed(JSON.stringify(headerOf(gateway, { kid: `${gateway.kid}\u0000` })))],
  ['the key id __proto__', headed(headerText.replace(gateway.kid, '__proto__'))],
  ['a key id as a list', headed(JSON.stringify(headerOf(gateway, { kid: [gateway.kid] as never })))],
  ['no key id', headed(JSON.stringify({ alg: 'ES256', typ: 'JWT' }))],
  ['no typ', headed(JSON.stringify({ alg: 'ES256', kid: gateway.kid }))],
  ['typ at+jwt', headed(JSON.stringify(headerOf(gateway, { typ: 'at+jwt' })))],
  ['typ jwt', headed(JSON.stringify(headerOf(gateway, { typ: 'jwt' })))],
  ['alg twice', headed(headerText.replace('{', '{"alg":"none",'))],
  ['alg twice, the second one escaped', headed(headerText.replace('}', ',"\\u0061lg":"ES256"}'))],
  ['kid twice', headed(headerText.replace('{', `{"kid":"${catalog.kid}",`))],
  ['an escaped member', headed(headerText.replace('"kid"', '"\\u006bid"'))],
  ['an escaped value', headed(headerText.replace('ES256', '\\u0045S256'))],
  ['a space', headed(headerText.replace(',', ', '))],
  ['a line end', headed(`${headerText}\n`)],
  ['a byte order mark', headed(`\ufeff${headerText}`)],
  ['a member __proto__', headed(headerText.replace('{', '{"__proto__":{},'))],
  [
    'bytes that are no UTF-8',
    headed(Buffer.concat([Buffer.from(headerText.slice(0, -2)), Buffer.from([0xff, 0x22, 0x7d])])),
  ],
  ['a list', headed(`[${headerText}]`)],
  ['null', headed('null')],
  ['an empty object', headed('{}')],
];

const claimTexts: readonly [string, string][] = [
  ['sub twice', spelled('{', '{"sub":"user:root",')],
  ['sub twice, the second one escaped', spelled(/\}$/, ',"\\u0073ub":"user:root"}')],
  ['permissions twice', spelled('"permissions"', '"permissions":[],"permissions"')],
  ['tenant twice', spelled('"tenant"', '"tenant":"default/globex","tenant"')],
  ['a doubled member inside permissions', spelled('"actions"', '"actions":["admin"],"actions"')],
  ['exp twice', spelled('"exp"', '"exp":9999999999,"exp"')],
  ['an escaped member', spelled('"sub"', '"s\\u0075b"')],
  ['an escaped value', spelled('user:ada', 'user\\u003aada')],
  ['an escaped slash', spelled('default/acme', 'default\\/acme')],
  ['a space', spelled('{', '{ ')],
  ['a tab behind the end', spelled(/\}$/, '}\t')],
  ['a byte order mark', spelled('{', '\ufeff{')],
  ['exp with a fraction of nothing', spelled(String(now + 60), `${now + 60}.0`)],
  ['exp with an exponent', spelled(String(now + 60), `${(now + 60) / 10}e1`)],
  ['a second object', spelled(/\}$/, '}{}')],
  ['a member __proto__', spelled('{', '{"__proto__":{"platform_admin":true},')],
  ['a member constructor', spelled('{', '{"constructor":{},')],
  ['an unknown member', user({ scope: 'admin' })],
];

const times: readonly [string, string][] = [
  ['that never ends', user({ exp: undefined })],
  ['without iat', user({ iat: undefined })],
  ['without nbf', user({ nbf: undefined })],
  ['that has ended', user({ iat: now - 70, nbf: now - 70, exp: now - 10 })],
  ['that begins later', user({ nbf: now + 30 })],
  ['that was made later', user({ iat: now + 30, nbf: now + 30, exp: now + 60 })],
  ['that was made later than it begins', user({ iat: now + 4 })],
  ['that was made before it begins', user({ iat: now - 100 })],
  ['that began long before it was made', user({ nbf: 0 })],
  ['that began before 1970', user({ nbf: -1 })],
  ['that was made before 1970', user({ iat: -1, nbf: -1 })],
  ['that ends before 1970', user({ exp: -1 })],
  ['that ends when it begins', user({ exp: now })],
  ['that ends before it begins', user({ exp: now - 1 })],
  ['that lives a second too long', user({ exp: now + tokenSecondsMax.user + 1 })],
  ['that lives too long and is old', user({ iat: now - 10, nbf: now - 10, exp: now - 9 + tokenSecondsMax.user })],
  ['that lives a year', user({ exp: now + 365 * 86_400 })],
  ['that ends in milliseconds', user({ exp: clock.now() + 60_000 })],
  ['that ends with the 32-bit clock', user({ exp: 2_147_483_647 })],
  ['that ends with the year 9999', user({ exp: 253_402_300_799 })],
  ['that ends after it', user({ exp: 253_402_300_800 })],
  ['that ends at 2^53', user({ exp: 2 ** 53 })],
  ['that ends at 1e21', user({ exp: 1e21 })],
  ['that ends at 1e400', spelled(String(now + 60), '1e400')],
  ['that ends at -0', spelled(String(now + 60), '-0')],
  ['of fractions', user({ iat: now + 0.5, nbf: now + 0.5 })],
  ['that ends at a fraction', user({ exp: now + 60.5 })],
  ['that ends at a text', user({ exp: String(now + 60) })],
  ['that ends at a list', user({ exp: [now + 60] })],
  ['that ends at null', user({ exp: null })],
  ['that ends at true', user({ exp: true })],
  ['that ends at a date', user({ exp: new Date(clock.now() + 60_000).toISOString() })],
  ['that begins at a text', user({ nbf: String(now) })],
  ["of a key, as long as a user's", user({ sub: 'key:0123456789abcdef', exp: now + 3_600 })],
  ['of a key, a second too long', user({ sub: 'key:0123456789abcdef', exp: now + tokenSecondsMax.key + 1 })],
  ["of a service, as long as a user's", service(catalog, { exp: now + 3_600 })],
  ['of a service, a second too long', service(catalog, { exp: now + tokenSecondsMax.service + 1 })],
  ['of a node, a second too long', service(node, { tenant: 'default/acme', exp: now + tokenSecondsMax.service + 1 })],
];

const names: readonly [string, string][] = [
  ['several audiences', user({ aud: ['hybridstore', 'elsewhere'] })],
  ['an audience as a list of one', user({ aud: ['hybridstore'] })],
  ['another audience', user({ aud: 'hybridstore2' })],
  ['an audience in capitals', user({ aud: 'HybridStore' })],
  ['no audience', user({ aud: undefined })],
  ['an issuer as a list', user({ iss: ['auth-gateway'] })],
  ['an issuer with a space', user({ iss: 'auth-gateway ' })],
  ['no issuer', user({ iss: undefined })],
  ['no subject', user({ sub: undefined })],
  ['a subject as a list', user({ sub: ['user:ada'] })],
  ['a subject of no kind', user({ sub: 'ada' })],
  ['a subject of another kind', user({ sub: 'root:ada' })],
  ['a subject in capitals', user({ sub: 'USER:ada' })],
  ['a subject of two lines', user({ sub: 'user:ada\nservice:operator' })],
  ['a subject with a Cyrillic letter', user({ sub: 'user:\u0430da' })],
  ['a tenant with a path', user({ tenant: '../etc' })],
  ['a tenant as a list', user({ tenant: ['default/acme'] })],
  ['a tenant in capitals', user({ tenant: 'Default/acme' })],
  ['permissions as an object', user({ permissions: { 0: { sources: ['*'], actions: ['admin'] } } })],
  ['an unknown action', user({ permissions: [{ sources: ['*'], actions: ['root'] }] })],
  ['a source with a path', user({ permissions: [{ sources: ['../*'], actions: ['read'] }] })],
  ['65 permissions', user({ permissions: Array(65).fill({ sources: ['s'], actions: ['read'] }) })],
  ['platform_admin as a text', user({ platform_admin: 'true' })],
  ['platform_admin as a number', user({ platform_admin: 1 })],
  ['a negative generation', user({ generation: -1 })],
  [
    'the gateway speaking as another service',
    user({ sub: 'service:operator', permissions: undefined, tenant: undefined }),
  ],
  ["the gateway speaking as a tenant's node", user({ sub: `service:${node.issuer}`, permissions: undefined })],
  ["a service's key under the gateway's name", other(catalog, userClaims())],
  ["a service's key speaking of a user", other(catalog, userClaims({ iss: catalog.issuer }))],
  [
    "a service's key speaking of a key",
    other(catalog, userClaims({ iss: catalog.issuer, sub: 'key:0123456789abcdef' })),
  ],
  ["a service's key speaking of another service", service(catalog, { sub: 'service:operator' })],
  ["a service's key speaking of a node", service(catalog, { sub: `service:${node.issuer}`, tenant: 'default/acme' })],
  ['a service with permissions', service(catalog, { permissions: [{ sources: ['*'], actions: ['read'] }] })],
  [
    'a service with permissions in a tenant',
    service(catalog, { tenant: 'default/acme', permissions: [{ sources: ['*'], actions: ['read'] }] }),
  ],
  ['a service with empty permissions', service(catalog, { permissions: [] })],
  ['a service as platform administrator', service(catalog, { platform_admin: true })],
  ['a service as no platform administrator', service(catalog, { platform_admin: false })],
  ['a service with a generation', service(catalog, { generation: 0 })],
  ['a service with an owner', service(catalog, { owner: 'user:ada' })],
  ['a user with another owner', user({ owner: 'user:ben' })],
  ['the gateway itself with permissions', service(gateway, { permissions: [{ sources: ['*'], actions: ['read'] }] })],
  [
    'a node with permissions',
    service(node, { tenant: 'default/acme', permissions: [{ sources: ['*'], actions: ['read'] }] }),
  ],
  ['a node of another tenant', service(node, { tenant: 'default/globex' })],
  ['a node without a tenant', service(node, {})],
  ['a node speaking for every tenant', service(node, { tenant: '*' })],
  ['a key as platform administrator', user({ sub: 'key:0123456789abcdef', platform_admin: true })],
  ['a key with a generation', user({ sub: 'key:0123456789abcdef', generation: 9 })],
];

const texts: readonly [string, string][] = [
  ['nothing', ''],
  ['two parts', `${soundHeader}.${soundClaims}`],
  ['four parts', `${user({})}.AA`],
  ['an empty header', `.${soundClaims}.${soundSignature}`],
  ['an empty signature', `${soundHeader}.${soundClaims}.`],
  ['padding', `${soundHeader}=.${soundClaims}.${soundSignature}`],
  ['base64 of the old alphabet', `${soundHeader}.${soundClaims}.+${soundSignature.slice(1)}`],
  ['a space before it', ` ${user({})}`],
  ['a line end behind it', `${user({})}\n`],
  ['a line end within it', `${soundHeader}.\n${soundClaims}.${soundSignature}`],
  ['a byte of zero', `${user({})}\u0000`],
  ['more than 8 KiB', user({ jti: 'x'.repeat(8_192) })],
  [
    'the JSON form of a JWS',
    JSON.stringify({ protected: soundHeader, payload: soundClaims, signature: soundSignature }),
  ],
  ['a token of five parts', `${soundHeader}.AA.AA.AA.AA`],
];

for (const [group, forgeries] of Object.entries({
  'an algorithm or signature': algorithms,
  'a header': headers,
  'the text of claims': claimTexts,
  'a token': times,
  claims: names,
  'a text': texts,
}))
  describe(`${group}: refused is`, () => {
    for (const [what, token] of forgeries)
      it(what, () => {
        assert.throws(
          () => enter(token),
          (error: unknown) => {
            assert.ok(error instanceof HybridStoreError);
            assert.equal(error.code, 'unauthenticated', error.message);
            assert.deepEqual(error.details, {});
            return true;
          },
        );
      });
  });

it('the corpus is as large as it is said to be', (context) => {
  const count = [algorithms, headers, claimTexts, times, names, texts].reduce((sum, group) => sum + group.length, 0);
  context.diagnostic(`${count} forgeries`);
  assert.ok(count >= 150, `${count} forgeries`);
});

describe('a key in the key set whose id names no issuer', () => {
  for (const kid of ['grafana', '.grafana', 'auth-gateway', '.', ''])
    it(`signs for nobody: ${JSON.stringify(kid)}`, () => {
      using own = createTemporaryFolder('nameless');
      const keys = new TestIssuer(own.path, clock);
      const jwks = open().jwks;
      const { x = '', y = '' } = stranger.publicKey.export({ format: 'jwk' });
      writeFileSync(keys.jwksFile, JSON.stringify({ keys: [...jwks.keys, { ...gateway.publicJwk, x, y, kid }] }));
      const verifier = new JwksTokenVerifier(keys.jwksFile, clock);
      for (const claims of [userClaims(), userClaims({ iss: '' }), userClaims({ iss: kid }), serviceClaims(catalog)]) {
        const token = seal(JSON.stringify({ ...headerOf(), kid }), JSON.stringify(claims), stranger.privateKey);
        assert.throws(() => callerOf(verifier.verify(token), token), { code: 'unauthenticated' });
      }
    });
});

describe('a token that was verified before', () => {
  it('ends with its own time, to the second', async () => {
    const own = new FakeClock();
    const verifier = new JwksTokenVerifier(issuer.jwksFile, own, undefined, leewaySeconds);
    const token = user({ exp: now + 30 });
    for (let passed = 0; passed < 35; passed += 1, await own.advance(1_000)) verifier.verify(token);
    assert.throws(() => verifier.verify(token), { code: 'unauthenticated', message: 'token has expired' });
  });

  it('ends within a second of the moment at which its key is taken out, also where nobody can tell by the file', async () => {
    using own = createTemporaryFolder('rotation');
    const time = new FakeClock();
    const keys = new TestIssuer(own.path, time);
    const verifier = new JwksTokenVerifier(keys.jwksFile, time);
    const [stays, goes] = [keys.userToken('default/acme'), keys.serviceToken('metadata-catalog')];
    for (const token of [stays, goes]) verifier.verify(token);
    // In place, and as long as before: another key under another id of the same length.
    const successor = keys.key('metadata-catalog').publicJwk;
    const text = JSON.stringify(verifier.jwks);
    const rotated = text.replace(
      successor.kid,
      `${successor.kid.slice(0, -1)}${successor.kid.endsWith('A') ? 'B' : 'A'}`,
    );
    assert.equal(rotated.length, text.length);
    writeFileSync(keys.jwksFile, rotated);
    await time.advance(1_000);
    assert.throws(() => verifier.verify(goes), { message: 'token is signed by an unknown key' });
    verifier.verify(stays);
  });

  it('ends with the word of who knows what was revoked', () => {
    const revoked = new Set<string>();
    const verifier = new JwksTokenVerifier(issuer.jwksFile, clock, {
      requireStanding: ({ sub }) => {
        if (revoked.has(sub)) throw new HybridStoreError('unauthenticated', 'the token was revoked');
      },
    });
    const token = user({});
    verifier.verify(token);
    revoked.add('user:ada');
    assert.throws(() => verifier.verify(token), { code: 'unauthenticated', message: 'the token was revoked' });
  });
});
