import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import bcrypt from 'bcrypt';
import { parseLegacyUsers } from '../src/domain/legacy-users.ts';
import { ArgonPasswordHasher } from '../src/passwords/argon-password-hasher.ts';
import { GatewayHarness, password } from './gateway-harness.ts';

const hasher = new ArgonPasswordHasher({ bcryptRoundsMax: 5 });
const order = { lane: 'unknown', address: '192.0.2.1' } as const;

/** Rounds of bcrypt that were asked for so far. */
const bcryptCalls = { hash: mock.method(bcrypt, 'hash'), compare: mock.method(bcrypt, 'compare') };
function workOf(): number {
  const hashed = bcryptCalls.hash.mock.calls.map((call) => Number(call.arguments[1]));
  const compared = bcryptCalls.compare.mock.calls.map((call) => Number(String(call.arguments[1]).slice(4, 6)));
  return [...hashed, ...compared].reduce((sum, rounds) => sum + 2 ** rounds, 0);
}

describe('the hasher of passwords', () => {
  it('makes argon2id hashes with the documented costs, each with a salt of its own', async () => {
    const [first, second] = [await hasher.hash('secure_password', order), await hasher.hash('secure_password', order)];
    assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.notEqual(first, second);
    assert.equal(await hasher.verify('secure_password', first, order), true);
    assert.equal(await hasher.verify('secure_passwore', first, order), false);
    assert.equal(hasher.isOutdated(first), false);
  });

  it('distinguishes passwords far beyond 72 bytes', async () => {
    const hash = await hasher.hash(`${'x'.repeat(1_000)}a`, order);
    assert.equal(await hasher.verify(`${'x'.repeat(1_000)}b`, hash, order), false);
  });

  it('says no for an unknown user, after the same work', async () => {
    assert.equal(await hasher.verify('the password of nobody', undefined, order), false);
  });

  it('accepts old bcrypt hashes and calls them outdated', async () => {
    const hash = await bcrypt.hash('secure_password', 4);
    assert.equal(await hasher.verify('secure_password', hash, order), true);
    assert.equal(await hasher.verify('wrong_password', hash, order), false);
    assert.equal(hasher.isOutdated(hash), true);
  });

  it('refuses what bcrypt would cut off at 72 bytes, and hashes above the bound of rounds', async () => {
    const long = 'x'.repeat(73);
    assert.equal(await hasher.verify(long, await bcrypt.hash(long, 4), order), false);
    assert.equal(await hasher.verify('x'.repeat(72), await bcrypt.hash('x'.repeat(72), 4), order), true);
    assert.equal(await hasher.verify('secure_password', await bcrypt.hash('secure_password', 6), order), false);
  });

  it('says no to users of the older system in the time of all others, as long as there are some', async () => {
    const spent = async (verify: (hasher: ArgonPasswordHasher) => Promise<boolean>) => {
      const slow = new ArgonPasswordHasher({ bcryptRoundsMax: 7 });
      slow.awaitOldHashes();
      const before = workOf();
      assert.equal(await verify(slow), false);
      return workOf() - before;
    };
    const [cheap, dear] = [await bcrypt.hash('secure_password', 4), await bcrypt.hash('secure_password', 7)];
    const works = [
      await spent((slow) => slow.verify('wrong', undefined, order)),
      await spent((slow) => slow.verify('wrong', cheap, order)),
      await spent((slow) => slow.verify('wrong', dear, order)),
      await spent((slow) => slow.verify('x'.repeat(100), cheap, order)),
    ];
    assert.deepEqual(works, [2 ** 7, 2 ** 7, 2 ** 7, 2 ** 7]);
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
