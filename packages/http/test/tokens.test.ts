import assert from 'node:assert/strict';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { actions, type Permission, type TokenClaims } from '@hybridstore/contracts';
import { callerOf, JwksTokenVerifier, requireAccess, signToken } from '@hybridstore/http';
import { deriveSigningKey } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer, testSecret } from '@hybridstore/test-kit';
import fc from 'fast-check';

const gatewayKey = deriveSigningKey('auth-gateway', testSecret('auth-gateway'));
const permissions = fc.array(
  fc.record(
    {
      sources: fc.array(fc.stringMatching(/^[a-z0-9_*]{1,10}$/), { minLength: 1, maxLength: 3 }),
      actions: fc.subarray([...actions], { minLength: 1 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 4 },
) as fc.Arbitrary<Permission[]>;

const leewaySeconds = 5;

function open(folder: string) {
  const clock = new FakeClock();
  const issuer = new TestIssuer(folder, clock);
  return { clock, issuer, verifier: new JwksTokenVerifier(issuer.jwksFile, clock, undefined, leewaySeconds) };
}

describe('a token', () => {
  it('says what was signed, for any content', () => {
    using folder = createTemporaryFolder();
    const { clock, verifier } = open(folder.path);
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9._@-]{1,40}$/),
        permissions,
        fc.integer({ min: 1, max: 1_000_000 }),
        (name, granted, lifetimeSeconds) => {
          const content = { sub: `user:${name}`, tenant: 'default/acme', permissions: granted, generation: 3 };
          const claims = verifier.verify(signToken(gatewayKey, content, { nowMs: clock.now(), lifetimeSeconds }));
          const { jti, ...rest } = claims;
          const iat = Math.floor(clock.now() / 1_000);
          assert.deepEqual(rest, {
            ...content,
            iss: 'auth-gateway',
            aud: 'hybridstore',
            iat,
            nbf: iat,
            exp: iat + lifetimeSeconds,
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('with any one character changed is refused', () => {
    using folder = createTemporaryFolder();
    const { issuer, verifier } = open(folder.path);
    const token = issuer.userToken('default/acme');
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= \n');
    fc.assert(
      fc.property(fc.nat(token.length - 1), character, (position, other) => {
        fc.pre(token[position] !== other);
        const changed = token.slice(0, position) + other + token.slice(position + 1);
        assert.throws(() => verifier.verify(changed), { code: 'unauthenticated' });
      }),
      { numRuns: 300 },
    );
  });

  it('of any text is refused, and nothing else happens', () => {
    using folder = createTemporaryFolder();
    const { verifier } = open(folder.path);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        assert.throws(() => verifier.verify(text), { code: 'unauthenticated' });
      }),
    );
  });

  it('is known again among more than are kept by their text, and none of them opens anything once its key is gone', async () => {
    using folder = createTemporaryFolder();
    const { clock, issuer, verifier } = open(folder.path);
    const names = Array.from({ length: 300 }, (_, index) => `user:number_${index}`);
    const tokens = names.map((sub) => issuer.sign('auth-gateway', { sub, tenant: 'default/acme', permissions: [] }));
    const subjects = () => tokens.map((token) => verifier.verify(token).sub);
    assert.deepEqual(subjects(), names);
    assert.deepEqual(subjects(), names);
    const { keys } = verifier.jwks;
    writeFileSync(issuer.jwksFile, JSON.stringify({ keys: keys.filter(({ kid }) => kid !== gatewayKey.kid) }));
    await clock.advance(1_000);
    for (const token of tokens) assert.throws(() => verifier.verify(token), { code: 'unauthenticated' });
  });

  it('holds until five seconds after its end, also when it was verified before', async () => {
    using folder = createTemporaryFolder();
    const { clock, issuer, verifier } = open(folder.path);
    const token = issuer.userToken('default/acme', [], 60);
    verifier.verify(token);
    await clock.advance(64_999);
    verifier.verify(token);
    await clock.advance(1);
    assert.throws(() => verifier.verify(token), { code: 'unauthenticated', message: 'token has expired' });
  });

  it('of a clock that runs up to five seconds ahead is taken', () => {
    using folder = createTemporaryFolder();
    const { clock, verifier } = open(folder.path);
    const at = (nowMs: number) => signToken(gatewayKey, { sub: 'user:x' }, { nowMs, lifetimeSeconds: 60 });
    verifier.verify(at(clock.now() + 5_000));
    assert.throws(() => verifier.verify(at(clock.now() + 6_000)), { message: 'token is not valid yet' });
  });
});

describe('the file of keys', () => {
  it('is read again when it changes: a key that left opens nothing, a new one does', async () => {
    using folder = createTemporaryFolder();
    const { clock, issuer, verifier } = open(folder.path);
    const old = issuer.userToken('default/acme');
    verifier.verify(old);
    const next = deriveSigningKey('auth-gateway', testSecret('rotated'));
    writeFileSync(issuer.jwksFile, JSON.stringify({ keys: [next.publicJwk] }));
    await clock.advance(1_000);
    assert.throws(() => verifier.verify(old), { message: 'token is signed by an unknown key' });
    verifier.verify(signToken(next, { sub: 'user:x' }, { nowMs: clock.now(), lifetimeSeconds: 60 }));
    assert.deepEqual(verifier.jwks, { keys: [next.publicJwk] });
  });

  it('may go away or break for a while: the keys in force stay, and a good file is taken again', async () => {
    using folder = createTemporaryFolder();
    const { clock, issuer, verifier } = open(folder.path);
    const token = issuer.userToken('default/acme');
    rmSync(issuer.jwksFile);
    await clock.advance(1_000);
    verifier.verify(token);
    writeFileSync(issuer.jwksFile, '{"keys": [');
    await clock.advance(1_000);
    verifier.verify(token);
    const next = deriveSigningKey('auth-gateway', testSecret('rotated'));
    writeFileSync(issuer.jwksFile, JSON.stringify({ keys: [next.publicJwk] }));
    utimesSync(issuer.jwksFile, 1, 1);
    await clock.advance(1_000);
    assert.throws(() => verifier.verify(token), { code: 'unauthenticated' });
  });

  const broken: readonly [string, string][] = [
    ['no JSON', 'x'],
    ['another shape', '{"key": []}'],
    ['an RSA key', '{"keys": [{"kty": "RSA"}]}'],
    ['a private key', JSON.stringify({ keys: [{ ...gatewayKey.publicJwk, d: 'AAAA' }] })],
  ];
  for (const [what, content] of broken) {
    it(`with ${what} is refused at the start, naming JWKS_FILE`, () => {
      using folder = createTemporaryFolder();
      const path = join(folder.path, 'jwks.json');
      writeFileSync(path, content);
      assert.throws(() => new JwksTokenVerifier(path, new FakeClock()), { message: /^JWKS_FILE: / });
    });
  }
});

describe("a service's identity", () => {
  it('keeps a token for half its life, one for each tenant it acts for', async () => {
    using folder = createTemporaryFolder();
    const { clock, issuer, verifier } = open(folder.path);
    const identity = issuer.identity('metadata-catalog');
    const first = identity.token('default/acme');
    assert.notEqual(identity.token(), first);
    await clock.advance(149_000);
    assert.equal(identity.token('default/acme'), first);
    await clock.advance(1_000);
    const second = identity.token('default/acme');
    assert.notEqual(second, first);
    const claims = verifier.verify(second);
    assert.deepEqual(
      [claims.sub, claims.tenant, claims.permissions],
      ['service:metadata-catalog', 'default/acme', undefined],
    );
  });
});

class ClockSetBack extends FakeClock {
  setBackMs = 0;
  override now(): number {
    return super.now() - this.setBackMs;
  }
}

describe("a service's identity when its clock is set back by an hour", () => {
  it('signs anew at once: the token that it holds is one of the future', () => {
    using folder = createTemporaryFolder();
    const clock = new ClockSetBack();
    const issuer = new TestIssuer(folder.path, clock);
    const verifier = new JwksTokenVerifier(issuer.jwksFile, clock);
    const identity = issuer.identity('metadata-catalog');
    const first = identity.token();
    clock.setBackMs = 3_600_000;
    assert.throws(() => verifier.verify(first), { message: 'token is not valid yet' });
    verifier.verify(identity.token());
  });
});

describe('a caller', () => {
  const claims = (more: Partial<TokenClaims>): TokenClaims => ({
    iss: 'auth-gateway',
    aud: 'hybridstore',
    sub: 'user:x',
    jti: 'x',
    iat: 0,
    nbf: 0,
    exp: 1,
    ...more,
  });
  const reader = claims({ permissions: [{ sources: ['a'], actions: ['read'] }] });
  const service = claims({ iss: 'operator', sub: 'service:operator' });

  it('is who his issuer may speak for', () => {
    assert.equal(callerOf(service, 't').service, 'operator');
    assert.equal(callerOf(reader, 't').service, undefined);
    for (const wrong of [
      claims({ iss: 'operator' }),
      claims({ iss: 'operator', sub: 'key:x' }),
      claims({ iss: 'operator', sub: 'service:monitoring' }),
      claims({ sub: 'service:operator' }),
    ])
      assert.throws(() => callerOf(wrong, 't'), { code: 'unauthenticated' });
  });

  const cases: readonly [string, TokenClaims, Parameters<typeof requireAccess>[1], boolean][] = [
    ['a user on a user endpoint', reader, { kind: 'user' }, true],
    ['a service on a user endpoint', service, { kind: 'user' }, false],
    ['a reader who reads', reader, { kind: 'action', action: 'read' }, true],
    ['a reader who writes', reader, { kind: 'action', action: 'write' }, false],
    ['a user without permissions who reads', claims({}), { kind: 'action', action: 'read' }, false],
    ['a service without permissions that reads', service, { kind: 'action', action: 'read' }, false],
    ['a listed service', service, { kind: 'service', callers: ['operator'] }, true],
    ['another service', service, { kind: 'service', callers: ['monitoring'] }, false],
    ['a user on a service endpoint', reader, { kind: 'service', callers: ['operator'] }, false],
    [
      'a platform administrator on a service endpoint',
      claims({ platform_admin: true }),
      { kind: 'service', callers: ['operator'] },
      false,
    ],
  ];
  for (const [what, whose, access, isAllowed] of cases) {
    it(`${what} is ${isAllowed ? 'let in' : 'refused'}`, () => {
      const enter = () => requireAccess(callerOf(whose, 't'), access);
      if (isAllowed) enter();
      else assert.throws(enter, { code: 'forbidden' });
    });
  }
});
