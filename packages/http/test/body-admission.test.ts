import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Endpoint, may } from '@hybridstore/contracts';
import {
  type AdmitBody,
  type ArrivingBody,
  createServer,
  JwksTokenVerifier,
  type RouteHandler,
} from '@hybridstore/http';
import { createMetrics, retryLater, silentLogger, systemClock } from '@hybridstore/runtime';
import { createTemporaryFolder, TestIssuer } from '@hybridstore/test-kit';
import { Type } from 'typebox';

const described: Endpoint = {
  service: 'tenant-node',
  method: 'POST',
  path: '/thing',
  summary: 'A thing',
  access: may('write'),
  body: Type.Object({ text: Type.String() }),
  bodyBytesMax: 1_000_000,
};
const bytesMin = 100;

/** A server whose bodies of 100 bytes and more are let in by the test. */
async function open(admit: AdmitBody['admit'], handler: RouteHandler = ({ body }) => ({ length: lengthOf(body) })) {
  const folder = createTemporaryFolder();
  // Whether a connection that ended is gone is asked in real time.
  const clock = systemClock;
  const issuer = new TestIssuer(folder.path, clock);
  const server = createServer({
    service: 'tenant-node',
    version: '1.2.3',
    logger: silentLogger,
    metrics: createMetrics('tenant-node'),
    clock,
    verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
    notReadyReasons: () => [],
  });
  const asked: ArrivingBody[] = [];
  let [handled, released] = [0, 0];
  const admission: AdmitBody = {
    bytesMin,
    admit: async (body) => {
      asked.push(body);
      const release = await admit(body);
      return () => {
        released += 1;
        release();
      };
    },
  };
  const count: RouteHandler = (...call) => {
    handled += 1;
    return handler(...call);
  };
  server.route(described, count, { admission });
  const { port } = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
  return {
    asked,
    handled: () => handled,
    released: () => released,
    connect: () => new Client(connect({ host: '127.0.0.1', port: Number(port) }), issuer.userToken('default/acme')),
    async [Symbol.asyncDispose]() {
      server.app.server.closeAllConnections();
      await server.app.close();
      folder[Symbol.dispose]();
    },
  };
}

function lengthOf(body: unknown): number {
  return (body as { readonly text: string }).text.length; // as the endpoint says
}

/** One connection, on which requests come whole or in parts. */
class Client {
  readonly socket: Socket;
  readonly #token: string;
  #text = '';

  constructor(socket: Socket, token: string) {
    this.socket = socket;
    this.#token = token;
    socket.on('data', (part: Buffer) => {
      this.#text += part.toString('latin1');
    });
  }

  send(body: string | Buffer, { headers = '', sent = body.length } = {}): void {
    const length = headers.includes('chunked') ? '' : `content-length: ${body.length}\r\n`;
    this.socket.write(
      `POST /thing HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${this.#token}\r\ncontent-type: application/json\r\n${headers}${length}\r\n`,
    );
    this.socket.write(Buffer.from(body).subarray(0, sent));
  }

  /** Status and body of the next answer. */
  async answer(): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly head: string }> {
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1]);
      if (end >= 0 && this.#text.length >= end + 4 + length) {
        const [head, body] = [this.#text.slice(0, end), this.#text.slice(end + 4, end + 4 + length)];
        this.#text = this.#text.slice(end + 4 + length);
        return { status: Number(head.slice(9, 12)), body: JSON.parse(body) as Record<string, unknown>, head };
      }
      await once(this.socket, 'data');
    }
  }
}

const textOf = (characters: number) => JSON.stringify({ text: 'x'.repeat(characters) });

/** Until what the network brings has come; the test's own time bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe('a body that has to be let in', { timeout: 120_000 }, () => {
  it('is read whole when it is, also the part that was looked at', async () => {
    await using server = await open(async () => () => {});
    const client = server.connect();
    for (const characters of [100, 70_000, 300_000]) {
      client.send(textOf(characters));
      const { status, body } = await client.answer();
      assert.deepEqual([status, body], [200, { length: characters }]);
    }
    await until(() => server.released() === 3);
    assert.deepEqual(
      server.asked.map(({ bytesMax, head }) => [bytesMax, head.toString('latin1', 0, 9)]),
      [111, 70_011, 300_011].map((bytes) => [bytes, '{"text":"']),
    );
  });

  it('is not asked about when it is small, too large, or none', async () => {
    await using server = await open(() => assert.fail('asked'));
    const client = server.connect();
    client.send(textOf(bytesMin - 12));
    assert.equal((await client.answer()).status, 200);
    client.send('');
    assert.equal((await client.answer()).status, 400);
    const other = server.connect();
    other.send(textOf(1_000_000));
    assert.equal((await other.answer()).status, 413);
  });

  it('counts as much as it may become where its length does not say that', async () => {
    await using server = await open(async () => () => {});
    const client = server.connect();
    const text = textOf(20);
    client.send(`${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`, { headers: 'transfer-encoding: chunked\r\n' });
    assert.deepEqual((await client.answer()).body, { length: 20 });
    const packed = gzipSync(textOf(5_000));
    client.send(packed, { headers: 'content-encoding: gzip\r\n' });
    assert.deepEqual((await client.answer()).body, { length: 5_000 });
    assert.deepEqual(
      server.asked.map(({ bytesMax }) => bytesMax),
      [1_000_000, packed.length * 8],
    );
  });

  it('is thrown away unread when it is refused, and its connection goes on', async () => {
    let refuses = true;
    await using server = await open(async () => {
      if (refuses) throw retryLater('overloaded', 'too many', 2_500);
      return () => {};
    });
    const client = server.connect();
    for (const body of ['no json at all '.repeat(10), textOf(70_000), textOf(700_000)]) {
      client.send(body);
      const { status, body: answer, head } = await client.answer();
      assert.deepEqual([status, /retry-after: (\d+)/i.exec(head)?.[1]], [429, '3']);
      assert.match(
        JSON.stringify(answer),
        /"code":"overloaded","message":"too many","details":\{"retry_after_ms":2500\}/,
      );
      assert.doesNotMatch(head, /connection: close/i);
    }
    refuses = false;
    client.send(textOf(300));
    assert.deepEqual((await client.answer()).body, { length: 300 });
    assert.deepEqual([server.handled(), server.released()], [1, 0 + 1]);
  });

  it('is not read while it waits, and the connection of one that is refused later may be closed as ever', async () => {
    const place = Promise.withResolvers<() => void>();
    await using server = await open(() => place.promise);
    const client = server.connect();
    client.send(textOf(70_000), { headers: 'connection: close\r\n' });
    await until(() => server.asked.length === 1);
    assert.equal(server.handled(), 0);
    place.reject(retryLater('overloaded', 'too long', 1_000));
    assert.equal((await client.answer()).status, 429);
    await once(client.socket, 'close');
  });

  for (const [what, bytes] of [
    ['small enough to lie here', 200_000],
    ['whole in one part', 1_000],
  ] as const)
    it(`and whose client leaves while it waits (${what}) waits no more`, async () => {
      const waiting = Promise.withResolvers<() => void>();
      await using server = await open(({ signal }) => {
        signal.addEventListener('abort', () => waiting.reject(signal.reason));
        return waiting.promise;
      });
      const client = server.connect();
      client.send(textOf(bytes));
      await until(() => server.asked.length === 1);
      client.socket.destroy();
      await assert.rejects(waiting.promise, {
        code: 'invalid_request',
        message: 'body: the client left before it was read',
      });
      assert.equal(server.handled(), 0);
    });

  it('asks when it is here, unless it is large, so that who sends slowly holds no place', async () => {
    await using server = await open(async () => () => {});
    const slow = server.connect();
    const text = textOf(200_000);
    slow.send(text, { sent: text.length - 1 });
    const large = server.connect();
    large.send(textOf(300_000), { sent: 1_000 });
    await until(() => server.asked.length === 1);
    assert.equal(server.asked[0]?.bytesMax, 300_011);
    slow.socket.write(text.slice(-1));
    assert.deepEqual((await slow.answer()).body, { length: 200_000 });
    assert.deepEqual([server.asked[1]?.bytesMax, server.asked[1]?.head.length], [200_011, 200_011]);
  });

  it('gives its place back once when its client leaves in its midst', async () => {
    await using server = await open(async () => () => {});
    const client = server.connect();
    client.send(textOf(300_000), { sent: 1_000 });
    await until(() => server.asked.length === 1);
    client.socket.destroy();
    await until(() => server.released() === 1);
    assert.equal(server.handled(), 0);
  });

  it('gives its place back once when it is no JSON, or its handler throws', async () => {
    await using server = await open(
      async () => () => {},
      () => {
        throw retryLater('unavailable', 'not now', 1_000);
      },
    );
    for (const [body, status] of [
      ['no json at all '.repeat(10), 400],
      [textOf(500), 503],
    ] as const) {
      const client = server.connect();
      client.send(body);
      assert.equal((await client.answer()).status, status);
    }
    await until(() => server.released() === 2);
    assert.equal(server.handled(), 1);
  });

  it('keeps its place until its handler has ended, also when its client has left', async () => {
    const work = Promise.withResolvers<object>();
    let signal: AbortSignal | undefined;
    await using server = await open(
      async () => () => {},
      (_request, _reply, context) => {
        signal = context.signal;
        return work.promise as Promise<never>;
      },
    );
    const client = server.connect();
    client.send(textOf(500));
    await until(() => server.handled() === 1);
    client.socket.destroy();
    await until(() => signal?.aborted === true);
    assert.equal(server.released(), 0);
    work.resolve({});
    await until(() => server.released() === 1);
  });
});
