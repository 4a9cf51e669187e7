import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { bodyBytesMaxOf } from '@hybridstore/contracts';
import { systemClock } from '@hybridstore/runtime';
import { forwardedEndpoints } from '../src/domain/forwarded-endpoint.ts';
import { GatewayHarness } from './gateway-harness.ts';
import { echo, type Handler, Upstream } from './upstream.ts';

const tenant = 'default/acme';

/** A gateway that listens, in front of one upstream that stands for every service and tenant. */
async function open(handler: Handler) {
  const upstream = await Upstream.start(handler);
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
  const url = await gateway.fastify.listen({ host: '127.0.0.1', port: 0 });
  const { token } = await gateway.member('ada', tenant, 'admin');
  return {
    upstream,
    gateway,
    url,
    token,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn();
}

describe('forwarding', () => {
  it('hands every byte on as it is, in both directions', async () => {
    await using platform = await open(echo);
    const body = Buffer.from([0, 255, 123, 10, 13, 128, 34]);
    const headers = { ...platform.headers, 'content-type': 'application/vnd.apache.arrow.stream' };
    const answer = await fetch(`${platform.url}/data/write`, { method: 'POST', headers, body });
    assert.equal(answer.status, 200);
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), body);
    assert.equal(answer.headers.get('content-type'), 'application/vnd.apache.arrow.stream');
  });

  it('answers HEAD where there is GET, and asks no more than that', async () => {
    await using platform = await open(echo);
    const answer = await fetch(`${platform.url}/tenant/stats`, { method: 'HEAD', headers: platform.headers });
    assert.deepEqual([answer.status, await answer.text()], [200, '']);
  });

  it('keeps a connection longer than the balancers in front of it', async () => {
    await using platform = await open(echo);
    const answer = await fetch(`${platform.url}/health`);
    assert.equal(answer.headers.get('keep-alive'), 'timeout=75');
  });

  it('asks clients to connect anew once it leaves, in the answers of others too', async () => {
    await using platform = await open(echo);
    const connection = async () =>
      (await fetch(`${platform.url}/tenant/stats`, { headers: platform.headers })).headers.get('connection');
    assert.equal(await connection(), 'keep-alive');
    platform.gateway.app.server.standard.isLeaving = true;
    assert.equal(await connection(), 'close');
  });

  it('carries the token, the request id and the listed headers, and no other', async () => {
    await using platform = await open(echo);
    await fetch(`${platform.url}/data/write?x=1%202`, {
      method: 'POST',
      body: '{}',
      headers: {
        ...platform.headers,
        accept: 'application/x-ndjson',
        'idempotency-key': 'batch-1',
        'x-request-id': 'my-request',
        'x-forwarded-for': '10.0.0.1',
        'x-forwarded-user': 'root',
        forwarded: 'for=10.0.0.1',
        via: '1.1 somewhere',
        'x-real-ip': '10.0.0.1',
        'x-user': 'root',
        'x-user-id': '1',
        'x-tenant-id': 'default/globex',
        'x-hybridstore-tenant': 'default/globex',
        cookie: 'session=1',
        te: 'trailers',
        'proxy-authorization': 'Basic x',
      },
    });
    const [request] = platform.upstream.requests;
    assert.deepEqual([request?.method, request?.url], ['POST', '/data/write?x=1%202']);
    const { host, connection, ...headers } = request?.headers ?? {};
    assert.deepEqual(headers, {
      accept: 'application/x-ndjson',
      'accept-encoding': 'gzip, deflate',
      authorization: `Bearer ${platform.token}`,
      'content-length': '2',
      'content-type': 'application/json',
      'idempotency-key': 'batch-1',
      'x-request-id': 'my-request',
    });
  });

  it('passes bodies and answers on in the encoding in which they came', async () => {
    const packed = gzipSync('{"source_id":"notes","records":[]}');
    await using platform = await open((request, response) => {
      response.writeHead(200, { 'content-encoding': 'zstd', vary: 'Accept-Encoding' });
      request.pipe(response);
    });
    const sent = httpRequest(`${platform.url}/data/write`, {
      method: 'POST',
      headers: { ...platform.headers, 'accept-encoding': 'zstd', 'content-encoding': 'gzip' },
    });
    sent.end(packed);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const [request] = platform.upstream.requests;
    assert.deepEqual([request?.headers['accept-encoding'], request?.headers['content-encoding']], ['zstd', 'gzip']);
    assert.deepEqual([answer.headers['content-encoding'], answer.headers.vary], ['zstd', 'Accept-Encoding']);
    assert.deepEqual(Buffer.concat(await Array.fromAsync(answer)), packed);
  });

  it('shows the status and headers of the service, less those of the connection and its banner', async () => {
    await using platform = await open((_request, response) => {
      response.writeHead(409, {
        'content-type': 'application/json',
        'retry-after': '7',
        server: 'secret/1.0',
        'x-powered-by': 'secrets',
        'set-cookie': 'a=1',
        connection: 'x-private',
        'x-private': '1',
        etag: '"1"',
      });
      response.end('{"error":{}}');
    });
    const answer = await fetch(`${platform.url}/data/write`, { method: 'POST', headers: platform.headers, body: '{}' });
    assert.deepEqual([answer.status, await answer.text()], [409, '{"error":{}}']);
    const shown = Object.fromEntries(answer.headers);
    assert.deepEqual([shown['retry-after'], shown['etag'], shown['x-content-type-options']], ['7', '"1"', 'nosniff']);
    assert.equal(typeof shown['x-request-id'], 'string');
    for (const hidden of ['server', 'x-powered-by', 'set-cookie', 'x-private'])
      assert.equal(shown[hidden], undefined, hidden);
  });

  it('shows of a refused read which node is away, since when, and when to ask again', async () => {
    const details = {
      member: 'hs-acme-1',
      away_since: '2026-01-01T00:00:00.000Z',
      stale_ms: 901,
      retry_after_ms: 1_000,
    };
    const error = { code: 'unavailable', message: 'member hs-acme-1 cannot be asked', details, request_id: 'r' };
    await using platform = await open((_request, response) => {
      response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
      response.end(JSON.stringify({ error }));
    });
    for (const path of ['/data/search', '/query/sql']) {
      const body = JSON.stringify({ source_id: 'events', consistency: 'bounded(1)' });
      const answer = await fetch(`${platform.url}${path}`, { method: 'POST', headers: platform.headers, body });
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1'], path);
      assert.deepEqual(await answer.json(), { error });
      assert.deepEqual(platform.upstream.requests.at(-1)?.url, path);
    }
  });

  it('exchanges an API key for a short token of the key, which the service can verify', async () => {
    await using platform = await open(echo);
    const key = await platform.gateway.createKey(platform.token, {
      name: 'robot',
      permissions: [{ sources: ['sales'], actions: ['write'] }],
    });
    for (const headers of [{ 'x-api-key': key }, { authorization: `Bearer ${key}` }])
      await fetch(`${platform.url}/data/write`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{}',
      });
    const [first, second] = platform.upstream.requests;
    assert.equal(first?.headers['x-api-key'], undefined);
    assert.equal(first?.headers.authorization, second?.headers.authorization);
    const payload = first?.headers.authorization?.split('.')[1] ?? '';
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
    assert.equal(Number(claims['exp']) - Number(claims['iat']), 60);
    assert.deepEqual(
      [claims['sub'], claims['tenant'], claims['permissions']],
      [`key:${key.slice(4, 20)}`, tenant, [{ sources: ['sales'], actions: ['write'] }]],
    );
  });

  it('streams a large body of known length and one of unknown length', async () => {
    await using platform = await open((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () =>
        response.end(JSON.stringify({ bytes, length: request.headers['content-length'] ?? null })),
      );
    });
    const body = Buffer.alloc(5_000_000, 'x');
    const known = await fetch(`${platform.url}/data/write`, { method: 'POST', headers: platform.headers, body });
    assert.deepEqual(await known.json(), { bytes: 5_000_000, length: '5000000' });
    const stream = new ReadableStream({
      start(controller) {
        for (let part = 0; part < 50; part += 1) controller.enqueue(body.subarray(0, 100_000));
        controller.close();
      },
    });
    const unknown = await fetch(`${platform.url}/data/write`, {
      method: 'POST',
      headers: platform.headers,
      body: stream,
      duplex: 'half',
    });
    assert.deepEqual(await unknown.json(), { bytes: 5_000_000, length: null });
  });

  it('refuses a body beyond 32 MiB by its announced length before a byte of it is read', async () => {
    await using platform = await open(echo);
    const { hostname, port } = new URL(platform.url);
    const request = httpRequest({
      host: hostname,
      port,
      path: '/data/write',
      method: 'POST',
      headers: { ...platform.headers, 'content-length': 33 * 1024 * 1024 },
    });
    request.on('error', () => {
      // The connection is torn at the end, with the body unsent.
    });
    request.flushHeaders();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 413);
    assert.equal(platform.upstream.requests.length, 0);
    request.destroy();
  });

  it('refuses a body beyond what the addressed endpoint takes, and asks nobody', async () => {
    await using platform = await open(echo);
    const root = await platform.gateway.administrator('default/acme');
    for (const endpoint of forwardedEndpoints().filter(({ method, params }) => method === 'POST' && !params)) {
      const bytesMax = bodyBytesMaxOf(endpoint);
      const { port } = new URL(platform.url);
      const socket = connect(Number(port), '127.0.0.1');
      const head = `POST ${endpoint.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${root}\r\n`;
      socket.write(`${head}Content-Length: ${bytesMax + 1}\r\n\r\n`);
      const [answer] = await once(socket, 'data');
      assert.match(String(answer), new RegExp(`^HTTP/1\\.1 413 .*"bytes_max":${bytesMax}[,}]`, 's'), endpoint.path);
      socket.destroy();
    }
    assert.equal(platform.upstream.requests.length, 0);
  });

  it('refuses a body of unknown length as soon as it grows beyond 32 MiB, and tears the call to the service', async () => {
    let wasAborted = false;
    await using platform = await open((request) => {
      request.resume();
      request.on('error', () => {
        wasAborted = true;
      });
    });
    const part = Buffer.alloc(1_048_576, 'x');
    let sent = 0;
    const stream = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent <= 34) controller.enqueue(part);
        else controller.close();
      },
    });
    const answer = await fetch(`${platform.url}/data/write`, {
      method: 'POST',
      headers: platform.headers,
      body: stream,
      duplex: 'half',
    });
    assert.equal(answer.status, 413);
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'too_large');
    await until(() => wasAborted);
  });

  it('shows an answer that comes before the body has been sent, and the connection stays usable', async () => {
    await using platform = await open((request, response) => {
      if (request.headers['content-length'] === '4000000') response.writeHead(403).end('early');
      else echo(request, response);
    });
    for (let round = 0; round < 3; round += 1) {
      const early = await fetch(`${platform.url}/data/write`, {
        method: 'POST',
        headers: platform.headers,
        body: Buffer.alloc(4_000_000, 'x'),
      });
      assert.deepEqual([early.status, await early.text()], [403, 'early']);
      const next = await fetch(`${platform.url}/data/write`, {
        method: 'POST',
        headers: platform.headers,
        body: 'next',
      });
      assert.equal(await next.text(), 'next');
    }
  });

  it('shows the first rows of a stream before the last are made', async () => {
    let finish = () => {};
    await using platform = await open((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write('{"row":1}\n');
      finish = () => response.end('{"row":2}\n');
    });
    const answer = await fetch(`${platform.url}/query/sql`, { method: 'POST', headers: platform.headers, body: '{}' });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    assert.equal(Buffer.from(first?.value ?? []).toString(), '{"row":1}\n');
    finish();
    const second = await reader?.read();
    assert.equal(Buffer.from(second?.value ?? []).toString(), '{"row":2}\n');
    assert.equal((await reader?.read())?.done, true);
  });

  it('makes a service wait for a client that does not read', async () => {
    let bytesWritten = 0;
    const total = 64 * 1024 * 1024;
    await using platform = await open((_request, response) => {
      const part = Buffer.alloc(65_536, 'x');
      const push = () => {
        while (bytesWritten < total) {
          bytesWritten += part.length;
          if (!response.write(part)) {
            response.once('drain', push);
            return;
          }
        }
        response.end();
      };
      push();
    });
    const { hostname, port } = new URL(platform.url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.write(
      `POST /query/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${platform.token}\r\nContent-Length: 0\r\n\r\n`,
    );
    await until(() => bytesWritten > 0);
    let before = -1;
    // Nothing moves any more once all buffers on the way are full; they hold far less than the whole.
    while (before !== bytesWritten) {
      before = bytesWritten;
      for (let turn = 0; turn < 200; turn += 1) await nextTurn();
    }
    assert.ok(bytesWritten < total / 2, `${bytesWritten} bytes were taken`);
    socket.destroy();
  });

  it('stops the call when its client goes away', async () => {
    let isClosed = false;
    let isReached = false;
    await using platform = await open((_request, response) => {
      isReached = true;
      response.on('close', () => {
        isClosed = true;
      });
    });
    const stop = new AbortController();
    const call = fetch(`${platform.url}/query/sql`, {
      method: 'POST',
      headers: platform.headers,
      body: '{}',
      signal: stop.signal,
    });
    await until(() => isReached);
    stop.abort();
    await assert.rejects(call);
    await until(() => isClosed);
  });

  it("answers 504 when the caller's deadline passes", async () => {
    await using platform = await open(() => {});
    const answer = await fetch(`${platform.url}/query/sql`, {
      method: 'POST',
      headers: { ...platform.headers, 'x-deadline-ms': '30' },
      body: '{}',
    });
    assert.equal(answer.status, 504);
    assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'deadline_exceeded');
  });

  it('tears the answer when the service breaks off in the middle of it', async () => {
    await using platform = await open((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write('{"row":1}\n', () => response.destroy());
    });
    const answer = await fetch(`${platform.url}/query/sql`, { method: 'POST', headers: platform.headers, body: '{}' });
    await assert.rejects(answer.text());
  });

  it('answers 503 with Retry-After in the error shape when a service is down', async () => {
    await using gateway = new GatewayHarness({ clock: systemClock });
    const { token } = await gateway.member('ada', tenant, 'admin');
    const answer = await gateway.call('POST', '/query/sql', { token, body: { query: 'SELECT 1' } });
    assert.deepEqual([answer.status, answer.body.error?.code], [503, 'unavailable']);
    assert.equal(answer.headers['retry-after'], '1');
    assert.match(answer.body.error?.message ?? '', /operation-node cannot be reached/);
    assert.doesNotMatch(JSON.stringify(answer.body), /127\.0\.0\.1|ECONNREFUSED/);
  });

  it('answers 404 for a tenant that has no Service', async () => {
    const tenantUrlTemplate = 'http://hs-{name}.{namespace}.svc:8000';
    await using gateway = new GatewayHarness({
      clock: systemClock,
      config: { addresses: { services: {}, tenantUrlTemplate } },
    });
    const token = await gateway.administrator('default/nowhere');
    const answer = await gateway.call('GET', '/sources', { token });
    assert.deepEqual([answer.status, answer.body.error?.code], [404, 'not_found']);
    assert.equal(answer.body.error?.message, 'tenant default/nowhere does not exist');
  });

  it('repeats a read whose connection broke, and never a write that may have been seen', async () => {
    let broken = 2;
    await using platform = await open((request, response) => {
      if (broken > 0) {
        broken -= 1;
        request.socket.destroy();
        return;
      }
      echo(request, response);
    });
    const read = await fetch(`${platform.url}/data/search`, {
      method: 'POST',
      headers: platform.headers,
      body: 'read',
    });
    assert.deepEqual([read.status, await read.text()], [200, 'read']);
    assert.equal(platform.upstream.requests.length, 3);
    broken = 1;
    const write = await fetch(`${platform.url}/data/write`, { method: 'POST', headers: platform.headers, body: 'w' });
    assert.equal(write.status, 503);
    assert.equal(platform.upstream.requests.length, 4);
  });

  it('asks for the token before it reads the body', async () => {
    await using platform = await open(echo);
    const { hostname, port } = new URL(platform.url);
    const request = httpRequest({
      host: hostname,
      port,
      path: '/data/write',
      method: 'POST',
      headers: { 'content-length': 1_000_000, 'content-type': 'application/json' },
    });
    request.flushHeaders();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 401);
    assert.equal(platform.upstream.requests.length, 0);
    request.on('error', () => {
      // The body was announced and never sent.
    });
    request.destroy();
  });

  it('checks the access of every endpoint itself', async () => {
    await using platform = await open(echo);
    const reader = await platform.gateway.member('bob', tenant, 'reader');
    const homeless = await platform.gateway.register('carl').then(() => platform.gateway.login('carl'));
    const service = platform.gateway.issuer.serviceToken('operator', tenant);
    const status = async (token: string, path: string) =>
      (await platform.gateway.call('POST', path, { token, body: '{"some":"json"}' })).status;
    assert.equal(await status(reader.token, '/data/write'), 403);
    assert.equal(await status(homeless.access_token, '/data/search'), 403);
    assert.equal(await status(service, '/data/write'), 403);
    assert.equal(platform.upstream.requests.length, 0);
    const answer = await platform.gateway.call('GET', '/sources', { token: homeless.access_token });
    assert.deepEqual([answer.status, answer.body.error?.message], [403, 'the token belongs to no tenant']);
  });

  it('forwards a public endpoint with a token that holds and without one that does not', async () => {
    await using platform = await open((_request, response) => response.end('{}'));
    await platform.gateway.call('GET', '/health/all', { token: platform.token });
    await platform.gateway.call('GET', '/health/all', { token: 'nonsense' });
    await platform.gateway.call('GET', '/health/all');
    assert.deepEqual(
      platform.upstream.requests.map((request) => request.headers.authorization),
      [`Bearer ${platform.token}`, undefined, undefined],
    );
  });

  it('has a route for every endpoint of the table, and none for what is internal', async () => {
    await using platform = await open((_request, response) => response.end('{}'));
    const paths = forwardedEndpoints().map((endpoint) => endpoint.path);
    for (const prefix of [
      '/data/',
      '/query/',
      '/queries',
      '/sources',
      '/tenant/',
      '/metadata/',
      '/health/all',
      '/logs/',
    ])
      assert.ok(
        paths.some((path) => path.startsWith(prefix)),
        prefix,
      );
    const root = await platform.gateway.administrator('default/acme');
    for (const endpoint of forwardedEndpoints()) {
      const path = endpoint.path
        .replace(':query_id', `q-${'0'.repeat(32)}`)
        .replace(':service', 'tenant-node')
        .replace(/:[a-z_]+/, 'sales');
      const answer = await platform.gateway.fastify.inject({
        method: endpoint.method,
        url: path,
        headers: { authorization: `Bearer ${root}` },
      });
      assert.equal(answer.statusCode, 200, `${endpoint.method} ${path}`);
      assert.equal(platform.upstream.requests.at(-1)?.url, path);
    }
    for (const path of ['/internal/execute', '/internal/sources', '/internal/drain']) {
      const answer = await platform.gateway.call('POST', path, { token: platform.token, body: {} });
      assert.equal(answer.status, 404, path);
    }
  });

  const tricks = [
    '/queries/..%2f..%2finternal%2fexecute',
    '/queries/%2e%2e',
    '/sources/../internal/sources',
    '/sources/%2e%2e/stats',
    '/sources/a%2fb/stats',
    '/data//write',
    '//data/write',
    '/data/write/',
    '/DATA/WRITE',
    '/data/write%00',
    '/data/%zz',
    '/sources/%ff/stats',
  ];
  for (const path of tricks) {
    it(`lets no odd spelling through: ${path}`, async () => {
      await using platform = await open(echo);
      for (const method of ['GET', 'POST', 'DELETE'] as const) {
        const answer = await platform.gateway.call(method, path, { token: platform.token });
        assert.ok([400, 404].includes(answer.status), `${method} ${answer.status}`);
        assert.equal(typeof answer.body.error?.code, 'string');
      }
      assert.equal(platform.upstream.requests.length, 0);
    });
  }

  it('spells an encoded path anew', async () => {
    await using platform = await open(echo);
    await platform.gateway.call('GET', '/sources/sales%5fdata/stats?a=b', { token: platform.token }).catch(() => {});
    assert.equal(platform.upstream.requests[0]?.url, '/sources/sales_data/stats?a=b');
  });

  it('keeps its connections to a service', async () => {
    await using platform = await open(echo);
    for (let round = 0; round < 20; round += 1) {
      const body = JSON.stringify({ round });
      await fetch(`${platform.url}/data/write`, { method: 'POST', headers: platform.headers, body });
    }
    assert.equal(platform.upstream.connections, 1);
  });
});
