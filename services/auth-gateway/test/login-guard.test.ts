import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isHybridStoreError } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { LoginGuard } from '../src/domain/login-guard.ts';

function fail(guard: LoginGuard, times: number): void {
  for (let time = 0; time < times; time += 1) guard.begin('ada').failed();
}

/** Milliseconds to wait for the next attempt; 0 when it is allowed (and given back). */
function waitMs(guard: LoginGuard): number {
  try {
    guard.begin('ada').abandoned();
    return 0;
  } catch (error) {
    if (!isHybridStoreError(error, 'overloaded')) throw error;
    return Number(error.details['retry_after_ms']);
  }
}

describe('the guard of log-ins', () => {
  it('doubles the lock with each failure beyond five, up to 15 minutes', async () => {
    const clock = new FakeClock();
    const guard = new LoginGuard(clock);
    fail(guard, 5);
    const waits: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const wait = waitMs(guard);
      waits.push(wait);
      await clock.advance(wait);
      guard.begin('ada').failed();
    }
    assert.deepEqual(waits, [30_000, 60_000, 120_000, 240_000, 480_000, 900_000, 900_000]);
  });

  it('starts over after a success', () => {
    const guard = new LoginGuard(new FakeClock());
    fail(guard, 4);
    guard.begin('ada').succeeded();
    fail(guard, 4);
    assert.equal(waitMs(guard), 0);
  });

  it('forgets failures after 15 quiet minutes', async () => {
    const clock = new FakeClock();
    const guard = new LoginGuard(clock);
    fail(guard, 4);
    await clock.advance(900_000);
    fail(guard, 4);
    assert.equal(waitMs(guard), 0);
  });

  it('lets no more than five be checked at once', () => {
    const guard = new LoginGuard(new FakeClock());
    const attempts = Array.from({ length: 5 }, () => guard.begin('ada'));
    assert.equal(waitMs(guard), 1_000);
    for (const attempt of attempts) attempt.failed();
    assert.equal(waitMs(guard), 30_000);
  });

  it('does not count an attempt that could not be checked', () => {
    const guard = new LoginGuard(new FakeClock());
    for (let time = 0; time < 20; time += 1) guard.begin('ada').abandoned();
    assert.equal(waitMs(guard), 0);
  });

  it('keeps names apart, but not their case', () => {
    const guard = new LoginGuard(new FakeClock());
    for (const name of ['Ada', 'ADA', 'ada', 'aDa', 'adA']) guard.begin(name).failed();
    assert.equal(waitMs(guard), 30_000);
    guard.begin('bob').succeeded();
  });
});
