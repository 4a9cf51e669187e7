import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Endpoint, publicAccess } from '@hybridstore/contracts';
import { fillPath, HttpClient, type HttpClientOptions, isUnknownHost, readAll } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder } from '@hybridstore/test-kit';

const endpoint: Endpoint = {
  service: 'tenant-node',
  method: 'POST',
  path: '/things/:name',
  summary: 'A thing',
  access: publicAccess,
};
const params = { name: 'a/b c' };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function open(handler: Handler, options: HttpClientOptions = {}) {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new HttpClient(options);
  return {
    client,
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await client.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const answerJson =
  (status: number, body: unknown): Handler =>
  (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describe('a call', () => {
  it('without a time-out names none to its receiver, and is ended by its caller', async () => {
    let deadline: string | string[] | undefined = 'none was asked';
    const caller = new AbortController();
    await using service = await open((request) => {
      deadline = request.headers['x-deadline-ms'];
      caller.abort(new Error('enough'));
    });
    const settings = { params, timeoutMs: Number.POSITIVE_INFINITY, signal: caller.signal };
    await assert.rejects(service.client.call(service.url, endpoint, settings), /enough/);
    assert.equal(deadline, undefined);
  });

  it('carries path, query, body, token, request id and deadline', async () => {
    let seen: Record<string, unknown> = {};
    await using service = await open((request, response) => {
      const { authorization, 'x-request-id': requestId, 'x-deadline-ms': deadline } = request.headers;
      seen = { url: request.url, method: request.method, authorization, requestId, deadline };
      request.pipe(response);
    });
    const body = { count: 1 };
    const answer = await service.client.call(service.url, endpoint, {
      params,
      query: { limit: '5' },
      body,
      token: 'abc',
      requestId: 'r-1',
      timeoutMs: 5_000,
    });
    assert.deepEqual(answer, body);
    assert.deepEqual(seen, {
      url: '/things/a%2Fb%20c?limit=5',
      method: 'POST',
      authorization: 'Bearer abc',
      requestId: 'r-1',
      deadline: '5000',
    });
  });

  it('keeps a path of the base URL', async () => {
    await using service = await open((request, response) => response.end(JSON.stringify(request.url)));
    assert.equal(await service.client.call(`${service.url}/base/`, endpoint, { params }), '/base/things/a%2Fb%20c');
  });

  it('gives back the error that the service named', async () => {
    const error = { code: 'conflict', message: 'taken', details: { id: 1 }, request_id: 'x' };
    await using service = await open(answerJson(409, { error }));
    await assert.rejects(service.client.call(service.url, endpoint, { params }), {
      code: 'conflict',
      message: 'taken',
      details: { id: 1 },
    });
  });

  const odd: readonly [string, Handler][] = [
    ['an error page of somebody else', (_request, response) => response.writeHead(502).end('<html>')],
    ['an error of an unknown code', answerJson(500, { error: { code: 'odd', message: 'x', details: {} } })],
    ['a success that is no JSON', (_request, response) => response.end('<html>')],
    ['a connection that breaks', (request) => request.socket.destroy()],
    [
      'an answer that breaks in the middle',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{', () => response.destroy());
      },
    ],
  ];
  for (const [what, handler] of odd) {
    it(`that meets ${what} fails as unavailable`, async () => {
      await using service = await open(handler);
      await assert.rejects(service.client.call(service.url, endpoint, { params }), { code: 'unavailable' });
    });
  }

  it('to nobody fails as unavailable, with the host and the time to come back', async () => {
    const client = new HttpClient();
    await assert.rejects(client.call('http://127.0.0.1:1', endpoint, { params }), {
      code: 'unavailable',
      details: { host: '127.0.0.1:1', retry_after_ms: 1_000 },
    });
    await client.close();
  });

  it('that gets no answer in time fails as deadline_exceeded, also in the middle of a body', async () => {
    const handlers: readonly Handler[] = [
      () => {},
      (_request, response) => {
        response.writeHead(200);
        response.write('{"a":');
      },
    ];
    for (const handler of handlers) {
      await using service = await open(handler);
      await assert.rejects(service.client.call(service.url, endpoint, { params, timeoutMs: 50 }), {
        code: 'deadline_exceeded',
        details: { timeout_ms: 50 },
      });
    }
  });

  it("ends with the caller's own reason when he stops it", async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    await using service = await open(() => stop.abort(reason));
    await assert.rejects(service.client.call(service.url, endpoint, { params, signal: stop.signal }), reason);
  });

  it('leaves nothing with its caller once it is over, however it ended', async () => {
    const caller = new AbortController();
    const handlers: readonly Handler[] = [
      answerJson(200, {}),
      answerJson(404, {}),
      (request) => request.socket.destroy(),
    ];
    for (const handler of handlers) {
      await using service = await open(handler);
      await service.client.call(service.url, endpoint, { params, signal: caller.signal }).catch(() => {});
    }
    assert.deepEqual(getEventListeners(caller.signal, 'abort'), []);
  });

  it('of a caller who has left already sends nothing', async () => {
    let requests = 0;
    await using service = await open(() => (requests += 1));
    const reason = new Error('enough');
    const call = service.client.call(service.url, endpoint, { params, signal: AbortSignal.abort(reason) });
    await assert.rejects(call, reason);
    assert.equal(requests, 0);
  });

  it('ends the stream that it gave when its time is over, or its caller leaves', async () => {
    const begin: Handler = (_request, response) => {
      response.writeHead(200);
      response.write('1\n');
    };
    await using service = await open(begin);
    const late = await service.client.stream(service.url, endpoint, { params, timeoutMs: 50 });
    await assert.rejects(readAll(late.body, 100), { name: 'TimeoutError' });
    const caller = new AbortController();
    const left = await service.client.stream(service.url, endpoint, { params, signal: caller.signal });
    const reason = new Error('enough');
    caller.abort(reason);
    await assert.rejects(readAll(left.body, 100), reason);
    assert.deepEqual(getEventListeners(caller.signal, 'abort'), []);
  });

  it('streams an answer', async () => {
    await using service = await open((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.end('1\n2\n');
    });
    const { status, headers, body } = await service.client.stream(service.url, endpoint, { params });
    assert.deepEqual([status, headers['content-type']], [200, 'application/x-ndjson']);
    assert.equal((await readAll(body, 100)).toString(), '1\n2\n');
  });

  it('has what came behind the body of a stream when that has ended, also of a compressed one', async () => {
    for (const coding of ['identity', 'gzip'] as const) {
      let end = () => {};
      await using service = await open((_request, response) => {
        response.writeHead(200, { trailer: 'x-end', 'content-encoding': coding });
        response.write(coding === 'gzip' ? gzipSync('1\n') : '1\n');
        end = () => {
          response.addTrailers({ 'x-end': '{"rows":1}' });
          response.end();
        };
      });
      const { body, trailers } = await service.client.stream(service.url, endpoint, { params });
      assert.equal(trailers['x-end'], undefined);
      end();
      assert.equal((await readAll(body, 100)).toString(), '1\n');
      assert.equal(trailers['x-end'], '{"rows":1}');
    }
  });

  it('never fills a path with what would leave its place', () => {
    for (const name of ['', '.', '..']) assert.throws(() => fillPath('/things/:name', { name }));
    assert.throws(() => fillPath('/things/:name', {}));
    assert.equal(fillPath('/things/:name', { name: '../x?y#z' }), '/things/..%2Fx%3Fy%23z');
  });
});

it('a body is read up to its bound, and no further', async () => {
  const body = new PassThrough();
  body.write(Buffer.alloc(60));
  body.write(Buffer.alloc(60));
  await assert.rejects(readAll(body, 100), { code: 'too_large' });
  assert.equal(body.destroyed, true);
});

it('a body that was over before anybody read it, or that breaks off, is no whole one', async () => {
  const [ended, failed, torn] = [new PassThrough(), new PassThrough(), new PassThrough()];
  ended.destroy();
  await assert.rejects(readAll(ended, 100), /broke off/);
  const reason = new Error('torn');
  failed.on('error', () => {}).destroy(reason);
  await assert.rejects(readAll(failed, 100), reason);
  torn.write('half');
  const reading = readAll(torn, 100);
  torn.destroy();
  await assert.rejects(reading, /broke off/);
});

describe('the hosts file', () => {
  const hosts = (folder: string, content: unknown) => {
    const hostsFile = join(folder, 'hosts.json');
    writeFileSync(hostsFile, typeof content === 'string' ? content : JSON.stringify(content));
    return hostsFile;
  };

  it('answers names in place of the resolver', async () => {
    using folder = createTemporaryFolder();
    const hostsFile = hosts(folder.path, { 'hs-acme.default.svc': ['127.0.0.1'] });
    await using service = await open(answerJson(200, 'here'), { hostsFile });
    const url = `http://hs-acme.default.svc:${service.port}`;
    assert.equal(await service.client.call(url, endpoint, { params }), 'here');
  });

  it('says unavailable of a name without an address', async () => {
    using folder = createTemporaryFolder();
    const client = new HttpClient({ hostsFile: hosts(folder.path, { 'hs-acme.default.svc': [] }) });
    await assert.rejects(client.call('http://hs-acme.default.svc:8000', endpoint, { params }), (error) => {
      assert.ok(isHybridStoreError(error, 'unavailable'));
      assert.equal(isUnknownHost(error), false);
      return true;
    });
    await client.close();
  });

  it('knows every name of the cluster: another one is no host, and the system is not asked', async () => {
    using folder = createTemporaryFolder();
    const client = new HttpClient({ hostsFile: hosts(folder.path, {}) });
    await assert.rejects(client.call('http://hs-nope.default.svc:8000', endpoint, { params }), (error) => {
      assert.ok(isHybridStoreError(error, 'unavailable'));
      assert.equal(isUnknownHost(error), true);
      return true;
    });
    await client.close();
  });

  it('gives all addresses of a name, and none of one that nobody has', async () => {
    using folder = createTemporaryFolder();
    const all = ['127.0.0.1', '127.0.0.2'];
    const hostsFile = hosts(folder.path, { 'all.default.svc': all, 'none.default.svc': [] });
    const client = new HttpClient({ hostsFile });
    assert.deepEqual([...(await client.addressesOf('all.default.svc'))].sort(), all);
    assert.deepEqual(await client.addressesOf('none.default.svc'), []);
    assert.deepEqual(await client.addressesOf('nope.default.svc'), []);
    await client.close();
  });

  it('that cannot be read knows no name, and ends nothing', async () => {
    using folder = createTemporaryFolder();
    await using service = await open(answerJson(200, 'here'), { hostsFile: hosts(folder.path, '{"a": [') });
    assert.equal(await service.client.call(`http://localhost:${service.port}`, endpoint, { params }), 'here');
  });
});
