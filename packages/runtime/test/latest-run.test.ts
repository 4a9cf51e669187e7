import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatestRun } from '@hybridstore/runtime';

test('who asks during a run shares the next one, and sees what was true when it asked', async () => {
  const runs = new LatestRun<string, number>();
  const ends: (() => void)[] = [];
  let fact = 1;
  const look = async () => {
    const seen = fact;
    await new Promise<void>((resolve) => ends.push(resolve));
    return seen;
  };
  const first = runs.run('a', look);
  fact = 2;
  const crowd = Array.from({ length: 20 }, () => runs.run('a', look));
  assert.equal(ends.length, 1);
  ends[0]?.();
  assert.equal(await first, 1);
  while (ends.length < 2) await new Promise(setImmediate);
  ends[1]?.();
  assert.deepEqual(new Set(await Promise.all(crowd)), new Set([2]));
  assert.equal(ends.length, 2);
});

test('a run that fails fails those who share it, and the next one begins all the same', async () => {
  const runs = new LatestRun<string, number>();
  const failing = runs.run('a', () => Promise.reject(new Error('away')));
  const next = runs.run('a', async () => 7);
  await assert.rejects(failing, /away/);
  assert.equal(await next, 7);
  assert.equal(await runs.run('a', async () => 8), 8);
});
