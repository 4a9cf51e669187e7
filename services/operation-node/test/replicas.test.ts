import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import type { ErrorBody, RunningQuery } from '@hybridstore/contracts';
import { TestOperation } from './test-operation.ts';

const [first, second, nobody, silent] = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;
const unknownId = `q-${'0'.repeat(32)}`;

const idsOf = ({ body }: { body: unknown }) => (body as { queries: RunningQuery[] }).queries.map((one) => one.query_id);
const codeOf = ({ body }: { body: unknown }) => (body as ErrorBody).error.code;

/** A query runs at the first replica; the second one is asked about it. */
async function startTwo(addresses: readonly string[]) {
  const operation = await TestOperation.start();
  operation.services.execute = () => new Promise(() => {});
  const answer = operation.sql();
  await operation.until(() => operation.services.count('execute') === 1);
  const url = await operation.startReplica(second, addresses);
  return { operation, answer, url, queryId: operation.services.lastExecution().query_id };
}

test('a replica lists and stops what another one runs, each query once', async () => {
  const { operation, answer, url, queryId } = await startTwo([first, second, nobody]);
  await using _ = operation;
  assert.deepEqual(idsOf(await operation.call('GET', '/queries', { url })), [queryId]);
  assert.equal((await operation.call('DELETE', `/queries/${queryId}`, { url })).status, 200);
  assert.deepEqual([(await answer).status, codeOf(await answer)], [410, 'gone']);
  assert.deepEqual(idsOf(await operation.call('GET', '/queries', { url })), []);
  assert.equal((await operation.call('DELETE', `/queries/${queryId}`, { url })).status, 404);
});

test('a replica hands on who asks: a query of somebody else is neither shown nor stopped', async () => {
  const { operation, answer, url, queryId } = await startTwo([first, second]);
  await using _ = operation;
  const reader = [{ sources: ['*'], actions: ['read' as const] }];
  const bob = operation.issuer.sign('auth-gateway', {
    sub: 'user:bob',
    tenant: 'default/acme',
    permissions: reader,
  });
  const foreign = operation.token(undefined, 'default/other');
  for (const token of [bob, foreign])
    assert.deepEqual(idsOf(await operation.call('GET', '/queries', { url, token })), []);
  const stop = async (token: string) => (await operation.call('DELETE', `/queries/${queryId}`, { url, token })).status;
  assert.deepEqual([await stop(bob), await stop(foreign)], [403, 404]);
  assert.equal(operation.app.registry.size, 1);
  await operation.call('DELETE', `/queries/${queryId}`, { url });
  assert.equal((await answer).status, 410);
});

test('what a replica that gives no answer may run is not said to be nowhere', async () => {
  const { operation, url, queryId } = await startTwo([first, second, silent]);
  await using _ = operation;
  using __ = await acceptInSilence(silent, Number(new URL(url).port));
  const [listed, missed, stopped] = await Promise.all([
    operation.call('GET', '/queries', { url }),
    operation.call('DELETE', `/queries/${unknownId}`, { url }),
    operation.call('DELETE', `/queries/${queryId}`, { url }),
  ]);
  assert.deepEqual([codeOf(listed), codeOf(missed)], ['deadline_exceeded', 'deadline_exceeded']);
  assert.equal(stopped.status, 200);
});

/** A process that takes connections and says nothing. */
async function acceptInSilence(address: string, port: number): Promise<Disposable> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => {
    server.listen(port, address, resolve);
  });
  return {
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
