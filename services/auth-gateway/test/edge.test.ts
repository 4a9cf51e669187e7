import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { GatewayHarness } from './gateway-harness.ts';

/** What a server answers to raw bytes, up to the end of the connection. */
async function talk(url: string, ...parts: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.on('error', () => {
    // A server that refuses may tear the connection while parts are still on their way.
  });
  for (const part of parts) socket.write(part);
  await once(socket, 'close');
  return answer;
}

describe('the public edge', () => {
  it('answers every request with security headers and no banner', async () => {
    await using gateway = new GatewayHarness();
    for (const path of ['/health', '/nowhere', '/auth/keys', '/.well-known/jwks.json']) {
      const { headers } = await gateway.call('GET', path);
      assert.equal(headers['x-content-type-options'], 'nosniff', path);
      assert.equal(headers['x-frame-options'], 'DENY');
      assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['server'], undefined);
      assert.equal(headers['x-powered-by'], undefined);
      assert.equal(headers['access-control-allow-origin'], undefined);
      assert.equal(typeof headers['x-request-id'], 'string');
    }
  });

  it('takes the request id of the caller when it is harmless, and makes one otherwise', async () => {
    await using gateway = new GatewayHarness();
    const idOf = async (id: string) =>
      (await gateway.call('GET', '/health', { headers: { 'x-request-id': id } })).headers['x-request-id'];
    assert.equal(await idOf('my-id.1:2'), 'my-id.1:2');
    assert.match(String(await idOf('<script>')), /^[0-9a-f-]{36}$/);
    assert.match(String(await idOf('x'.repeat(200))), /^[0-9a-f-]{36}$/);
  });

  it('answers origins that are listed, and no other', async () => {
    await using gateway = new GatewayHarness({ config: { allowedOrigins: ['https://app.example.com'] } });
    const allowed = async (origin: string) =>
      (await gateway.call('GET', '/health', { headers: { origin } })).headers['access-control-allow-origin'];
    assert.equal(await allowed('https://app.example.com'), 'https://app.example.com');
    assert.equal(await allowed('https://app.example.com.evil.com'), undefined);
    assert.equal(await allowed('http://app.example.com'), undefined);
    assert.equal(await allowed('null'), undefined);
  });

  it('answers a preflight of a listed origin, and 404 without any list', async () => {
    const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' };
    await using open = new GatewayHarness({ config: { allowedOrigins: ['https://app.example.com'] } });
    const answer = await open.fastify.inject({ method: 'OPTIONS', url: '/data/write', headers: preflight });
    assert.equal(answer.statusCode, 204);
    assert.match(String(answer.headers['access-control-allow-headers']), /authorization/);
    assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    await using closed = new GatewayHarness();
    const refused = await closed.fastify.inject({ method: 'OPTIONS', url: '/data/write', headers: preflight });
    assert.deepEqual([refused.statusCode, refused.headers['access-control-allow-origin']], [405, undefined]);
  });

  it('puts the headers of a listed origin on a forwarded answer too', async () => {
    await using gateway = new GatewayHarness({ config: { allowedOrigins: ['https://app.example.com'] } });
    const answer = await gateway.call('GET', '/sources', { headers: { origin: 'https://app.example.com' } });
    assert.deepEqual(
      [answer.status, answer.headers['access-control-allow-origin'], answer.headers['vary']],
      [401, 'https://app.example.com', 'Origin'],
    );
  });

  it('describes itself: health, readiness, metrics, and the whole public API', async () => {
    await using gateway = new GatewayHarness();
    assert.deepEqual((await gateway.call('GET', '/health')).body, {
      status: 'ok',
      service: 'auth-gateway',
      version: '0.1.0',
    });
    assert.equal((await gateway.call('GET', '/ready')).status, 200);
    const { paths } = (await gateway.call('GET', '/openapi.json')).body as { paths: Record<string, unknown> };
    for (const path of ['/auth/login', '/data/write', '/query/sql', '/health/all']) assert.ok(paths[path], path);
    const metrics = await gateway.fastify.inject('/metrics');
    assert.match(metrics.body, /hybridstore_gateway_logins_total/);
  });

  it('answers 404 in the error shape, without echoing a query', async () => {
    await using gateway = new GatewayHarness();
    const answer = await gateway.call('GET', '/nowhere?token=secret');
    assert.deepEqual([answer.status, answer.body.error?.code], [404, 'not_found']);
    assert.doesNotMatch(JSON.stringify(answer.body), /secret/);
  });

  const raws: readonly [string, string, RegExp, RegExp][] = [
    [
      'headers beyond 16 KiB',
      `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
      /"code":"too_large"/,
    ],
    [
      'a path beyond 16 KiB',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
      /"code":"too_large"/,
    ],
    ['what is not HTTP', 'HELLO\r\n\r\n', /^HTTP\/1\.1 400 /, /"code":"invalid_request"/],
    [
      'two lengths',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
      /^HTTP\/1\.1 400 /,
      /"code":"invalid_request"/,
    ],
    [
      'a length beside chunks',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      /^HTTP\/1\.1 400 /,
      /"code":"invalid_request"/,
    ],
    [
      'a header name with a space',
      'GET /health HTTP/1.1\r\nHost: x\r\nX Forwarded: 1\r\n\r\n',
      /^HTTP\/1\.1 400 /,
      /"code":"invalid_request"/,
    ],
  ];
  for (const [what, bytes, status, body] of raws) {
    it(`refuses ${what} in the error shape and closes`, async () => {
      await using gateway = new GatewayHarness();
      const url = await gateway.fastify.listen({ host: '127.0.0.1', port: 0 });
      const answer = await talk(url, bytes);
      assert.match(answer, status);
      assert.match(answer, body);
      assert.match(answer, /connection: close/i);
    });
  }

  it('bounds the time for a head and for a whole request', async () => {
    await using gateway = new GatewayHarness();
    const { server } = gateway.fastify;
    assert.deepEqual([server.headersTimeout, server.requestTimeout], [10_000, 300_000]);
  });
});
