import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '@hybridstore/runtime';
import { GatewayHarness } from './gateway-harness.ts';
import { echo, Upstream } from './upstream.ts';

const tenant = 'default/acme';
const withheldRequests = 1_100;
const withheldAtOnce = 100;

/** A gateway that listens, in front of one upstream that stands for every service and tenant. */
async function open() {
  const upstream = await Upstream.start(echo);
  const services = ['operation-node', 'cbo-engine', 'metadata-catalog', 'monitoring', 'query-interpreter'] as const;
  const gateway = new GatewayHarness({
    clock: systemClock,
    config: {
      addresses: {
        services: Object.fromEntries(services.map((service) => [service, upstream.url])),
        tenantUrlTemplate: upstream.url,
      },
    },
  });
  const url = new URL(await gateway.fastify.listen({ host: '127.0.0.1', port: 0 }));
  const sockets: Socket[] = [];
  return {
    upstream,
    gateway,
    url,
    /** Opens a request and sends its head and one byte. */
    withhold: async (path: string, headers: Record<string, string>) => {
      const socket = connect(Number(url.port), url.hostname);
      sockets.push(socket);
      socket.on('error', () => {}); // who is pushed out may learn it from a reset
      socket.resume();
      await once(socket, 'connect');
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      await new Promise<void>((resolve) =>
        socket.write([`POST ${path} HTTP/1.1`, 'host: x', ...head, '', '1'].join('\r\n'), () => resolve()),
      );
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

const shapes: readonly [string, string, Record<string, string>][] = [
  ['queries of a few bytes', '/query/sql', { 'content-length': '50' }],
  ['queries of 100,000 bytes', '/query/sql', { 'content-length': '100000' }],
  ['writes of unknown length', '/data/write', { 'transfer-encoding': 'chunked' }],
];

describe('1,100 requests of one user whose bodies are withheld', () => {
  for (const [what, path, length] of shapes) {
    it(`(${what}) leave another user's call through, from the same address, and a log-in`, async () => {
      await using platform = await open();
      const eve = await platform.gateway.member('eve', tenant, 'admin');
      const ada = await platform.gateway.member('ada', tenant, 'admin');
      const headers = (token: string) => ({ authorization: `Bearer ${token}`, 'content-type': 'application/json' });
      for (let sent = 0; sent < withheldRequests; sent += withheldAtOnce)
        await Promise.all(
          Array.from({ length: withheldAtOnce }, () => platform.withhold(path, { ...headers(eve.token), ...length })),
        );
      for (const asked of ['/query/sql', '/data/write']) {
        const answer = await fetch(new URL(asked, platform.url), {
          method: 'POST',
          headers: headers(ada.token),
          body: '{"query":"SELECT 1"}',
        });
        assert.deepEqual([answer.status, await answer.text()], [200, '{"query":"SELECT 1"}']);
      }
      const credentials = { username: 'ada', password: 'secure_password' };
      const login = await fetch(new URL('/auth/login', platform.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(credentials),
      });
      assert.equal(login.status, 200);
    });
  }
});

describe('calls under way', () => {
  it('of one user through all his keys leave places to the others of his tenant', async () => {
    let arrived = 0;
    const held: (() => void)[] = [];
    const upstream = await Upstream.start((request, response) => {
      arrived += 1;
      if (request.url !== '/query/dsl') return response.end('{}');
      held.push(() => response.end('{}'));
      return undefined;
    });
    await using gateway = new GatewayHarness({
      clock: systemClock,
      config: { addresses: { services: { 'operation-node': upstream.url }, tenantUrlTemplate: upstream.url } },
    });
    const url = await gateway.fastify.listen({ host: '127.0.0.1', port: 0 });
    const eve = await gateway.member('eve', tenant, 'admin');
    const ada = await gateway.member('ada', tenant, 'admin');
    const keys = [await gateway.createKey(eve.token), await gateway.createKey(eve.token)];
    const ask = async (token: string, path: string) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await fetch(url + path, { method: 'POST', headers, body: '{}' });
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), text: await answer.text() };
    };
    const slow = Array.from({ length: 256 }, (_, call) => ask(keys[call % 2] ?? '', '/query/dsl'));
    while (arrived < 256) await nextTurn();
    for (const token of [eve.token, ...keys]) {
      const refused = await ask(token, '/query/sql');
      assert.deepEqual([refused.status, refused.retryAfter], [429, '1']);
      assert.match(refused.text, /"code":"overloaded","message":"expected at most 256 calls under way for one user"/);
    }
    assert.equal((await ask(ada.token, '/query/sql')).status, 200);
    for (const end of held) end();
    assert.ok((await Promise.all(slow)).every(({ status }) => status === 200));
    assert.equal((await ask(eve.token, '/query/sql')).status, 200);
    await upstream[Symbol.asyncDispose]();
  });
});
