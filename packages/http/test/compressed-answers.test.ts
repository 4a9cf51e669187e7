import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as ask, type IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type Endpoint, endpoints, publicAccess } from '@hybridstore/contracts';
import { createServer, HttpClient, type RouteHandler } from '@hybridstore/http';
import { createMetrics, HybridStoreError, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { chooseCoding, compressedBytesMin } from '../src/compressed-answers.ts';

const rows: Endpoint = {
  service: 'tenant-node',
  method: 'GET',
  path: '/rows',
  summary: 'Rows',
  access: publicAccess,
};
const unpack: Readonly<Record<string, (body: Buffer) => Buffer>> = { gzip: gunzipSync, zstd: zstdDecompressSync };

async function open(handler: RouteHandler, endpoint: Endpoint = rows) {
  const server = createServer({
    service: 'tenant-node',
    version: '1.2.3',
    logger: silentLogger,
    metrics: createMetrics('tenant-node'),
    clock: new FakeClock(),
    verifier: { verify: () => assert.fail('nobody is asked for a token') },
    notReadyReasons: () => [],
  });
  server.route(endpoint, handler);
  const url = await server.app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    async get(accept: string | undefined, method = 'GET'): Promise<{ answer: IncomingMessage; body: Buffer }> {
      const answer = await begin(url, accept, method);
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      return { answer, body: Buffer.concat(parts) };
    },
    begin: (accept: string) => begin(url, accept, 'GET'),
    async [Symbol.asyncDispose]() {
      await server.app.close();
    },
  };
}

async function begin(url: string, accept: string | undefined, method: string): Promise<IncomingMessage> {
  const headers = accept === undefined ? {} : { 'accept-encoding': accept };
  const sent = ask(`${url}/rows`, { method, headers });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

function headersOf({ headers }: IncomingMessage): (string | undefined)[] {
  return [headers['content-encoding'], headers.vary];
}

describe('an answer', () => {
  it('is compressed as its client likes best', () => {
    const cases: readonly (readonly [string | undefined, string | undefined])[] = [
      [undefined, undefined],
      ['', undefined],
      ['zstd, gzip', 'zstd'],
      ['gzip, zstd', 'zstd'],
      ['gzip, deflate, br', 'gzip'],
      ['GZIP', 'gzip'],
      ['x-gzip', 'gzip'],
      ['zstd;q=0.5, gzip;q=0.8', 'gzip'],
      ['zstd;q=0, gzip;q=0.001', 'gzip'],
      ['zstd; q = 0.9 , gzip', 'gzip'],
      ['gzip;q=0, zstd;q=0', undefined],
      ['br', undefined],
      ['*', 'zstd'],
      ['*;q=0', undefined],
      ['*;q=0.5, zstd;q=0', 'gzip'],
      ['identity', undefined],
      ['identity, gzip;q=0.5', undefined],
      ['identity;q=0.5, gzip', 'gzip'],
      ['identity;q=0, gzip', 'gzip'],
      ['gzip;q=2, ;;, =', undefined],
      ['gzip;q=1.0000', undefined],
      [`${'a,'.repeat(1_000)}gzip`, 'gzip'],
    ];
    for (const [header, expected] of cases) assert.deepEqual([header, chooseCoding(header)], [header, expected]);
  });

  it('says what it is compressed with, and that it differs by what was asked', async () => {
    const value = { text: 'long enough '.repeat(1_000) };
    await using server = await open(() => value);
    for (const coding of ['gzip', 'zstd']) {
      const { answer, body } = await server.get(coding);
      assert.deepEqual(headersOf(answer), [coding, 'Accept-Encoding']);
      assert.equal(answer.headers['content-length'], String(body.length));
      assert.ok(body.length < compressedBytesMin);
      assert.deepEqual(JSON.parse(unpack[coding]?.(body).toString() ?? ''), value);
    }
    const { answer, body } = await server.get(undefined);
    assert.deepEqual(headersOf(answer), [undefined, 'Accept-Encoding']);
    assert.deepEqual(JSON.parse(body.toString()), value);
  });

  it('goes out as it is when it is small, one text or a stream', async () => {
    const small = 'x'.repeat(compressedBytesMin - 1);
    for (const handler of [
      (_: unknown, reply: Parameters<RouteHandler>[1]) => reply.type('application/json').send(small),
      (_: unknown, reply: Parameters<RouteHandler>[1]) =>
        reply.type('application/json').send(Readable.from([Buffer.from(small)], { objectMode: false })),
      (_: unknown, reply: Parameters<RouteHandler>[1]) =>
        reply.type('application/json').send(Readable.from([], { objectMode: false })),
    ] satisfies RouteHandler[]) {
      await using server = await open(handler);
      const { answer, body } = await server.get('gzip');
      assert.equal(answer.headers['content-encoding'], undefined);
      assert.ok(body.length === 0 || body.toString() === small);
    }
  });

  it('without a body, of HEAD or of another type is untouched', async () => {
    const value = { text: 'x'.repeat(10_000) };
    await using json = await open(() => value);
    const head = await json.get('gzip', 'HEAD');
    assert.deepEqual([head.answer.headers['content-encoding'], head.body.length], [undefined, 0]);
    for (const status of [204, 304]) {
      await using server = await open((_, reply) => reply.code(status).send());
      const { answer } = await server.get('gzip');
      assert.deepEqual([answer.statusCode, answer.headers['content-encoding']], [status, undefined]);
    }
    await using packed = await open((_, reply) =>
      reply.type('application/octet-stream').send(Buffer.alloc(10_000, 'x')),
    );
    assert.deepEqual(headersOf((await packed.get('gzip')).answer), [undefined, undefined]);
    await using done = await open((_, reply) =>
      reply.type('application/json').header('content-encoding', 'br').send(Buffer.alloc(10_000, 'x')),
    );
    assert.equal((await done.get('gzip')).answer.headers['content-encoding'], 'br');
  });

  it('that holds a secret is never compressed', async () => {
    await using server = await open(() => ({ access_token: 'x'.repeat(10_000) }), { ...rows, holdsSecret: true });
    assert.deepEqual(headersOf((await server.get('gzip, zstd')).answer), [undefined, undefined]);
  });

  it('that holds a secret is known by its endpoint', () => {
    const secret = /"(access_token|token|key|password|secret)":/;
    const tables: readonly Readonly<Record<string, Endpoint>>[] = Object.values(endpoints);
    const holding = tables
      .flatMap((table) => Object.values(table))
      .filter(({ response, path }) => secret.test(JSON.stringify(response ?? {})) || path.startsWith('/auth/validate'));
    assert.deepEqual(
      holding.filter(({ holdsSecret }) => holdsSecret !== true).map(({ path }) => path),
      [],
    );
    assert.ok(holding.length >= 4, `${holding.length}`);
  });

  it('that is streamed goes out piece by piece as it comes', async () => {
    for (const [coding, create] of [['gzip', createGunzip] as const, ['zstd', createZstdDecompress] as const]) {
      const source = new PassThrough();
      await using server = await open((_, reply) => reply.type('application/x-ndjson').send(source));
      source.write('{"row":1}\n');
      const answer = await server.begin(coding);
      assert.deepEqual(headersOf(answer), [coding, 'Accept-Encoding']);
      const lines = answer.pipe(create());
      for (const line of ['{"row":1}\n', '{"row":2}\n', '{"row":3}\n']) {
        const [piece] = (await once(lines, 'data')) as [Buffer];
        assert.equal(piece.toString(), line);
        if (line.includes('1')) source.write('{"row":2}\n');
        else if (line.includes('2')) source.write('{"row":3}\n');
      }
      source.end();
      await once(lines, 'end');
    }
  });

  it('that breaks before its first piece is an error as ever', async () => {
    await using server = await open((_, reply) => {
      const source = new PassThrough();
      setImmediate(() =>
        source.destroy(new HybridStoreError('unavailable', `gone ${'x'.repeat(3_000)}`, { retry_after_ms: 1_000 })),
      );
      return reply.type('application/x-ndjson').send(source);
    });
    const { answer, body } = await server.get('gzip');
    assert.equal(answer.statusCode, 503);
    const text = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    assert.equal(JSON.parse(text.toString()).error.code, 'unavailable');
  });

  it('whose client leaves ends what it was made from', async () => {
    const source = new PassThrough();
    await using server = await open((_, reply) => reply.type('application/x-ndjson').send(source));
    source.write('{"row":1}\n');
    const answer = await server.begin('zstd');
    const closed = new Promise((resolve) => source.once('close', resolve));
    answer.destroy();
    await closed;
    assert.equal(source.destroyed, true);
  });

  it('is asked for and unpacked by a client that wants it so, its errors too', async () => {
    const client = new HttpClient({ asksForCompressed: true });
    const value = { text: 'long enough '.repeat(1_000) };
    let asked: string | undefined;
    await using server = await open((request) => {
      asked = request.headers['accept-encoding'];
      return value;
    });
    assert.deepEqual(await client.call(server.url, rows), value);
    assert.equal(asked, 'zstd, gzip');
    await using refusing = await open(() => {
      throw new HybridStoreError('conflict', 'no '.repeat(2_000));
    });
    await assert.rejects(client.call(refusing.url, rows), { code: 'conflict', message: 'no '.repeat(2_000) });
    const stream = await client.stream(server.url, rows);
    assert.equal(stream.headers['content-encoding'], undefined);
    assert.deepEqual(JSON.parse(Buffer.concat(await Array.fromAsync(stream.body)).toString()), value);
    await client.close();
  });
});
