import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { GatewayHarness } from './gateway-harness.ts';
import { type Handler, Upstream } from './upstream.ts';

const tenant = 'default/acme';

/** Echoes a body whose length it names; latin-1 in the head, every byte in the body. */
const echoWithLength: Handler = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, { 'content-length': body.length, 'x-said': 'caf\u00e9' }).end(body);
  });
};

/** A gateway that listens, in front of one upstream that stands for every tenant. */
async function open(handler: Handler = echoWithLength) {
  const upstream = await Upstream.start(handler);
  const services = ['operation-node', 'cbo-engine', 'metadata-catalog', 'monitoring', 'query-interpreter'] as const;
  const gateway = new GatewayHarness({
    config: {
      addresses: {
        services: Object.fromEntries(services.map((service) => [service, upstream.url])),
        tenantUrlTemplate: upstream.url,
      },
    },
  });
  const url = new URL(await gateway.fastify.listen({ host: '127.0.0.1', port: 0 }));
  const connections: Connection[] = [];
  return {
    upstream,
    gateway,
    connect: async () => {
      const connection = new Connection(connect(Number(url.port), url.hostname));
      connections.push(connection);
      await once(connection.socket, 'connect');
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const { socket } of connections) socket.destroy();
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

type Answer = { readonly status: number; readonly head: string; readonly body: Buffer };

/** One connection of a client, and the answers on it in the order in which they come. */
class Connection {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #wake = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    // A refused or torn connection shows in the answers that are missing.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  async answer(): Promise<Answer> {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n\r\n') + 4;
      const head = this.#bytes.toString('latin1', 0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (end >= 4 && this.#bytes.length >= end + length) {
        const body = this.#bytes.subarray(end, end + length);
        this.#bytes = this.#bytes.subarray(end + length);
        return { status: Number(head.slice(9, 12)), head, body };
      }
      if (this.socket.closed) throw new Error('the connection closed before a whole answer');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function head(token: string, bytes: number): string {
  const lines = [`authorization: Bearer ${token}`, 'content-type: application/json', `content-length: ${bytes}`];
  return ['POST /data/write HTTP/1.1', 'host: x', ...lines, '', ''].join('\r\n');
}

const request = (token: string, body: Buffer) => Buffer.concat([Buffer.from(head(token, body.length)), body]);
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

describe('on one connection', () => {
  it('requests that come in one piece are handed on whole, each answered with its own, in order', async () => {
    await using edge = await open();
    const { token } = await edge.gateway.member('ada', tenant, 'writer');
    const connection = await edge.connect();
    const bodies = [
      Buffer.from('first'),
      everyByte,
      Buffer.alloc(0),
      Buffer.alloc(20_000, 'long'),
      Buffer.from('last'),
    ];
    connection.socket.write(Buffer.concat(bodies.map((body) => request(token, body))));
    for (const body of bodies) {
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.body.equals(body)], [200, true]);
      assert.match(answer.head, /x-said: caf\u00e9\r\n/);
    }
  });

  it('a body is whole wherever the network has cut it', async () => {
    await using edge = await open();
    const { token } = await edge.gateway.member('ada', tenant, 'writer');
    const connection = await edge.connect();
    const bytes = request(token, everyByte);
    const headBytes = bytes.length - everyByte.length;
    for (const cut of [headBytes - 1, headBytes, headBytes + 1, bytes.length - 1]) {
      connection.socket.write(bytes.subarray(0, cut));
      // The first part has been read by the time that another connection has been answered.
      const other = await edge.connect();
      other.socket.write(request(token, Buffer.from('other')));
      assert.equal(String((await other.answer()).body), 'other');
      connection.socket.write(bytes.subarray(cut));
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.body.equals(everyByte)], [200, true]);
    }
  });

  it('a body that its client gives up leaves nothing behind for the next, small or large', async () => {
    await using edge = await open();
    const { token } = await edge.gateway.member('ada', tenant, 'writer');
    for (const bytes of [50, 1_000_000]) {
      const leaving = await edge.connect();
      leaving.socket.write(head(token, bytes));
      leaving.socket.write('x'.repeat(bytes / 2));
      const meanwhile = await edge.connect();
      meanwhile.socket.write(request(token, Buffer.from('meanwhile')));
      assert.equal(String((await meanwhile.answer()).body), 'meanwhile');
      leaving.socket.destroy();
      await once(leaving.socket, 'close');
      for (const text of ['next', 'and next']) {
        meanwhile.socket.write(request(token, Buffer.from(text)));
        assert.equal(String((await meanwhile.answer()).body), text);
      }
    }
    // What was given up in the middle has reached nobody as a whole.
    const whole = edge.upstream.requests.filter(({ headers }) => Number(headers['content-length']) === 50);
    assert.deepEqual(whole, []);
  });

  it('an answer whose end its service tears tears the connection, and nothing of it is in the next', async () => {
    let answers = 0;
    await using edge = await open((_request, response) => {
      answers += 1;
      if (answers > 1) response.writeHead(200, { 'content-length': 4 }).end('good');
      else response.writeHead(200, { 'content-length': 10 }).write('half', () => response.destroy());
    });
    const { token } = await edge.gateway.member('ada', tenant, 'writer');
    const torn = await edge.connect();
    torn.socket.write(request(token, Buffer.from('a')));
    await assert.rejects(torn.answer(), /closed before a whole answer/);
    const next = await edge.connect();
    next.socket.write(request(token, Buffer.from('b')));
    assert.equal(String((await next.answer()).body), 'good');
  });

  it('a token that was revoked, or has expired, opens nothing from the next request on', async () => {
    await using edge = await open();
    const { gateway } = edge;
    const revoked = await gateway.member('ada', tenant, 'writer');
    const expiring = await gateway.member('bob', tenant, 'writer');
    const connection = await edge.connect();
    const ask = async (token: string) => {
      connection.socket.write(request(token, Buffer.from('{}')));
      return (await connection.answer()).status;
    };
    assert.deepEqual([await ask(revoked.token), await ask(expiring.token)], [200, 200]);
    await gateway.call('POST', '/auth/logout', { token: revoked.token });
    assert.deepEqual([await ask(revoked.token), await ask(expiring.token)], [401, 200]);
    await gateway.clock.advance(86_400_000 + 61_000);
    assert.equal(await ask(expiring.token), 401);
    assert.equal(edge.upstream.requests.length, 3);
  });
});
