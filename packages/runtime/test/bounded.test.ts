import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LruCache, runPhases, SingleFlight, silentLogger, systemClock } from '@hybridstore/runtime';
import fc from 'fast-check';

describe('the cache', () => {
  it('behaves as a list of the most recently used entries', () => {
    const operation = fc.tuple(fc.constantFrom('get', 'set', 'delete'), fc.nat(6), fc.nat(100));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(operation, { maxLength: 60 }), (entriesMax, operations) => {
        const cache = new LruCache<number, number>(entriesMax);
        let model: [number, number][] = [];
        for (const [what, key, value] of operations) {
          const held = model.find(([other]) => other === key);
          const others = model.filter(([other]) => other !== key);
          if (what === 'get') assert.equal(cache.get(key), held?.[1]);
          if (what === 'set') cache.set(key, value);
          if (what === 'delete') cache.delete(key);
          if (what === 'set') model = [...others, [key, value] as [number, number]].slice(-entriesMax);
          else model = what === 'get' && held ? [...others, held] : what === 'get' ? model : others;
          assert.equal(cache.size, model.length);
        }
      }),
    );
  });
});

describe('a single flight', () => {
  it('serves all who ask while it flies, and flies anew afterwards', async () => {
    const flights = new SingleFlight<string, number>();
    let runs = 0;
    const fly = () =>
      flights.run('x', async () => {
        runs += 1;
        return runs;
      });
    assert.deepEqual(await Promise.all([fly(), fly(), fly()]), [1, 1, 1]);
    assert.equal(await fly(), 2);
  });

  it('fails for all who ask while it flies, and for nobody later', async () => {
    const flights = new SingleFlight<string, number>();
    const fail = () => flights.run('x', () => Promise.reject(new Error('broken')));
    const results = await Promise.allSettled([fail(), fail()]);
    assert.deepEqual(
      results.map((result) => result.status),
      ['rejected', 'rejected'],
    );
    assert.equal(await flights.run('x', async () => 7), 7);
  });
});

describe('shutdown', () => {
  it('runs every phase in order, also after one that fails, and says so', async () => {
    const ran: string[] = [];
    const phase = (name: string, error?: Error) => ({
      name,
      run: async () => {
        ran.push(name);
        if (error) throw error;
      },
    });
    assert.equal(await runPhases(silentLogger, [phase('a'), phase('b', new Error('x')), phase('c')]), false);
    assert.deepEqual(ran, ['a', 'b', 'c']);
    assert.equal(await runPhases(silentLogger, [phase('d')]), true);
  });
});

describe("the system's clock", () => {
  it('stops sleeping when it is aborted, and does not begin to when it was aborted before', async () => {
    const stop = new AbortController();
    const asleep = systemClock.sleep(1_000_000, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(asleep, /enough/);
    await assert.rejects(systemClock.sleep(1_000_000, stop.signal), /enough/);
  });

  it('runs what is scheduled, and not what was cancelled', async () => {
    const ran: string[] = [];
    const cancel = systemClock.schedule(0, () => ran.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => {
      systemClock.schedule(1, () => resolve());
      // Timers of the clock do not keep a process alive; this one does, for the test.
      setTimeout(() => {}, 50);
    });
    assert.deepEqual(ran, []);
  });
});
