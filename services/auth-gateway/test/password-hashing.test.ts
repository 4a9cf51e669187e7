import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import bcrypt from 'bcrypt';
import { parseLegacyUsers } from '../src/domain/legacy-users.ts';
import { ArgonPasswordHasher } from '../src/passwords/argon-password-hasher.ts';
import { GatewayHarness, password } from './gateway-harness.ts';

const hasher = new ArgonPasswordHasher({ bcryptRoundsMax: 5 });

describe('the hasher of passwords', () => {
  it('makes argon2id hashes with the documented costs, each with a salt of its own', async () => {
    const [first, second] = [await hasher.hash('secure_password'), await hasher.hash('secure_password')];
    assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.notEqual(first, second);
    assert.equal(await hasher.verify('secure_password', first), true);
    assert.equal(await hasher.verify('secure_passwore', first), false);
    assert.equal(hasher.isOutdated(first), false);
  });

  it('distinguishes passwords far beyond 72 bytes', async () => {
    const hash = await hasher.hash(`${'x'.repeat(1_000)}a`);
    assert.equal(await hasher.verify(`${'x'.repeat(1_000)}b`, hash), false);
  });

  it('says no for an unknown user, after the same work', async () => {
    assert.equal(await hasher.verify('the password of nobody', undefined), false);
  });

  it('accepts old bcrypt hashes and calls them outdated', async () => {
    const hash = await bcrypt.hash('secure_password', 4);
    assert.equal(await hasher.verify('secure_password', hash), true);
    assert.equal(await hasher.verify('wrong_password', hash), false);
    assert.equal(hasher.isOutdated(hash), true);
  });

  it('refuses what bcrypt would cut off at 72 bytes, and hashes above the bound of rounds', async () => {
    const long = 'x'.repeat(73);
    assert.equal(await hasher.verify(long, await bcrypt.hash(long, 4)), false);
    assert.equal(await hasher.verify('x'.repeat(72), await bcrypt.hash('x'.repeat(72), 4)), true);
    assert.equal(await hasher.verify('secure_password', await bcrypt.hash('secure_password', 6)), false);
  });

  it('refuses more work than its line holds', async () => {
    const busy = new ArgonPasswordHasher({ bcryptRoundsMax: 5 });
    const stop = new AbortController();
    const work = Array.from({ length: 67 }, () =>
      busy.hash('x', stop.signal).then(
        () => 'done',
        (error: { readonly code?: string }) => error.code ?? 'stopped',
      ),
    );
    stop.abort(new Error('enough'));
    const results = await Promise.all(work);
    assert.deepEqual(
      ['done', 'stopped', 'overloaded'].map((result) => results.filter((other) => other === result).length),
      [2, 64, 1],
    );
  });
});

describe('users of an older system', () => {
  it('are read from JSON lines', async () => {
    const hash = await bcrypt.hash('secure_password', 4);
    const line = JSON.stringify({ username: 'ada', password_hash: hash });
    assert.deepEqual(parseLegacyUsers(`${line}\n\n`, 12), [{ username: 'ada', passwordHash: hash }]);
  });

  const wrongs: readonly [string, string, RegExp][] = [
    ['no JSON', 'ada:$2b$', /line 1: expected a JSON object/],
    ['no name', '{"password_hash":"x"}', /line 1: expected a username/],
    ['another kind of hash', '{"username":"ada","password_hash":"5f4dcc3b"}', /line 1: expected a bcrypt hash/],
    [
      'a hash that is too dear',
      `{"username":"ada","password_hash":"$2b$20$${'a'.repeat(53)}"}`,
      /line 1: expected a cost of at most BCRYPT_ROUNDS \(12\)/,
    ],
  ];
  for (const [what, line, message] of wrongs) {
    it(`with ${what} are refused by line, and no hash is shown`, () => {
      assert.throws(() => parseLegacyUsers(line, 12), { code: 'invalid_request', message });
    });
  }

  it('come in once, without permissions, beside those who are there already', async () => {
    await using gateway = new GatewayHarness();
    const userId = await gateway.register('ada');
    const users = [
      { username: 'ADA', passwordHash: 'plain:other' },
      { username: 'bob', passwordHash: `plain:${password}` },
    ];
    assert.equal(await gateway.app.accounts.importLegacy(users), 1);
    assert.equal(await gateway.app.accounts.importLegacy(users), 0);
    assert.equal((await gateway.login('ada')).user_id, userId);
    assert.equal((await gateway.login('bob')).tenant_id, null);
  });
});
