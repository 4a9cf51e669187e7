import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createServer, finish, leave, type Server } from '@hybridstore/http';
import { Registry, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';

const delayMs = 5_000;

describe('a process that is to end', () => {
  it('is not ready, answers as before for a while, and asks its clients to connect anew', async () => {
    const { server, clock } = open();
    assert.deepEqual(await ready(server), [200, [], 'keep-alive']);
    const leaving = leave(server, clock, { delayMs, finishMs: 0 });
    assert.deepEqual(await ready(server), [503, ['stopping'], 'close']);
    const { statusCode, headers } = await server.app.inject({ url: '/health' });
    assert.deepEqual([statusCode, headers['connection']], [200, 'close']);
    await clock.advance(delayMs - 1);
    let hasLeft = false;
    void leaving.then(() => {
      hasLeft = true;
    });
    await new Promise(setImmediate);
    assert.equal(hasLeft, false);
    await clock.advance(1);
    await leaving;
    await server.app.close();
  });

  it('goes at once where nobody has to follow', async () => {
    const { server, clock } = open();
    await leave(server, clock, { delayMs: 0, finishMs: 0 });
    assert.deepEqual(await ready(server), [503, ['stopping'], 'close']);
    await server.app.close();
  });

  it('answers what comes in while it closes, on a connection that is at work, with the body that it always has', async () => {
    const { server } = open();
    let release = () => {};
    const isReleased = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isAtWork = () => {};
    const atWork = new Promise<void>((resolve) => {
      isAtWork = resolve;
    });
    server.app.get('/slow', async () => {
      isAtWork();
      await isReleased;
      return { slow: true };
    });
    const accepted: Socket[] = [];
    server.app.server.on('connection', (socket) => accepted.push(socket));
    const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
    const [busy, late] = [await dial(url), await dial(url)];
    busy.write(request('/slow'));
    await atWork;
    // Half of a request: this connection is not idle when the server closes.
    const [head, rest] = [request('/nowhere').slice(0, 20), request('/nowhere').slice(20)];
    late.write(head);
    await untilRead(accepted, request('/slow').length + head.length);
    const closed = server.app.close();
    late.write(rest);
    release();
    assert.match(await readAll(busy), /^HTTP\/1\.1 200 [\s\S]*\{"slow":true\}$/);
    const answer = await readAll(late);
    assert.match(answer, /^HTTP\/1\.1 404 [\s\S]*"code":"not_found"/);
    await closed;
  });
});

describe('a server that is closed', () => {
  const begin = async () => {
    const { server, clock } = open();
    const atWork = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    server.app.get('/slow', async () => {
      atWork.resolve();
      await released.promise;
      return { slow: true };
    });
    const client = await dial(new URL(await server.app.listen({ host: '127.0.0.1', port: 0 })));
    client.write(request('/slow'));
    await atWork.promise;
    await leave(server, clock, { delayMs: 0, finishMs: 0 });
    const closed = finish(server, clock, () => server.app.close(), { delayMs: 0, finishMs: 10_000 });
    return { clock, client, closed, release: released.resolve };
  };

  it('lets what is under way end', async () => {
    const { clock, client, closed, release } = await begin();
    await clock.advance(9_999);
    release();
    assert.match(await readAll(client), /^HTTP\/1\.1 200 [\s\S]*\{"slow":true\}$/);
    await closed;
  });

  it('cuts off what does not', async () => {
    const { clock, client, closed, release } = await begin();
    await clock.advance(10_000);
    assert.equal(await readAll(client), '');
    await closed;
    release();
  });
});

function open() {
  const clock = new FakeClock();
  const server = createServer({
    service: 'monitoring',
    version: '0',
    logger: silentLogger,
    metrics: new Registry(),
    clock,
    verifier: { verify: () => assert.fail('nobody shows a token') },
    notReadyReasons: () => [],
  });
  return { server, clock };
}

async function ready(server: Server) {
  const answer = await server.app.inject({ url: '/ready' });
  return [answer.statusCode, answer.json<{ reasons: string[] }>().reasons, answer.headers['connection']];
}

const request = (path: string) => `GET ${path} HTTP/1.1\r\nhost: here\r\n\r\n`;

async function untilRead(sockets: readonly Socket[], bytes: number): Promise<void> {
  for (let look = 0; look < 10_000; look += 1) {
    if (sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0) >= bytes) return;
    await new Promise(setImmediate);
  }
  assert.fail('the bytes do not arrive');
}

async function dial(url: URL): Promise<Socket> {
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  for await (const bytes of socket) text += String(bytes);
  return text;
}
