import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Admission, AdmissionQueue, HybridStoreError } from '@hybridstore/runtime';
import fc from 'fast-check';

const bounds = { runningMax: 2, runningPerTenantMax: 2, waitingMax: 10, waitingPerTenantMax: 10 };
const owner = (name: string) => ({ tenant: name[0] ?? '', user: name.slice(0, 2) });
const never = new AbortController().signal;
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

type Owned = { readonly tenant: string; readonly user: string };

/** Admits by name and remembers the order in which places were given. */
class Model {
  readonly order: string[] = [];
  readonly held: (Owned & { readonly admission: Admission })[] = [];
  readonly waiting = new Set<Owned>();
  readonly queue: AdmissionQueue;

  constructor(queue: AdmissionQueue) {
    this.queue = queue;
  }

  ask(tenant: string, name = tenant, signal = never, user = tenant): Promise<void> {
    const owned = { tenant, user };
    this.waiting.add(owned);
    return this.queue
      .admit(owned, signal)
      .then((admission) => {
        this.order.push(name);
        this.held.push({ ...owned, admission });
      })
      .finally(() => this.waiting.delete(owned));
  }

  async finishOne(): Promise<void> {
    this.held.shift()?.admission.release(10);
    await settle();
  }
}

test('tenants take turns, so a long line does not hold up a short one', async () => {
  const model = new Model(new AdmissionQueue({ ...bounds, runningMax: 1 }));
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2']) void model.ask(name[0]!, name);
  await settle();
  while (model.held.length > 0) await model.finishOne();
  assert.deepEqual(model.order, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('a tenant at its own bound leaves the other places free', async () => {
  const model = new Model(new AdmissionQueue({ ...bounds, runningMax: 3 }));
  for (const name of ['a1', 'a2', 'a3', 'b1']) void model.ask(name[0]!, name);
  await settle();
  assert.deepEqual(model.order, ['a1', 'a2', 'b1']);
  assert.deepEqual([model.queue.running, model.queue.waiting], [3, 1]);
  assert.deepEqual(Object.fromEntries(model.queue.loads()), {
    a: { running: 2, waiting: 1 },
    b: { running: 1, waiting: 0 },
  });
});

test('users of a tenant take turns too, and their turns are not more turns of the tenant', async () => {
  const model = new Model(new AdmissionQueue({ ...bounds, runningMax: 1 }));
  for (const [tenant, user, name] of ['a:e:e1', 'a:e:e2', 'a:e:e3', 'a:f:f1', 'b:g:g1', 'b:g:g2', 'a:f:f2'].map((one) =>
    one.split(':'),
  ))
    void model.ask(tenant ?? '', name, never, user);
  await settle();
  while (model.held.length > 0) await model.finishOne();
  assert.deepEqual(model.order, ['e1', 'e2', 'g1', 'f1', 'g2', 'e3', 'f2']);
});

test('one user leaves places, and room in the line, to the others of his tenant', async () => {
  const wide = { runningMax: 64, runningPerTenantMax: 10, waitingMax: 100, waitingPerTenantMax: 10 };
  const queue = new AdmissionQueue(wide);
  const [eve, ada] = [
    { tenant: 'a', user: 'eve' },
    { tenant: 'a', user: 'ada' },
  ];
  for (let query = 0; query < 8; query += 1) await queue.admit(eve, never);
  for (let query = 0; query < 8; query += 1) void queue.admit(eve, never);
  await assert.rejects(queue.admit(eve, never), { code: 'overloaded', message: /^8 queries of the user are waiting/ });
  assert.deepEqual([queue.running, queue.waiting], [8, 8]);
  const admissions = [await queue.admit(ada, never), await queue.admit(ada, never)];
  assert.equal(queue.running, 10);
  const third = queue.admit(ada, never);
  await settle();
  // Eve may not take what Ada gives back.
  admissions[0]?.release(1);
  await third;
  assert.deepEqual([queue.running, queue.waiting], [10, 8]);
});

test('both bounds of the line refuse with the place that there would have been', async () => {
  const total = new AdmissionQueue({ runningMax: 1, runningPerTenantMax: 1, waitingMax: 1, waitingPerTenantMax: 1 });
  await total.admit(owner('a'), never);
  void total.admit(owner('b'), never);
  for (const tenant of ['b', 'c'])
    await assert.rejects(total.admit(owner(tenant), never), (error) => {
      assert.ok(error instanceof HybridStoreError && error.code === 'overloaded');
      assert.equal(error.details['position'], tenant === 'b' ? 2 : 1);
      return true;
    });
});

test('who leaves the line gives its place up', async () => {
  const model = new Model(new AdmissionQueue({ ...bounds, runningMax: 1 }));
  const leaving = new AbortController();
  void model.ask('a', 'first');
  const second = model.ask('a', 'second', leaving.signal);
  void model.ask('a', 'third');
  leaving.abort(new Error('left'));
  await assert.rejects(second, /left/);
  await model.finishOne();
  assert.deepEqual(model.order, ['first', 'third']);
  assert.equal(model.queue.waiting, 0);
});

test('an aborted query is not admitted, and a place is given back once', async () => {
  const queue = new AdmissionQueue(bounds);
  await assert.rejects(queue.admit(owner('a'), AbortSignal.abort(new Error('left'))), /left/);
  const admission = await queue.admit(owner('a'), never);
  admission.release(1);
  admission.release(1);
  assert.equal(queue.running, 0);
  assert.equal(queue.loads().size, 0);
});

test('the time to come back grows with the line and with how long queries take', async () => {
  const queue = new AdmissionQueue({ runningMax: 1, runningPerTenantMax: 1, waitingMax: 3, waitingPerTenantMax: 3 });
  for (let query = 0; query < 100; query += 1) (await queue.admit(owner('a'), never)).release(8_000);
  await queue.admit(owner('a'), never);
  for (let query = 0; query < 3; query += 1) void queue.admit(owner('a'), never);
  await assert.rejects(queue.admit(owner('a'), never), (error) => {
    assert.ok(error instanceof HybridStoreError);
    assert.equal(Math.round(Number(error.details['retry_after_ms']) / 1_000), 16);
    return true;
  });
});

test('for any arrivals, departures and ends: no bound is exceeded and nobody waits beside a free place', async () => {
  const step = fc.record({
    tenant: fc.constantFrom('a', 'b', 'c'),
    user: fc.constantFrom('d', 'e', 'f'),
    action: fc.constantFrom('ask', 'ask', 'leave', 'finish'),
  });
  const small = { runningMax: 7, runningPerTenantMax: 5, waitingMax: 6, waitingPerTenantMax: 5 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const model = new Model(new AdmissionQueue(small));
      const leavers: AbortController[] = [];
      for (const { tenant, user, action } of steps) {
        if (action === 'finish') await model.finishOne();
        else if (action === 'leave') leavers.shift()?.abort(new Error('left'));
        else {
          const leaver = new AbortController();
          leavers.push(leaver);
          model.ask(tenant, tenant, leaver.signal, user).catch(() => {});
        }
        await settle();
        requireBounds(model, small);
      }
    }),
    { numRuns: 50 },
  );
});

function requireBounds(model: Model, limits: typeof bounds): void {
  const { queue, held } = model;
  assert.equal(queue.running, held.length);
  assert.ok(queue.running <= limits.runningMax && queue.waiting <= limits.waitingMax);
  for (const [, load] of queue.loads()) {
    assert.ok(load.running <= limits.runningPerTenantMax && load.waiting <= limits.waitingPerTenantMax);
  }
  const ofUser = (held: readonly Owned[], user: string, tenant: string) =>
    held.filter((one) => one.tenant === tenant && one.user === user).length;
  for (const { tenant, user } of model.held)
    assert.ok(ofUser(model.held, user, tenant) <= Math.ceil(limits.runningPerTenantMax * 0.8));
  for (const { tenant, user } of model.waiting) {
    const running = queue.loads().get(tenant)?.running ?? 0;
    const hasPlace =
      queue.running < limits.runningMax &&
      running < limits.runningPerTenantMax &&
      ofUser(model.held, user, tenant) < Math.ceil(limits.runningPerTenantMax * 0.8);
    assert.ok(!hasPlace, 'somebody waits beside a free place');
  }
  assert.equal(queue.waiting, model.waiting.size);
}
