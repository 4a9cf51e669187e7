import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { type Endpoint, may, publicAccess } from '@hybridstore/contracts';
import { createServer, JwksTokenVerifier } from '@hybridstore/http';
import { createMetrics, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { PackedBodies } from '../src/packed-bodies.ts';

const bytesMax = 400_000;
const Body = Type.Object({ text: Type.String() }, { additionalProperties: false });
const write: Endpoint = {
  service: 'tenant-node',
  method: 'POST',
  path: '/thing',
  summary: 'A thing',
  access: may('write'),
  body: Body,
  bodyBytesMax: bytesMax,
};

function open(endpoint: Endpoint = write) {
  const folder = createTemporaryFolder();
  const clock = new FakeClock();
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
  server.route(endpoint, ({ body }) => ({ length: (body as { text: string }).text.length }));
  const authorization = `Bearer ${issuer.userToken('default/acme')}`;
  return {
    async post(payload: Buffer, encoding: string) {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding, authorization };
      const answer = await server.app.inject({ method: 'POST', url: '/thing', payload, headers });
      const body: Answer = answer.json();
      return { status: answer.statusCode, body, error: body.error, headers: answer.headers };
    },
    async [Symbol.asyncDispose]() {
      await server.app.close();
      folder[Symbol.dispose]();
    },
  };
}

type Answer = {
  readonly length?: number;
  readonly error: { readonly code: string; readonly message: string; readonly details: Record<string, unknown> };
};

const pack: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  gzip: (body) => gzipSync(body),
  'x-gzip': (body) => gzipSync(body),
  GZIP: (body) => gzipSync(body),
  zstd: (body) => zstdCompressSync(body),
  deflate: (body) => deflateSync(body),
  'deflate, gzip': (body) => gzipSync(deflateSync(body)),
  'gzip, zstd': (body) => zstdCompressSync(gzipSync(body)),
  'identity, gzip, ': (body) => gzipSync(body),
  identity: (body) => body,
};

function textOf(length: number): Buffer {
  return Buffer.from(JSON.stringify({ text: 'x'.repeat(length) }));
}

describe('a body that comes compressed', () => {
  it('is read as what it holds, in every encoding, small and beyond what the main loop reads', async () => {
    await using server = open();
    for (const [encoding, packed] of Object.entries(pack))
      for (const length of [0, 1, 300, 300_000]) {
        const { status, body } = await server.post(packed(textOf(length)), encoding);
        assert.deepEqual([encoding, status, body.length], [encoding, 200, length]);
      }
  });

  it('may be raw deflate, as some clients mean it', async () => {
    await using server = open();
    assert.equal((await server.post(deflateRawSync(textOf(5)), 'deflate')).status, 200);
  });

  it('is bounded by what it unpacks to, at each of its encodings', async () => {
    await using server = open();
    const fits = textOf(bytesMax - 11);
    assert.equal(fits.length, bytesMax);
    const bomb = textOf(8 * 1024 * 1024);
    for (const [encoding, packed] of Object.entries(pack)) {
      if (encoding === 'identity') continue;
      assert.equal((await server.post(packed(fits), encoding)).status, 200, encoding);
      for (const large of [textOf(bytesMax - 10), bomb]) {
        const { status, error } = await server.post(packed(large), encoding);
        assert.deepEqual(
          [encoding, status, error.code, error.message, error.details['bytes_max']],
          [encoding, 413, 'too_large', `body: expected at most ${bytesMax} bytes unpacked, found more`, bytesMax],
        );
      }
    }
    const inner = await server.post(deflateSync(gzipSync(bomb)), 'gzip, deflate');
    assert.equal(inner.status, 413);
  });

  it('is refused by the name of its header where it is cut, damaged, followed by more or another stream', async () => {
    await using server = open();
    const text = textOf(2_000);
    for (const encoding of ['gzip', 'zstd', 'deflate']) {
      const whole = pack[encoding]?.(text) ?? Buffer.alloc(0);
      const damaged = Buffer.from(whole);
      damaged[damaged.length - 6] = (damaged[damaged.length - 6] ?? 0) ^ 0xff;
      const bad: Readonly<Record<string, Buffer>> = {
        cut: whole.subarray(0, whole.length - 3),
        'half of it': whole.subarray(0, whole.length >> 1),
        'one byte': whole.subarray(0, 1),
        'text behind': Buffer.concat([whole, Buffer.from(' {}')]),
        'zeros behind': Buffer.concat([whole, Buffer.alloc(9)]),
        'no stream': text,
        damaged,
      };
      for (const [what, body] of Object.entries(bad)) {
        const { status, error } = await server.post(body, encoding);
        assert.deepEqual([encoding, what, status, error.code], [encoding, what, 400, 'invalid_request']);
        assert.deepEqual([error.details['field'], error.details['expected']], ['Content-Encoding', encoding]);
        assert.match(error.message, /^Content-Encoding: expected a body in \w+, found /);
      }
    }
  });

  it('may be several members of gzip, which are one text', async () => {
    await using server = open();
    const text = textOf(10);
    const members = [text.subarray(0, 6), text.subarray(6)].map((part) => gzipSync(part));
    assert.equal((await server.post(Buffer.concat(members), 'gzip')).status, 200);
  });

  it('asks for no larger window than the largest body', async () => {
    await using server = open();
    const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_compressionLevel]: 1 };
    const { status, error } = await server.post(zstdCompressSync(Buffer.alloc(1 << 27), { params }), 'zstd');
    assert.deepEqual([status, error.details['actual']], [400, 'a window beyond 2^25 bytes']);
  });

  it('is refused in an unknown encoding, naming those that are taken', async () => {
    await using server = open();
    const text = textOf(3);
    for (const encoding of ['br', 'zorp', 'gzip, br', 'compress', '*', 'gzip;q=1', `x${'y'.repeat(1_000)}`]) {
      const { status, error, headers } = await server.post(brotliCompressSync(text), encoding);
      assert.deepEqual([status, error.code], [415, 'unsupported_media_type']);
      assert.deepEqual(error.details['accepted'], ['gzip', 'zstd', 'deflate']);
      assert.equal(headers['accept-encoding'], 'gzip, zstd, deflate');
      assert.ok(error.message.length < 150, error.message);
    }
    const { status, error } = await server.post(text, 'gzip, gzip, gzip');
    assert.deepEqual([status, error.details['expected'], error.details['actual']], [415, 'at most 2', 3]);
  });

  it('is not unpacked for somebody who is not known', async () => {
    await using server = open({ ...write, access: publicAccess });
    const { status, error } = await server.post(gzipSync(textOf(3)), 'gzip');
    assert.deepEqual([status, error.details['accepted']], [415, []]);
  });

  it('gives back any text that was packed', async () => {
    await using server = open();
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 3_000 }),
        fc.constantFrom(...Object.keys(pack)),
        async (text, encoding) => {
          const body = Buffer.from(JSON.stringify({ text }));
          const { status, body: answer } = await server.post(pack[encoding]?.(body) ?? body, encoding);
          // What JSON may not hold is refused as it is in a body that came unpacked.
          const plain = await server.post(body, 'identity');
          assert.deepEqual([status, answer.length], [plain.status, plain.body.length]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is never more than three unpacked at a time, and the others get their turn', async () => {
    const bodies = new PackedBodies();
    const text = Buffer.alloc(100_000, 'a');
    const packed = gzipSync(text);
    let open = 0;
    let openMax = 0;
    const socket = new EventEmitter();
    socket.setMaxListeners(100);
    const full = Promise.withResolvers<void>();
    const sizes = await Promise.all(
      Array.from({ length: 64 }, (_, index) =>
        bodies.read(
          packed,
          { codings: ['gzip'], bytesMax, claims: claimsOf(`user-${index % 4}`), socket },
          async (body) => {
            open += 1;
            openMax = Math.max(openMax, open);
            if (open === 3) full.resolve();
            await full.promise;
            open -= 1;
            return body.length;
          },
        ),
      ),
    );
    assert.deepEqual([openMax, new Set(sizes)], [3, new Set([text.length])]);
    assert.equal(socket.listenerCount('close'), 0);
  });

  it('leaves the line when its client goes away, and one user does not hold all the memory of packed bodies', async () => {
    const bodies = new PackedBodies();
    const socket = new EventEmitter();
    const packed = gzipSync(Buffer.alloc(10));
    const options = { codings: ['gzip'], bytesMax, claims: claimsOf('ann'), socket: new EventEmitter() } as const;
    const held = Promise.withResolvers<void>();
    const busy = [0, 1, 2].map(() => bodies.read(packed, options, () => held.promise));
    const waiting = bodies.read(packed, { ...options, socket }, () => assert.fail('was read'));
    socket.emit('close');
    await assert.rejects(waiting, { code: 'unavailable' });
    const large = Buffer.alloc(65 * 1024 * 1024);
    await assert.rejects(
      bodies.read(large, options, () => 1),
      { code: 'overloaded' },
    );
    held.resolve();
    await Promise.all(busy);
    const again = await bodies.read(packed, options, (body) => body.length);
    assert.equal(again, gunzipSync(packed).length);
  });
});

function claimsOf(sub: string) {
  const times = { iat: 0, nbf: 0, exp: 1 };
  return { iss: 'test', aud: 'hybridstore', sub, jti: 'x', tenant: 'default/acme', ...times } as const;
}
