import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { LoginGuard } from '../src/domain/login-guard.ts';
import { RegistrationLimit } from '../src/domain/registration-limit.ts';
import { systemRandom } from '../src/system-random.ts';

class Guarded {
  readonly clock = new FakeClock();
  readonly guard = new LoginGuard({ clock: this.clock, random: systemRandom });
  checks = 0;

  /** 'right', 'wrong', or the milliseconds to wait for the next attempt. */
  async attempt(isRight: boolean, origin: { username?: string; address?: string; isKnown?: boolean } = {}) {
    const full = { username: 'ada', address: '192.0.2.1', isKnown: false, ...origin };
    try {
      const check = async () => {
        this.checks += 1;
        return isRight;
      };
      return (await this.guard.attempt(full, check)) ? 'right' : 'wrong';
    } catch (error) {
      if (!isHybridStoreError(error, 'overloaded')) throw error;
      return Number(error.details['retry_after_ms']);
    }
  }

  async attempts(
    count: number,
    isRight: boolean,
    origin: { username?: string; address?: string; isKnown?: boolean } = {},
  ) {
    const results = [];
    for (let time = 0; time < count; time += 1) results.push(await this.attempt(isRight, origin));
    return results;
  }
}

describe('the guard of log-ins, from addresses that a name does not know', () => {
  it('lets a name be guessed five times, then after 1 s, doubled with each wrong one up to 60 s', async () => {
    const guarded = new Guarded();
    const waits: unknown[] = await guarded.attempts(5, false);
    for (let round = 0; round < 8; round += 1) {
      const wait = Number(await guarded.attempt(false));
      waits.push(wait);
      await guarded.clock.advance(wait);
      assert.equal(await guarded.attempt(false), 'wrong');
    }
    const wrong = Array(5).fill('wrong');
    assert.deepEqual(waits, [...wrong, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert.equal(guarded.checks, 13);
  });

  it('counts one name from all addresses together, whatever its case', async () => {
    const guarded = new Guarded();
    for (const [index, username] of ['Ada', 'ADA', 'ada', 'aDa', 'adA'].entries())
      await guarded.attempt(false, { username, address: `192.0.2.${index}` });
    assert.equal(await guarded.attempt(true, { address: '198.51.100.1' }), 1_000);
    assert.equal(await guarded.attempt(true, { username: 'bob' }), 'right');
  });

  it('counts one address over all names', async () => {
    const guarded = new Guarded();
    for (let index = 0; index < 20; index += 1) await guarded.attempt(false, { username: `user-${index}` });
    assert.equal(await guarded.attempt(true, { username: 'another' }), 1_000);
    assert.equal(await guarded.attempt(true, { username: 'another', address: '198.51.100.1' }), 'right');
  });

  it('lets no more than five be checked at once', async () => {
    const guarded = new Guarded();
    const results = await Promise.all(Array.from({ length: 100 }, () => guarded.attempt(false)));
    assert.equal(results.filter((result) => result === 'wrong').length, 5);
    assert.equal(guarded.checks, 5);
  });

  it('does not forget guesses for a right password to another account', async () => {
    const guarded = new Guarded();
    for (let round = 0; round < 25; round += 1) {
      await guarded.attempt(false, { username: `user-${round}` });
      await guarded.attempt(true, { username: 'mallory' });
    }
    assert.equal(typeof (await guarded.attempt(true, { username: 'mallory' })), 'number');
  });

  it('does not forget a name for any number of other names', async () => {
    const guarded = new Guarded();
    for (let time = 0; time < 12; time += 1) {
      await guarded.attempt(false);
      await guarded.clock.advance(60_000);
    }
    await guarded.attempt(false);
    for (let index = 0; index < 30_000; index += 1)
      await guarded.attempt(false, { username: `user-${index}`, address: `address-${index}` });
    assert.equal(await guarded.attempt(true), 60_000);
  });

  it('does not count a check that could not run', async () => {
    const guarded = new Guarded();
    const busy = async (): Promise<boolean> => {
      throw new HybridStoreError('unavailable', 'busy');
    };
    const origin = { username: 'ada', address: '192.0.2.1', isKnown: false };
    for (let time = 0; time < 30; time += 1)
      await assert.rejects(guarded.guard.attempt(origin, busy), { code: 'unavailable' });
    assert.equal(await guarded.attempt(true), 'right');
  });

  it('forgets after 15 quiet minutes', async () => {
    const guarded = new Guarded();
    await guarded.attempts(5, false);
    await guarded.clock.advance(901_000);
    assert.deepEqual(await guarded.attempts(5, false), Array(5).fill('wrong'));
  });
});

describe('the guard of log-ins, from an address that a name knows', () => {
  const known = { isKnown: true };

  it('takes a right password at once while strangers guess', async () => {
    const guarded = new Guarded();
    for (let index = 0; index < 200; index += 1) await guarded.attempt(false, { address: `address-${index % 50}` });
    assert.equal(typeof (await guarded.attempt(true, { address: 'elsewhere' })), 'number');
    assert.equal(await guarded.attempt(true, known), 'right');
  });

  it('holds attempts after five wrong ones, up to 3 s, and takes the right one', async () => {
    const guarded = new Guarded();
    assert.deepEqual(await guarded.attempts(5, false, known), Array(5).fill('wrong'));
    for (const heldMs of [500, 1_000, 2_000, 3_000, 3_000]) {
      const held = guarded.attempt(false, known);
      await guarded.clock.advance(heldMs - 1);
      const before = guarded.checks;
      await guarded.clock.advance(1);
      assert.equal(guarded.checks, before + 1, `${heldMs} ms`);
      assert.equal(await held, 'wrong');
    }
    const right = guarded.attempt(true, known);
    await guarded.clock.advance(3_000);
    assert.equal(await right, 'right');
    assert.deepEqual(await guarded.attempts(3, true, known), ['right', 'right', 'right']);
  });

  it('checks one at a time, and refuses what would be held for more than 10 s', async () => {
    const guarded = new Guarded();
    const attempts = Array.from({ length: 100 }, () => guarded.attempt(false, known));
    await guarded.clock.advance(600_000);
    const first = await Promise.all(attempts);
    // One running and 32 behind it; the others may come back in a second.
    assert.deepEqual([first.filter((result) => result === 'wrong').length, guarded.checks], [33, 33]);
    const more = Array.from({ length: 100 }, () => guarded.attempt(false, known));
    await guarded.clock.advance(60_000);
    const second = await Promise.all(more);
    assert.equal(second.filter((result) => result === 'wrong').length, 4);
    assert.ok(second.every((result) => result === 'wrong' || result === 12_000));
  });

  it('takes as many right ones at once as its line holds', async () => {
    const guarded = new Guarded();
    const results = await Promise.all(Array.from({ length: 33 }, () => guarded.attempt(true, known)));
    assert.deepEqual(results, Array(33).fill('right'));
  });

  it('lets go of an attempt whose client is gone', async () => {
    const guarded = new Guarded();
    await guarded.attempts(5, false, known);
    const stop = new AbortController();
    const origin = { username: 'ada', address: '192.0.2.1', isKnown: true };
    const held = guarded.guard.attempt(origin, async () => true, stop.signal);
    stop.abort(new Error('gone'));
    await assert.rejects(held, /gone/);
    const right = guarded.attempt(true, known);
    await guarded.clock.advance(3_000);
    assert.equal(await right, 'right');
  });

  it('counts wrong ones for the address, so that other names are safe from it', async () => {
    const guarded = new Guarded();
    for (let index = 0; index < 20; index += 1)
      await guarded.attempt(false, { username: `user-${index}`, isKnown: true });
    assert.equal(await guarded.attempt(true, { username: 'another' }), 1_000);
  });
});

describe('the limit of registrations', () => {
  it('is 50 at once for an address, then one in 6 s', async () => {
    const clock = new FakeClock();
    const limit = new RegistrationLimit(clock, systemRandom);
    for (let count = 0; count < 50; count += 1) limit.take('192.0.2.1');
    const isLimited = { code: 'overloaded', details: { retry_after_ms: 6_000 } };
    assert.throws(() => limit.take('192.0.2.1'), isLimited);
    limit.take('192.0.2.2');
    await clock.advance(6_000);
    limit.take('192.0.2.1');
    assert.throws(() => limit.take('192.0.2.1'), isLimited);
    await clock.advance(300_000);
    for (let count = 0; count < 50; count += 1) limit.take('192.0.2.1');
    assert.throws(() => limit.take('192.0.2.1'), isLimited);
  });
});
