import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { isTransportFailure, wasNothingSent } from '@hybridstore/http';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { CircuitBreakers } from '../src/clients/circuit-breakers.ts';

const never = new AbortController().signal;
const away = () => Promise.reject(new HybridStoreError('unavailable', 'away', {}, { cause: new Error('reset') }));

async function breakCircuit(breakers: CircuitBreakers, name: string): Promise<void> {
  for (let call = 0; call < 5; call += 1) await assert.rejects(breakers.run(name, never, away), /away/);
}

test('a circuit opens for its own service only and closes after a good trial', async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const breakers = new CircuitBreakers({ logger: silentLogger, isFailure: isTransportFailure });
    await breakCircuit(breakers, 'a');
    await assert.rejects(
      breakers.run('a', never, () => Promise.resolve(1)),
      /left alone/,
    );
    assert.equal(await breakers.run('b', never, () => Promise.resolve(2)), 2);
    mock.timers.setTime(1_002_001);
    assert.equal(await breakers.run('a', never, () => Promise.resolve(3)), 3);
    assert.equal(await breakers.run('a', never, () => Promise.resolve(4)), 4);
  } finally {
    mock.timers.reset();
  }
});

test("the wait for somebody else's trial ends with the query that waits", async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const breakers = new CircuitBreakers({ logger: silentLogger, isFailure: isTransportFailure });
    await breakCircuit(breakers, 'a');
    mock.timers.setTime(1_002_001);
    let finish: (value: number) => void = () => {};
    const trial = breakers.run('a', never, () => new Promise<number>((resolve) => (finish = resolve)));
    const leaving = new AbortController();
    const waiting = breakers.run('a', leaving.signal, () => Promise.resolve(2));
    leaving.abort(new Error('left'));
    await assert.rejects(waiting, /left/);
    finish(1);
    assert.equal(await trial, 1);
  } finally {
    mock.timers.reset();
  }
});

test('only errors of the transport count, and only failed connects are known not to have been sent', () => {
  const withCause = (code: string) =>
    new HybridStoreError('unavailable', 'x', {}, { cause: Object.assign(new Error('x'), { code }) });
  const several = new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })]);
  const cases: readonly [unknown, boolean, boolean][] = [
    [withCause('ECONNREFUSED'), true, true],
    [withCause('UND_ERR_CONNECT_TIMEOUT'), true, true],
    [withCause('ENOTFOUND'), true, true],
    [new HybridStoreError('unavailable', 'x', {}, { cause: several }), true, true],
    [withCause('ECONNRESET'), true, false],
    [withCause('UND_ERR_SOCKET'), true, false],
    [new HybridStoreError('unavailable', 'answered 502', { status: 502 }), true, false],
    [new HybridStoreError('unavailable', 'a member is away', { retry_after_ms: 1 }), false, false],
    [new HybridStoreError('invalid_request', 'no'), false, false],
    [new Error('ECONNREFUSED'), false, false],
  ];
  for (const [error, isFailure, isSafe] of cases)
    assert.deepEqual([isTransportFailure(error), wasNothingSent(error)], [isFailure, isSafe], String(error));
});
