import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Endpoint, type Permission, publicAccess, userAccess } from '@hybridstore/contracts';
import { createServer, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { Type } from 'typebox';
import type { ArrivingBytes } from '../src/arriving-bodies.ts';
import type { ConnectionBounds } from '../src/connections.ts';

/** More than the kernel's buffers take of an answer that nobody reads. */
const bigAnswerBytes = 16 * 1024 * 1024;
const body = Type.Object({}, { additionalProperties: true });
const permissions: readonly Permission[] = [{ sources: ['*'], actions: ['read'] }];

/** A server on loopback, where the last number of a client's 127.0.0.x is his address. */
async function open(bounds: { readonly connections?: ConnectionBounds; readonly arrivingBytes?: ArrivingBytes }) {
  const folder = createTemporaryFolder();
  const clock = new FakeClock();
  const issuer = new TestIssuer(folder.path, clock);
  const metrics = createMetrics('tenant-node');
  const server = createServer({
    service: 'tenant-node',
    version: '1',
    logger: silentLogger,
    metrics,
    clock,
    verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
    notReadyReasons: () => [],
    ...bounds,
  });
  const endpoint = (path: string, access: Endpoint['access']): Endpoint => ({
    service: 'tenant-node',
    method: 'POST',
    path,
    summary: '',
    access,
    body,
  });
  const held: (() => void)[] = [];
  server.route(endpoint('/thing', publicAccess), () => ({ done: true }));
  server.route(endpoint('/own', userAccess), () => ({ done: true }));
  server.route(endpoint('/slow', publicAccess), async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return { done: true };
  });
  let bigAnswers = 0;
  server.route(endpoint('/big', publicAccess), (_request, reply) => {
    reply.raw.once('prefinish', () => {
      bigAnswers += 1;
    });
    return { text: 'x'.repeat(bigAnswerBytes) };
  });
  const port = Number(new URL(await server.app.listen({ host: '0.0.0.0', port: 0 })).port);
  const clients: Client[] = [];
  return {
    held,
    bigAnswers: () => bigAnswers,
    metrics,
    tokenOf: (sub: string) =>
      issuer.sign('auth-gateway', { sub, tenant: 'default/acme', permissions: [...permissions] }),
    from: (address: number) => {
      const client = new Client(connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${address}` }));
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const end of held) end();
      for (const { socket } of clients) socket.destroy();
      await server.app.close();
      folder[Symbol.dispose]();
    },
  };
}

class Client {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += String(chunk);
    });
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('error', () => {
      // Who is pushed out may learn it from a reset.
    });
  }

  /** Sends a head that promises `bytes`, and what of the body is given. */
  async send(path: string, bytes: number, sent: string, headers = ''): Promise<this> {
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}content-length: ${bytes}`;
    if (this.socket.connecting) await once(this.socket, 'connect');
    await new Promise<void>((resolve) => this.socket.write(`${head}\r\n\r\n${sent}`, () => resolve()));
    return this;
  }

  async answer(): Promise<string> {
    await until(() => this.text.includes('\r\n\r\n') || this.isClosed);
    return this.text;
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn();
}

const byLastNumber = (max: number, perAddressMax: number): ConnectionBounds => ({
  max,
  perAddressMax,
  addressOf: (peer) => peer?.split('.').at(-1),
});

describe('connections', () => {
  it('that keep a server waiting make room for a newer one of the same address, the oldest first', async () => {
    await using server = await open({ connections: byLastNumber(100, 3) });
    const withheld: Client[] = [];
    for (let number = 0; number < 5; number += 1) withheld.push(await server.from(2).send('/thing', 50, '{'));
    const polite = await server.from(2).send('/thing', 2, '{}');
    assert.match(await polite.answer(), /^HTTP\/1\.1 200 /);
    await until(() => withheld.filter((one) => one.isClosed).length === 3);
    assert.deepEqual(
      withheld.map((one) => one.isClosed),
      [true, true, true, false, false],
    );
    assert.match(withheld[0]?.text ?? '', /^HTTP\/1\.1 503 .*Retry-After: 1\r\n.*"code":"unavailable"/s);
    assert.match(await server.metrics.metrics(), /connections_ended_total\{[^}]*reason="displaced"[^}]*\} 3/);
  });

  it('of one address leave those of another alone, and all together have a bound too', async () => {
    await using server = await open({ connections: byLastNumber(4, 3) });
    const first = await server.from(3).send('/thing', 50, '{');
    const flood: Client[] = [];
    for (let number = 0; number < 8; number += 1) flood.push(await server.from(2).send('/thing', 50, '{'));
    await until(() => flood.filter((one) => one.isClosed).length === 5);
    assert.equal(first.isClosed, false);
    // The fifth of all: the longest wait of all ends, whosever it is.
    const polite = await server.from(4).send('/thing', 2, '{}');
    assert.match(await polite.answer(), /^HTTP\/1\.1 200 /);
    await until(() => first.isClosed);
    assert.equal(flood.filter((one) => one.isClosed).length, 5);
  });

  it('without a request, or idle behind an answer, are the first to go when their wait is the longest', async () => {
    await using server = await open({ connections: byLastNumber(100, 2) });
    const idle = await server.from(2).send('/thing', 2, '{}');
    await idle.answer();
    const silent = server.from(2);
    await once(silent.socket, 'connect');
    const polite = await server.from(2).send('/thing', 2, '{}');
    assert.match(await polite.answer(), /^HTTP\/1\.1 200 /);
    await until(() => idle.isClosed);
    assert.equal(silent.isClosed, false);
  });

  it('whose answer is not taken wait like the others', async () => {
    await using server = await open({ connections: byLastNumber(100, 2) });
    const unread: Client[] = [];
    for (let number = 0; number < 2; number += 1) {
      const client = server.from(2);
      client.socket.pause();
      unread.push(await client.send('/big', 2, '{}'));
    }
    await until(() => server.bigAnswers() === 2);
    const polite = await server.from(2).send('/thing', 2, '{}');
    assert.match(await polite.answer(), /^HTTP\/1\.1 200 /);
    assert.match(await server.metrics.metrics(), /connections_ended_total\{[^}]*reason="displaced"[^}]*\} 1/);
  });

  it('with a whole request under way are never pushed out: then the newest is refused, in the error shape', async () => {
    await using server = await open({ connections: byLastNumber(100, 2) });
    const working = [await server.from(2).send('/slow', 2, '{}'), await server.from(2).send('/slow', 2, '{}')];
    await until(() => server.held.length === 2);
    const newest = await server.from(2).send('/thing', 2, '{}');
    const said = await newest.answer();
    assert.match(said, /^HTTP\/1\.1 429 .*retry-after: 1\r\n/is);
    assert.match(said, /"code":"overloaded".*"retry_after_ms":1000/s);
    await until(() => newest.isClosed);
    const other = await server.from(3).send('/thing', 2, '{}');
    assert.match(await other.answer(), /^HTTP\/1\.1 200 /);
    for (const end of server.held) end();
    for (const one of working) assert.match(await one.answer(), /^HTTP\/1\.1 200 /);
    // Both wait again now, so there is room.
    const next = await server.from(2).send('/thing', 2, '{}');
    assert.match(await next.answer(), /^HTTP\/1\.1 200 /);
  });
});

describe('a connection', () => {
  it('that pipelines more requests than anybody waits for is ended, and so is their work', async () => {
    await using server = await open({});
    const client = server.from(2);
    await once(client.socket, 'connect');
    const one = 'POST /slow HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
    client.socket.write(one.repeat(64));
    await until(() => server.held.length === 64);
    assert.equal(client.isClosed, false);
    client.socket.write(one);
    await until(() => client.isClosed);
    assert.match(await server.metrics.metrics(), /connections_ended_total\{[^}]*reason="pipelined"[^}]*\} 1/);
  });
});

describe('bytes of bodies on their way in', () => {
  const arrivingBytes = { total: 500, each: { user: 200, tenant: 400 } };

  it('are bounded for each user, whatever he withholds, and come back when a body is here or gone', async () => {
    await using server = await open({ arrivingBytes });
    const as = (sub: string) => `authorization: Bearer ${server.tokenOf(sub)}\r\n`;
    const withheld = await server.from(2).send('/own', 150, '{', as('user:ada'));
    for (const bytes of [51, 1_000]) {
      const refused = await server.from(2).send('/own', bytes, '{', as('user:ada'));
      assert.match(await refused.answer(), /^HTTP\/1\.1 429 .*for one user"/s);
    }
    const small = await server.from(2).send('/own', 2, '{}', as('user:ada'));
    assert.match(await small.answer(), /^HTTP\/1\.1 200 /);
    const other = await server.from(2).send('/own', 200, `{${' '.repeat(198)}}`, as('user:bob'));
    assert.match(await other.answer(), /^HTTP\/1\.1 200 /);
    withheld.socket.destroy();
    let said = '';
    while (!said.startsWith('HTTP/1.1 200 '))
      said = await (await server.from(2).send('/own', 200, `{${' '.repeat(198)}}`, as('user:ada'))).answer();
  });
});
