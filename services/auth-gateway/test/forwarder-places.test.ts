import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { bodyBounds } from '@hybridstore/contracts';
import { createMetrics, isHybridStoreError, systemClock } from '@hybridstore/runtime';
import { UndiciForwarder } from '../src/clients/undici-forwarder.ts';
import { createGatewayMetrics } from '../src/gateway-metrics.ts';
import { Upstream } from './upstream.ts';

const bounds = {
  calls: { total: 8, each: { origin: 6, tenant: 4, address: 3, user: 2 } },
  uploads: { total: 4, each: { origin: 4, tenant: 3, address: 2, user: 1 } },
};

/** A forwarder behind a small edge, where `x-owners: user tenant address origin` says for whom a call is. */
async function open() {
  const held: (() => void)[] = [];
  const upstreams = await Promise.all(
    ['one', 'two'].map((name) =>
      Upstream.start((request, response) => {
        request.resume();
        held.push(() => response.end(name));
      }),
    ),
  );
  const forwarder = new UndiciForwarder({
    clock: systemClock,
    metrics: createGatewayMetrics(createMetrics('auth-gateway')),
    bounds,
  });
  const edge = createServer(async (request, response) => {
    const [user, tenant, address = '', origin] = String(request.headers['x-owners']).split(' ');
    try {
      await forwarder.forward(
        {
          request,
          bodyBytesMax: bodyBounds.records,
          service: 'operation-node',
          owners: { user, tenant, address },
          baseUrl: upstreams[Number(origin)]?.url ?? '',
          method: 'POST',
          path: '/',
          headers: {},
          isRepeatable: false,
          signal: new AbortController().signal,
        },
        ({ status }) => response.writeHead(status),
      );
    } catch (error) {
      assert.ok(isHybridStoreError(error, 'overloaded'));
      response.writeHead(429).end(String(error.details['bound_of']));
    }
  });
  await new Promise<void>((resolve) => edge.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
  const calls: Promise<unknown>[] = [];
  const send = async (owners: string, bytes: number) => {
    const body = 'x'.repeat(bytes);
    const answer = await fetch(url, { method: 'POST', headers: { 'x-owners': owners }, body });
    return answer.status === 429 ? answer.text() : 'answered';
  };
  return {
    send,
    /** Sends a call whose answer is held, and waits until the service has it. */
    hold: async (owners: string, bytes = 2) => {
      const before = held.length;
      calls.push(send(owners, bytes));
      while (held.length === before) await nextTurn();
    },
    answerAll: async () => {
      for (const end of held.splice(0)) end();
      return Promise.all(calls.splice(0));
    },
    async [Symbol.asyncDispose]() {
      for (const end of held) end();
      await forwarder.close();
      edge.closeAllConnections();
      await new Promise((resolve) => edge.close(resolve));
      for (const upstream of upstreams) await upstream[Symbol.asyncDispose]();
    },
  };
}

describe('places of calls', () => {
  it('are left to others by a user, an address, a tenant and the callers of one service', async () => {
    await using edge = await open();
    await edge.hold('ada acme a 0');
    await edge.hold('ada acme b 0');
    assert.equal(await edge.send('ada acme c 0', 2), 'user');
    await edge.hold('bob acme a 0');
    await edge.hold('eve acme a 0');
    assert.equal(await edge.send('joe acme d 0', 2), 'tenant');
    assert.equal(await edge.send('joe globex a 0', 2), 'address');
    await edge.hold('joe globex d 0');
    await edge.hold('joe globex d 0');
    assert.equal(await edge.send('sue other e 0', 2), 'origin');
    await edge.hold('sue other e 1');
    await edge.hold('sue other e 1');
    assert.equal(await edge.send('tom fourth f 1', 2), 'all');
    assert.deepEqual(await edge.answerAll(), Array(8).fill('answered'));
    await edge.hold('ada acme a 0');
    assert.deepEqual(await edge.answerAll(), ['answered']);
  });

  it('are not taken by bodies that go on while they come: those have places of their own', async () => {
    await using edge = await open();
    const large = 100_000;
    await edge.hold('ada acme a 0', large);
    assert.equal(await edge.send('ada acme a 0', large), 'user');
    await edge.hold('bob acme a 0', large);
    assert.equal(await edge.send('eve globex a 0', large), 'address');
    for (let call = 0; call < 2; call += 1) await edge.hold('ada acme a 0');
    assert.deepEqual(await edge.answerAll(), Array(4).fill('answered'));
  });
});
