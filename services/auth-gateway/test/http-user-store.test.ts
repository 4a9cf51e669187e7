import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { HttpUserStore } from '../src/clients/http-user-store.ts';

test('while the store of users is away one call tries it now and then, for which no other waits', async () => {
  const clock = new FakeClock();
  const calls: PromiseWithResolvers<{ value: unknown }>[] = [];
  const call = () => {
    const answer = Promise.withResolvers<{ value: unknown }>();
    calls.push(answer);
    return answer.promise;
  };
  const store = new HttpUserStore({
    client: { call } as unknown as HttpClient,
    identity: { token: () => 'token' } as unknown as ServiceIdentity,
    clock,
    logger: silentLogger,
    url: 'http://user-store:8080',
  });
  const away = { code: 'unavailable', message: 'the store of users is away' };

  const first = store.userById('ada');
  calls[0]?.reject(new HybridStoreError('deadline_exceeded', 'no answer'));
  await assert.rejects(first, { code: 'deadline_exceeded' });
  await assert.rejects(store.userById('ada'), away);
  assert.equal(calls.length, 1);

  await clock.advance(500);
  const leaving = store.userById('ada');
  calls[1]?.reject(new HybridStoreError('unavailable', 'closing'));
  await assert.rejects(leaving, { message: 'closing' });
  await assert.rejects(store.userById('bob'), away);
  assert.equal(calls.length, 2);

  await clock.advance(500);
  const trying = store.userById('ada');
  await assert.rejects(store.userById('bob'), away);
  assert.equal(calls.length, 3);
  // A refusal is an answer: the store is there.
  calls[2]?.reject(new HybridStoreError('invalid_request', 'another version'));
  await assert.rejects(trying, { code: 'invalid_request' });

  const next = store.userById('bob');
  assert.equal(calls.length, 4);
  calls[3]?.resolve({ value: undefined });
  assert.equal(await next, undefined);
});
