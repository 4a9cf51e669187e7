import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { type Endpoint, publicAccess } from '@hybridstore/contracts';
import { createServer, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { Type } from 'typebox';
import { type SlowClient, SlowClients } from '../src/slow-clients.ts';

const sweepMs = 2_000;
const paces = { body: { windowMs: 10_000, bytesMin: 1_000 }, answer: { windowMs: 60_000, bytesMin: 1_000 } };

/** An exchange whose client sends and takes bytes when the test says so. */
class FakeExchange {
  readonly clock = new FakeClock();
  readonly ended: SlowClient[] = [];
  readonly socket = Object.assign(new EventEmitter(), {
    bytesRead: 200,
    bytesWritten: 0,
    writableLength: 0,
    writable: true,
    destroyed: false,
    said: '',
    end: (text: string) => {
      this.socket.said = text;
      this.socket.destroy();
    },
    destroy: () => {
      this.socket.destroyed = true;
    },
  });
  readonly request = Object.assign(new EventEmitter(), {
    socket: this.socket,
    complete: false,
    destroyed: false,
    readableFlowing: true,
    readableLength: 0,
  });
  readonly response = { req: this.request, socket: this.socket, closed: false };
  isOver = false;
  // Only what is looked at: how far both sides are, and their ends.
  readonly clients = new SlowClients(
    this.clock,
    () => (this.isOver ? [] : [this.response as unknown as ServerResponse]),
    (client) => this.ended.push(client),
    paces,
  );

  /** Up to where its windows open. */
  static async found(): Promise<FakeExchange> {
    const exchange = new FakeExchange();
    exchange.clients.noteRequest();
    await exchange.clock.advance(sweepMs);
    return exchange;
  }

  answer(bytes: number): void {
    this.request.complete = true;
    Object.assign(this.socket, { bytesWritten: bytes, writableLength: bytes });
  }
}

describe('a body', () => {
  it('that stops coming is answered with 408 within seconds, and its connection is closed', async () => {
    const exchange = await FakeExchange.found();
    await exchange.clock.advance(9_000);
    assert.deepEqual(exchange.ended, []);
    await exchange.clock.advance(1_000);
    assert.deepEqual(exchange.ended, ['slow_body']);
    assert.match(exchange.socket.said, /^HTTP\/1\.1 408 Request Timeout\r\n.*Connection: close\r\n\r\n\{"error":/s);
    assert.equal(exchange.socket.destroyed, true);
  });

  it('that comes byte by byte is no better, whatever came before', async () => {
    const exchange = await FakeExchange.found();
    exchange.socket.bytesRead += 50_000;
    await exchange.clock.advance(2_000);
    for (let second = 0; second < 10; second += 1) {
      exchange.socket.bytesRead += 90;
      await exchange.clock.advance(1_000);
    }
    assert.deepEqual(exchange.ended, ['slow_body']);
  });

  it('that comes at its pace goes on, and may end with less', async () => {
    const exchange = await FakeExchange.found();
    for (let second = 0; second < 600; second += 1) {
      exchange.socket.bytesRead += 125;
      await exchange.clock.advance(1_000);
    }
    await exchange.clock.advance(7_000);
    exchange.request.complete = true;
    await exchange.clock.advance(3_600_000);
    assert.deepEqual(exchange.ended, []);
  });

  it('that nobody here takes waits for us, not we for it', async () => {
    for (const state of [{ readableFlowing: false }, { readableLength: 16_384 }]) {
      const exchange = await FakeExchange.found();
      Object.assign(exchange.request, state);
      await exchange.clock.advance(3_600_000);
      assert.deepEqual(exchange.ended, []);
    }
  });

  it('that is withheld behind an answer that is out already ends all the same', async () => {
    const exchange = await FakeExchange.found();
    exchange.response.closed = true;
    await exchange.clock.advance(10_000);
    assert.deepEqual(exchange.ended, ['slow_body']);
  });
});

describe('an answer', () => {
  it('whose client takes nothing, or a byte now and then, is ended after a minute', async () => {
    for (const taken of [0, 10]) {
      const exchange = await FakeExchange.found();
      exchange.answer(500_000);
      for (let second = 0; second < 60; second += 1) {
        exchange.socket.writableLength -= taken;
        await exchange.clock.advance(1_000);
        assert.equal(exchange.socket.destroyed, second === 59);
      }
      assert.deepEqual([exchange.ended, exchange.socket.said], [['slow_reader'], '']);
    }
  });

  it('whose client takes it in leaps goes on', async () => {
    const exchange = await FakeExchange.found();
    exchange.answer(500_000);
    for (let minute = 0; minute < 60; minute += 1) {
      await exchange.clock.advance(50_000);
      exchange.socket.writableLength -= 1_500;
      await exchange.clock.advance(2_000);
    }
    assert.deepEqual(exchange.ended, []);
  });

  it('that has nothing to send waits for its service as long as it likes', async () => {
    const exchange = await FakeExchange.found();
    exchange.answer(0);
    await exchange.clock.advance(3_600_000);
    assert.deepEqual(exchange.ended, []);
  });

  it('that is over leaves no timer behind', async () => {
    const exchange = await FakeExchange.found();
    exchange.answer(0);
    assert.equal(exchange.clock.pending, 1);
    exchange.isOver = true;
    await exchange.clock.advance(sweepMs);
    assert.equal(exchange.clock.pending, 0);
    exchange.clients.noteRequest();
    assert.equal(exchange.clock.pending, 1);
    exchange.clients.close();
    assert.equal(exchange.clock.pending, 0);
  });
});

const thing: Endpoint = {
  service: 'tenant-node',
  method: 'POST',
  path: '/thing',
  summary: '',
  access: publicAccess,
  body: Type.Object({}),
};

describe('a server', () => {
  for (const path of ['/thing', '/nowhere', '/health']) {
    it(`gives up a body of ${path} that does not come, and serves others meanwhile`, async () => {
      using folder = createTemporaryFolder();
      const clock = new FakeClock();
      const metrics = createMetrics('tenant-node');
      const server = createServer({
        service: 'tenant-node',
        version: '1',
        logger: silentLogger,
        metrics,
        clock,
        verifier: new JwksTokenVerifier(new TestIssuer(folder.path, clock).jwksFile, clock),
        notReadyReasons: () => [],
      });
      let runs = 0;
      server.route(thing, () => ({ runs: ++runs }));
      const { hostname, port } = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
      const method = path === '/health' ? 'GET' : 'POST';
      const slow = connect(Number(port), hostname);
      const said: string[] = [];
      slow.on('data', (chunk) => said.push(String(chunk)));
      const head = `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9`;
      await new Promise<void>((resolve) => slow.write(`${head}\r\n\r\n{`, () => resolve()));
      const headers = { 'content-type': 'application/json' };
      const other = await fetch(`http://${hostname}:${port}/thing`, { method: 'POST', headers, body: '{}' });
      assert.deepEqual(await other.json(), { runs: 1 });
      const closed = once(slow, 'close');
      await clock.advance(40_000);
      await closed;
      assert.equal(runs, 1);
      if (path === '/thing') assert.match(said.join(''), /^HTTP\/1\.1 408 /);
      assert.match(await metrics.metrics(), /connections_ended_total\{[^}]*reason="slow_body"[^}]*\} 1/);
      await server.app.close();
    });
  }
});
