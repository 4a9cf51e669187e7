import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { HashLane } from '../src/domain/ports.ts';
import { HashingLanes } from '../src/passwords/hashing-lanes.ts';

/** Lanes whose hashes end when the test says so. */
class Bench {
  readonly lanes = new HashingLanes();
  readonly started: string[] = [];
  readonly refused: string[] = [];
  readonly #running: { readonly name: string; readonly end: () => void }[] = [];

  ask(lane: HashLane, address: string, name = `${lane} ${address}`, signal?: AbortSignal): void {
    const task = () =>
      new Promise<void>((end) => {
        this.started.push(name);
        this.#running.push({ name, end });
      });
    this.lanes.run({ lane, address, signal }, task).catch((error: unknown) => {
      this.refused.push(isHybridStoreError(error, 'overloaded') ? name : `${name}: ${String(error)}`);
    });
  }

  get running(): string[] {
    return this.#running.map(({ name }) => name);
  }

  /** Ends the oldest hash. */
  async end(): Promise<void> {
    await setImmediate();
    this.#running.shift()?.end();
    await setImmediate();
  }
}

describe('the lanes of slow hashes', () => {
  it('keep one of two places for log-ins, however many registrations there are', async () => {
    const bench = new Bench();
    for (let index = 0; index < 200; index += 1) bench.ask('registration', `address-${index}`);
    await setImmediate();
    assert.equal(bench.running.length, 1);
    bench.ask('unknown', 'ada');
    await setImmediate();
    assert.deepEqual(bench.running, ['registration address-0', 'unknown ada']);
    assert.equal(bench.refused.length, 200 - 65);
  });

  it('take log-ins from known addresses first, then others, then registrations', async () => {
    const bench = new Bench();
    bench.ask('unknown', 'a');
    bench.ask('unknown', 'b');
    bench.ask('registration', 'c');
    bench.ask('unknown', 'd');
    bench.ask('known', 'e');
    for (let step = 0; step < 5; step += 1) await bench.end();
    assert.deepEqual(bench.started, ['unknown a', 'unknown b', 'known e', 'unknown d', 'registration c']);
  });

  it('let addresses take turns', async () => {
    const bench = new Bench();
    for (let index = 0; index < 6; index += 1) bench.ask('unknown', 'flood', `flood ${index}`);
    bench.ask('unknown', 'ada');
    bench.ask('unknown', 'bob');
    for (let step = 0; step < 4; step += 1) await bench.end();
    assert.deepEqual(bench.started.slice(2), ['flood 2', 'unknown ada', 'unknown bob', 'flood 3']);
  });

  it('take the last place of the longest line for an address that has fewer', async () => {
    const bench = new Bench();
    for (let index = 0; index < 70; index += 1) bench.ask('unknown', 'flood', `flood ${index}`);
    await setImmediate();
    assert.deepEqual(bench.refused, ['flood 66', 'flood 67', 'flood 68', 'flood 69']);
    bench.ask('unknown', 'ada');
    await setImmediate();
    assert.deepEqual(bench.refused.slice(4), ['flood 65']);
    for (let step = 0; step < 3; step += 1) await bench.end();
    assert.ok(bench.started.includes('unknown ada'));
  });

  it('give back the place of whoever went away', async () => {
    const bench = new Bench();
    bench.ask('known', 'a');
    bench.ask('known', 'b');
    const stop = new AbortController();
    bench.ask('known', 'gone', 'gone', stop.signal);
    bench.ask('known', 'c');
    stop.abort('left');
    for (let step = 0; step < 3; step += 1) await bench.end();
    assert.deepEqual([bench.started, bench.refused], [['known a', 'known b', 'known c'], ['gone: left']]);
    bench.ask('known', 'd');
    await setImmediate();
    assert.deepEqual(bench.running, ['known d']);
  });

  it('go on after a hash that failed', async () => {
    const lanes = new HashingLanes();
    const order = { lane: 'known', address: 'a' } as const;
    for (let time = 0; time < 3; time += 1)
      await assert.rejects(
        lanes.run(order, () => Promise.reject(new Error('failed'))),
        /failed/,
      );
    assert.equal(await lanes.run(order, async () => 'done'), 'done');
  });
});
