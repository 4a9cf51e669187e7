import assert from 'node:assert/strict';
import { once } from 'node:events';
import { METHODS } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { type Endpoint, may, onlyServices, publicAccess } from '@hybridstore/contracts';
import { buildOpenApi, type CallContext, createServer, JwksTokenVerifier, type RouteHandler } from '@hybridstore/http';
import { createMetrics, HybridStoreError, LogRing, retryLater, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import { Type } from 'typebox';

const endpoint = (more: Partial<Endpoint> = {}): Endpoint => ({
  service: 'tenant-node',
  method: 'POST',
  path: '/thing',
  summary: 'A thing',
  access: publicAccess,
  bodyBytesMax: 1_000,
  ...more,
});
const Body = Type.Object({ count: Type.Integer({ maximum: 10 }) }, { additionalProperties: false });

/** A server with one endpoint, and what its handler saw last. */
function open(described: Endpoint, handler: RouteHandler = (request) => request.body ?? {}, isUnread = false) {
  const folder = createTemporaryFolder();
  const clock = new FakeClock();
  const issuer = new TestIssuer(folder.path, clock);
  const ring = new LogRing();
  const reasons: string[] = [];
  const warnings: string[] = [];
  const server = createServer({
    service: 'tenant-node',
    version: '1.2.3',
    logger: silentLogger,
    metrics: createMetrics('tenant-node'),
    clock,
    verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
    ring,
    notReadyReasons: () => reasons,
    warnings: () => warnings,
  });
  let context: CallContext | undefined;
  const watch: RouteHandler = (request, reply, given) => {
    context = given;
    return handler(request, reply, given);
  };
  if (isUnread)
    server.routeUnread(described, async (request, reply, ...call) => {
      const answer = await watch(request as never, reply, ...call); // its body is not there to be typed
      if (!reply.sent) void reply.send(answer);
    });
  else server.route(described, watch);
  return {
    app: server.app,
    clock,
    issuer,
    ring,
    reasons,
    warnings,
    context: () => context,
    post: (payload: string | Buffer | undefined, headers: Record<string, string> = {}) =>
      server.app.inject({
        method: 'POST',
        url: '/thing',
        ...(payload === undefined ? {} : { payload }),
        headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      }),
    async [Symbol.asyncDispose]() {
      await server.app.close();
      folder[Symbol.dispose]();
    },
  };
}

type ErrorAnswer = { error: { code: string; message: string; details: Record<string, unknown>; request_id: string } };

describe('a route', () => {
  it('answers what its handler gives, with its status', async () => {
    await using server = open(endpoint({ body: Body, status: 201 }));
    const answer = await server.post('{"count": 3}');
    assert.deepEqual([answer.statusCode, answer.json()], [201, { count: 3 }]);
  });

  it('hands large integers and every field of an answer on, whatever its schema says', async () => {
    const response = Type.Object({ a: Type.Integer() }, { additionalProperties: false });
    await using server = open(endpoint({ response }), () => ({ a: 1, b: '9007199254740993' }));
    assert.deepEqual((await server.post(undefined)).json(), { a: 1, b: '9007199254740993' });
  });

  const bodies: readonly [string, string, Record<string, unknown>][] = [
    ['an unknown field', '{"count": 1, "color": 2}', { field: 'color', expected: 'one of count', actual: undefined }],
    ['a wrong type, without turning it', '{"count": "1"}', { field: 'count', expected: 'integer', actual: 'string' }],
    ['a missing field', '{}', { field: 'count', expected: 'a value', actual: 'nothing' }],
    ['a value out of bounds', '{"count": 11}', { field: 'count', expected: 'at most 10', actual: '11' }],
    ['null', 'null', { field: 'body', expected: 'object', actual: 'null' }],
  ];
  for (const [what, body, details] of bodies) {
    it(`refuses ${what} and names the field`, async () => {
      await using server = open(endpoint({ body: Body }), () => assert.fail('ran'));
      const answer = await server.post(body);
      const { error } = answer.json<ErrorAnswer>();
      assert.deepEqual([answer.statusCode, error.code], [400, 'invalid_request']);
      for (const [name, value] of Object.entries(details)) assert.equal(error.details[name], value);
      assert.equal(error.request_id, answer.headers['x-request-id']);
    });
  }

  it('takes an optional body or none', async () => {
    await using server = open(endpoint({ body: Type.Optional(Body) }));
    assert.deepEqual((await server.post(undefined)).json(), {});
    assert.deepEqual((await server.post('{"count": 1}')).json(), { count: 1 });
    assert.equal((await server.post('{"count": "1"}')).statusCode, 400);
  });

  it('names what is wrong inside the form of a union that was meant', async () => {
    const Leaf = Type.Object({ kind: Type.Literal('leaf'), size: Type.Integer() }, { additionalProperties: false });
    const List = Type.Object(
      { kind: Type.Literal('list'), items: Type.Array(Leaf, { maxItems: 2 }) },
      { additionalProperties: false },
    );
    await using server = open(
      endpoint({ body: Type.Object({ tree: Type.Union([Leaf, List]) }, { additionalProperties: false }) }),
    );
    const message = async (tree: unknown) =>
      (await server.post(JSON.stringify({ tree }))).json<ErrorAnswer>().error.message;
    const leaf = { kind: 'leaf', size: 1 };
    assert.equal(await message({ kind: 'leaf' }), 'tree.size: is required');
    assert.equal(
      await message({ kind: 'list', items: [leaf, leaf, leaf] }),
      'tree.items: expected at most 2 items, found 3 items',
    );
    assert.equal(
      await message({ kind: 'list', items: [{ ...leaf, size: 'x' }] }),
      'tree.items.0.size: expected integer, found string',
    );
    assert.equal(await message({ kind: 'bush', items: [] }), 'tree: is none of the forms that are allowed here');
    assert.equal(await message('leaf'), 'tree: is none of the forms that are allowed here');
  });

  it('says of a value of several types which they are, or what is wrong with the one that it has', async () => {
    const Value = Type.Union([
      Type.String({ maxLength: 3 }),
      Type.Integer(),
      Type.Array(Type.Integer(), { maxItems: 2 }),
    ]);
    await using server = open(endpoint({ body: Type.Object({ value: Value }, { additionalProperties: false }) }));
    const message = async (value: unknown) =>
      (await server.post(JSON.stringify({ value }))).json<ErrorAnswer>().error.message;
    assert.equal(await message({}), 'value: expected string or integer or array, found object');
    assert.equal(await message([1, 2, 3]), 'value: expected at most 2 items, found 3 items');
    assert.equal(await message('long'), 'value: expected at most 3 characters, found 4 characters');
    assert.equal(await message([1, 'a']), 'value.1: expected integer, found string');
  });

  it('distinguishes the forms of a query by their query_type, and shows a name that is none', async () => {
    const Filter = Type.Object({ query_type: Type.Literal('filter'), source: Type.String() });
    const Search = Type.Object({ query_type: Type.Literal('search'), sources: Type.Array(Type.String()) });
    const Name = Type.String({ pattern: '^[a-z]+$' });
    const body = Type.Object({ query: Type.Union([Filter, Search]), name: Type.Optional(Name) });
    await using server = open(endpoint({ body }));
    const message = async (value: unknown) =>
      (await server.post(JSON.stringify(value))).json<ErrorAnswer>().error.message;
    assert.equal(await message({ query: { query_type: 'search', source: 'a' } }), 'query.sources: is required');
    assert.equal(
      await message({ query: { query_type: 'filter', source: 'a' }, name: 'A1' }),
      'name: expected text like ^[a-z]+$, found "A1"',
    );
  });

  it('turns texts of path and query into their types', async () => {
    const query = Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1 })) }, { additionalProperties: false });
    const described = endpoint({ method: 'GET', query });
    await using server = open(described, (request) => request.query);
    assert.deepEqual((await server.app.inject('/thing?limit=5')).json(), { limit: 5 });
    assert.equal((await server.app.inject('/thing?limit=0')).statusCode, 400);
    assert.equal((await server.app.inject('/thing?limits=5')).statusCode, 400);
  });

  it('refuses a body beyond its bound, another content type and a path that is no URL', async () => {
    await using server = open(endpoint({ body: Body }));
    const large = await server.post(`{"count": ${' '.repeat(2_000)}1}`);
    assert.deepEqual([large.statusCode, large.json<ErrorAnswer>().error.code], [413, 'too_large']);
    const text = await server.post('{}', { 'content-type': 'text/plain' });
    assert.deepEqual([text.statusCode, text.json<ErrorAnswer>().error.details['field']], [400, 'Content-Type']);
    const url = await server.app.inject('/thing%zz');
    assert.deepEqual([url.statusCode, url.json<ErrorAnswer>().error.code], [400, 'invalid_request']);
  });

  it('takes as large a body as its endpoint says, and names that bound when it refuses a larger one', async () => {
    for (const bytesMax of [100, 3_000, undefined]) {
      await using server = open(endpoint({ body: Body, ...(bytesMax ? { bodyBytesMax: bytesMax } : {}) }));
      const bound = bytesMax ?? 1_000;
      const body = (bytes: number) => `{"count": 1${' '.repeat(bytes - 12)}}`;
      assert.equal((await server.post(body(bound))).statusCode, 200);
      const refused = await server.post(body(bound + 1));
      const { code, message, details } = refused.json<ErrorAnswer>().error;
      assert.deepEqual([refused.statusCode, code, details], [413, 'too_large', { field: 'body', bytes_max: bound }]);
      assert.match(message, new RegExp(`at most ${bound} bytes`));
    }
  });

  it('stops reading a body without a length where its bound is passed', async () => {
    await using server = open(endpoint({ body: Body }), () => assert.fail('ran'));
    const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    socket.write(
      `POST /thing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n` +
        `3e9\r\n${' '.repeat(1_001)}\r\n`,
    );
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 413 .*"bytes_max":1000/s);
    socket.destroy();
  });

  it('lets a client that closes behind its request read a refusal although its body still comes', async () => {
    await using server = open(endpoint({ access: may('read'), body: Body }));
    const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
    const bytes = 8 * 1024 * 1024;
    for (const authorization of ['', `authorization: Bearer ${server.issuer.userToken('default/acme')}\r\n`]) {
      const socket = connect({ host: url.hostname, port: Number(url.port) });
      const parts: Buffer[] = [];
      socket.on('data', (part: Buffer) => parts.push(part));
      socket.write(
        `POST /thing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${authorization}` +
          `content-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
      );
      // Sent only when the answer has been, so that every byte comes to a server that has refused already.
      await once(socket, 'data');
      socket.write(Buffer.alloc(bytes, ' '));
      await once(socket, 'close');
      const expected = authorization === '' ? /^HTTP\/1\.1 401 .*"unauthenticated"/s : /^HTTP\/1\.1 413 .*"too_large"/s;
      assert.match(Buffer.concat(parts).toString(), expected);
      assert.equal(socket.errored, null);
    }
  });

  it('takes a body that is encoded as itself', async () => {
    await using server = open(endpoint({ body: Body }));
    assert.equal((await server.post('{"count": 3}', { 'content-encoding': 'identity' })).statusCode, 200);
  });

  it('holds no fault of ours in a client that leaves before its body ends', async () => {
    await using server = open(endpoint({ body: Body }), () => assert.fail('ran'));
    const status = new Promise<number>((resolve) => {
      // The hook comes before the answer is made.
      server.app.addHook('onError', async (_request, reply) => {
        setImmediate(() => resolve(reply.statusCode));
      });
    });
    const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    socket.write('POST /thing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"co');
    await once(socket, 'connect');
    setImmediate(() => socket.destroy());
    assert.equal(await status, 400);
  });

  it('asks for access before it reads a body', async () => {
    await using server = open(endpoint({ body: Body, access: may('write') }), () => assert.fail('ran'));
    const nobody = await server.post('not json at all');
    assert.deepEqual([nobody.statusCode, nobody.headers['www-authenticate']], [401, 'Bearer']);
    const reader = server.issuer.userToken('default/acme', [{ sources: ['*'], actions: ['read'] }]);
    const refused = await server.post('not json at all', { authorization: `Bearer ${reader}` });
    assert.equal(refused.statusCode, 403);
  });

  it('lets services in where it names them', async () => {
    await using server = open(endpoint({ access: onlyServices('operator') }));
    const status = async (service: string) =>
      (await server.post(undefined, { authorization: `Bearer ${server.issuer.serviceToken(service)}` })).statusCode;
    assert.deepEqual([await status('operator'), await status('monitoring')], [200, 403]);
  });

  it('does not mind an old or odd token where it is public', async () => {
    await using server = open(endpoint());
    for (const authorization of ['Bearer old', 'Basic x']) {
      assert.equal((await server.post(undefined, { authorization })).statusCode, 200);
      assert.equal(server.context()?.caller, undefined);
    }
  });
});

/** Where a server listens that may have begun to. */
async function portOf({ app }: ReturnType<typeof open>): Promise<number> {
  const address = app.server.address();
  if (typeof address === 'object' && address !== null) return address.port;
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
}

/** What the server writes to a connection on which these bytes come; `end`: and after them no more. */
async function talk(server: ReturnType<typeof open>, bytes: string, { end = false } = {}): Promise<string> {
  const port = await portOf(server);
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  if (end) socket.end(bytes);
  else socket.write(bytes);
  await once(socket, 'end');
  socket.end();
  return Buffer.concat(parts).toString();
}

describe('a request', () => {
  it('for the head of what can be got is answered alike, without the body', async () => {
    await using server = open(endpoint({ method: 'GET' }), () => ({ text: 'x'.repeat(100) }));
    for (const path of ['/thing', '/health', '/metrics', '/openapi.json']) {
      const ask = (method: string) =>
        talk(server, `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      const [got, head] = [await ask('GET'), await ask('HEAD')];
      const [gotHead = '', gotBody = ''] = got.split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 200 /);
      assert.equal(head.split('\r\n\r\n')[1], '');
      const typeOf = (text: string) => /^content-type: .*$/im.exec(text)?.[0];
      assert.equal(typeOf(head), typeOf(gotHead));
      assert.ok(gotBody.length > 0);
    }
  });

  const isOdd = (method: string) => !['GET', 'POST', 'CONNECT'].includes(method);
  for (const method of [...METHODS.filter(isOdd), 'FOO', 'get', 'X-Y'])
    it(`with the method ${method} is answered 405, with the methods that there are`, async () => {
      await using server = open(endpoint({ body: Body }), () => assert.fail('ran'));
      for (const more of ['', 'content-type: application/json\r\ncontent-length: 2\r\n']) {
        const head = `${method} /thing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}\r\n`;
        const answer = await talk(server, more === '' ? head : `${head}{}`);
        assert.match(answer, /^HTTP\/1\.1 405 Method Not Allowed\r\n/, answer);
        const isKnown = METHODS.includes(method);
        assert.match(answer, isKnown ? /^allow: POST\r$/im : /^allow: GET, HEAD, POST\r$/im);
        if (method !== 'HEAD') assert.match(answer, /"code":"method_not_allowed"/);
      }
    });

  it('for a tunnel is answered 405', async () => {
    await using server = open(endpoint());
    assert.match(
      await talk(server, 'CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n'),
      /^HTTP\/1\.1 405 .*^Allow: GET, HEAD, POST\r$/ms,
    );
  });

  it('of a path that there is not is answered 404 where its method is one of the server, and else 405', async () => {
    await using server = open(endpoint());
    const status = async (method: string, path: string) =>
      (await talk(server, `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)).slice(9, 12);
    assert.equal(await status('GET', '/nowhere'), '404');
    assert.equal(await status('POST', '/thing/'), '404');
    assert.equal(await status('QUERY', '/nowhere'), '405');
    assert.equal(await status('GET', '/thing?a=b'), '405');
    assert.equal(await status('POST', '/health'), '405');
  });

  it('that is no HTTP is no matter of its method', async () => {
    await using server = open(endpoint());
    for (const bytes of ['HELLO\r\n\r\n', 'FOO /thing HTTP/3.0\r\n\r\n', 'F<O /thing HTTP/1.1\r\n\r\n'])
      assert.match(await talk(server, bytes), /^HTTP\/1\.1 400 .*"invalid_request"/s);
  });

  const hosts: readonly [string, string, string][] = [
    ['no Host', '', '400'],
    ['one Host', 'Host: a\r\n', '200'],
    ['two Hosts', 'Host: a\r\nHost: b\r\n', '400'],
    ['the same Host twice', 'host: a\r\nHOST: a\r\n', '400'],
    ['three Hosts', 'Host: a\r\nX: y\r\nHost: a\r\nHost:\r\n', '400'],
  ];
  for (const [what, lines, status] of hosts)
    it(`with ${what} is answered ${status}`, async () => {
      await using server = open(endpoint({ access: may('read') }));
      for (const line of ['GET /health', 'GET /nowhere', 'POST /thing']) {
        const answer = await talk(server, `${line} HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`);
        if (status === '400') assert.match(answer, /^HTTP\/1\.1 400 .*"field":"Host"/s);
        else assert.doesNotMatch(answer, /^HTTP\/1\.1 400/);
      }
    });

  it('of HTTP/1.0 needs no Host', async () => {
    await using server = open(endpoint());
    assert.match(await talk(server, 'GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200/);
  });

  it('with an expectation that nobody knows is answered like every other', async () => {
    await using server = open(endpoint());
    const answer = await talk(server, 'GET /health HTTP/1.1\r\nHost: x\r\nExpect: more\r\nConnection: close\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200/);
  });
});

describe('a client that sends no more', () => {
  const request =
    'POST /thing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"count":10}';

  it('gets the answers of all that it has asked', async () => {
    let calls = 0;
    await using server = open(endpoint({ body: Body }), async () => {
      calls += 1;
      const call = calls;
      await new Promise(setImmediate);
      return { call };
    });
    const answer = await talk(server, request.repeat(3), { end: true });
    assert.deepEqual(answer.match(/\{"call":\d\}/g), ['{"call":1}', '{"call":2}', '{"call":3}']);
    assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 3);
  });

  it('gets a refusal of a body that ends too early', async () => {
    await using server = open(endpoint({ body: Body }), () => assert.fail('ran'));
    assert.match(await talk(server, request.slice(0, -3), { end: true }), /^HTTP\/1\.1 400 .*"invalid_request"/s);
  });

  it('is asked whether it is still there, and the call stops when it is not', async () => {
    const reached = Promise.withResolvers<AbortSignal>();
    await using server = open(endpoint({ body: Body }), async (_request, _reply, { signal }) => {
      reached.resolve(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      throw signal.reason;
    });
    const url = new URL(await server.app.listen({ host: '127.0.0.1', port: 0 }));
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    socket.write(request);
    const signal = await reached.promise;
    socket.destroy();
    // Asked twice, 50 ms apart: at the first question nobody knows yet.
    for (let turn = 0; !signal.aborted; turn += 1) {
      assert.ok(turn < 10_000, 'nobody asked');
      await new Promise(setImmediate);
      await server.clock.advance(1);
    }
    assert.match(String(signal.reason), /the client went away/);
  });
});

describe('an endpoint that is handed on unread', () => {
  it('keeps the body on the connection, of any type, and checks access and path', async () => {
    const read: RouteHandler = async (request, _reply) => {
      assert.equal(request.body, undefined);
      const chunks: Buffer[] = [];
      for await (const chunk of request.raw) chunks.push(chunk as Buffer);
      return { bytes: Buffer.concat(chunks).length };
    };
    await using server = open(endpoint({ body: Body, access: may('write') }), read, true);
    const authorization = `Bearer ${server.issuer.userToken('default/acme')}`;
    for (const type of ['application/json', 'application/octet-stream', 'text/csv; charset=latin1']) {
      const answer = await server.post(Buffer.alloc(5_000), { authorization, 'content-type': type });
      assert.deepEqual(answer.json(), { bytes: 5_000 }, type);
    }
    assert.equal((await server.post('{}')).statusCode, 401);
  });
});

describe('an error', () => {
  const thrown: readonly [string, unknown, number, string, string][] = [
    ['not_found', new HybridStoreError('not_found', 'no such thing', { id: 1 }), 404, 'not_found', 'no such thing'],
    ['conflict', new HybridStoreError('conflict', 'taken'), 409, 'conflict', 'taken'],
    ['storage_full', new HybridStoreError('storage_full', 'full'), 507, 'storage_full', 'full'],
    ['any other error', new Error('secret detail'), 500, 'internal', 'internal error'],
    ['what is no error', 'secret detail', 500, 'internal', 'internal error'],
  ];
  for (const [what, error, status, code, message] of thrown) {
    it(`that is ${what} becomes ${status}, without stack and cause`, async () => {
      await using server = open(endpoint(), () => Promise.reject(error));
      const answer = await server.post(undefined);
      const body = answer.json<ErrorAnswer>().error;
      assert.deepEqual([answer.statusCode, body.code, body.message], [status, code, message]);
      assert.doesNotMatch(answer.body, /secret|\.ts:\d+|stack/);
    });
  }

  it('that says when to come back says it in Retry-After too, rounded up', async () => {
    await using server = open(endpoint(), () => Promise.reject(retryLater('overloaded', 'busy', 1_500)));
    const answer = await server.post(undefined);
    assert.deepEqual([answer.statusCode, answer.headers['retry-after']], [429, '2']);
  });
});

describe('the context of a call', () => {
  it("is aborted as deadline_exceeded when the caller's time is over", async () => {
    const waits: RouteHandler = (_request, _reply, context) =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true });
      });
    await using server = open(endpoint(), waits);
    const call = server.post(undefined, { 'x-deadline-ms': '500' });
    await server.clock.advance(0);
    while (server.context() === undefined) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.context()?.deadlineMs, 500);
    await server.clock.advance(500);
    const answer = await call;
    assert.deepEqual([answer.statusCode, answer.json<ErrorAnswer>().error.code], [504, 'deadline_exceeded']);
  });

  it('forgets the deadline of a call that is over', async () => {
    await using server = open(endpoint());
    await server.post(undefined, { 'x-deadline-ms': '500' });
    assert.equal(server.clock.pending, 0);
  });

  it('takes a deadline that is none for none, and bounds a long one', async () => {
    await using server = open(endpoint());
    for (const [header, expected] of [
      ['soon', undefined],
      ['-1', undefined],
      ['1.5', undefined],
      ['99999999999', 3_600_000],
    ] as const) {
      await server.post(undefined, { 'x-deadline-ms': header });
      assert.equal(server.context()?.deadlineMs, expected);
    }
  });
});

describe('every server', () => {
  it('reports its health and readiness', async () => {
    await using server = open(endpoint());
    assert.deepEqual((await server.app.inject('/health')).json(), {
      status: 'ok',
      service: 'tenant-node',
      version: '1.2.3',
    });
    assert.equal((await server.app.inject('/ready')).statusCode, 200);
    server.warnings.push('FlushFailing: storage_full');
    const warned = await server.app.inject('/ready');
    assert.deepEqual(
      [warned.statusCode, warned.json()],
      [200, { ready: true, service: 'tenant-node', reasons: ['FlushFailing: storage_full'] }],
    );
    server.warnings.length = 0;
    server.reasons.push('recovering');
    const answer = await server.app.inject('/ready');
    assert.deepEqual(
      [answer.statusCode, answer.json()],
      [503, { ready: false, service: 'tenant-node', reasons: ['recovering'] }],
    );
  });

  it('describes its endpoints, and counts calls by route, not by path', async () => {
    await using server = open(endpoint({ body: Type.Optional(Body) }));
    await server.post(undefined);
    await server.app.inject('/secret/path');
    const metrics = (await server.app.inject('/metrics')).body;
    assert.match(metrics, /request_duration_seconds_count\{[^}]*route="\/thing"[^}]*\} 1/);
    assert.doesNotMatch(metrics, /secret/);
    const openapi = (await server.app.inject('/openapi.json')).json<{
      paths: Record<string, { post: { requestBody: { required: boolean } } }>;
    }>();
    assert.equal(openapi.paths['/thing']?.post.requestBody.required, false);
  });

  it('describes a schema that holds itself once, by references that lead somewhere', () => {
    const Tree = Type.Cyclic(
      { Tree: Type.Object({ size: Type.Integer(), parts: Type.Array(Type.Ref('Tree')) }) },
      'Tree',
    );
    const Leaf = Type.Object({ size: Type.Integer() }, { $id: 'Leaf' });
    const described = endpoint({ body: Type.Object({ tree: Tree, leaf: Leaf }), response: Type.Array(Leaf) });
    const openapi = buildOpenApi('cbo-engine', '1', [described]);
    const { components } = openapi as { components: { schemas: Record<string, unknown> } };
    assert.deepEqual(Object.keys(components.schemas), ['Tree', 'Leaf', 'ErrorBody']);
    const text = JSON.stringify(openapi);
    assert.doesNotMatch(text, /\$id|\$defs/);
    for (const [, path = ''] of text.matchAll(/"\$ref":"([^"]+)"/g))
      assert.ok(Object.hasOwn(components.schemas, path.replace('#/components/schemas/', '')), path);
  });

  it('shows its log to monitoring, by pages', async () => {
    await using server = open(endpoint());
    server.ring.push({ time: '', level: 'info', service: 's', instance: 'i', event: 'a', fields: {} });
    server.ring.push({ time: '', level: 'info', service: 's', instance: 'i', event: 'b', fields: {} });
    const tail = async (query: string, service = 'monitoring') =>
      server.app.inject({
        url: `/internal/logs${query}`,
        headers: { authorization: `Bearer ${server.issuer.serviceToken(service)}` },
      });
    const page = (await tail(`?after=1&boot=${server.ring.boot}`)).json<{
      entries: { event: string }[];
      next: number;
    }>();
    assert.deepEqual([page.entries.map((entry) => entry.event), page.next], [['b'], 2]);
    assert.equal((await tail('?after=1&boot=other')).json<{ entries: unknown[] }>().entries.length, 2);
    assert.equal((await tail('?after=-1')).statusCode, 400);
    assert.equal((await tail('', 'operator')).statusCode, 403);
    assert.equal((await server.app.inject('/internal/logs')).statusCode, 401);
  });
});
