import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { createServer, JwksTokenVerifier, listenAt, readSidePorts, type SidePorts } from '@hybridstore/http';
import { createMetrics, Environment, silentLogger } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, TestIssuer } from '@hybridstore/test-kit';

const host = '127.0.0.1';

/** A port that nothing listens on now. */
async function freePort(): Promise<number> {
  const { createServer: createSocketServer } = await import('node:net');
  const server = createSocketServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

async function open(sidePorts: SidePorts, port?: number, at = host) {
  const folder = createTemporaryFolder();
  const clock = new FakeClock();
  const reasons: string[] = [];
  const server = createServer({
    service: 'auth-gateway',
    version: '1.2.3',
    logger: silentLogger,
    metrics: createMetrics('auth-gateway'),
    clock,
    verifier: new JwksTokenVerifier(new TestIssuer(folder.path, clock).jwksFile, clock),
    notReadyReasons: () => reasons,
    connections: { max: 8, perAddressMax: 4, addressOf: (peer) => peer },
  });
  const main = port ?? (await freePort());
  const close = await listenAt(server, { host: at, port: main, sidePorts });
  return {
    main,
    reasons,
    addresses: () => server.app.addresses().map((one) => (typeof one === 'object' ? one.address : one)),
    get: (at: number, path: string) => fetch(`http://${host}:${at}${path}`),
    async [Symbol.asyncDispose]() {
      await close();
      folder[Symbol.dispose]();
    },
  };
}

async function statuses(at: number): Promise<Record<string, number>> {
  const entries = ['/health', '/ready', '/metrics', '/openapi.json'].map(
    async (path) => [path, (await fetch(`http://${host}:${at}${path}`)).status] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

describe('a process', () => {
  it('answers everything on its one port when no other is named', async () => {
    await using process = await open({ probe: undefined, metrics: undefined });
    assert.deepEqual(await statuses(process.main), {
      '/health': 200,
      '/ready': 200,
      '/metrics': 200,
      '/openapi.json': 200,
    });
  });

  it('answers probes on their port too, and nothing else there', async () => {
    const probe = await freePort();
    await using process = await open({ probe, metrics: undefined });
    assert.deepEqual(await statuses(probe), { '/health': 200, '/ready': 200, '/metrics': 404, '/openapi.json': 404 });
    assert.equal((await statuses(process.main))['/metrics'], 200);
    const health = await process.get(probe, '/health');
    const text = await health.text();
    assert.equal(health.headers.get('content-length'), String(text.length));
    assert.deepEqual(JSON.parse(text), { status: 'ok', service: 'auth-gateway', version: '1.2.3' });
    process.reasons.push('store: closed');
    const ready = await process.get(probe, '/ready');
    assert.deepEqual(
      [ready.status, await ready.json()],
      [503, { ready: false, service: 'auth-gateway', reasons: ['store: closed'] }],
    );
    const other = await fetch(`http://${host}:${probe}/health`, { method: 'POST', body: 'x' });
    assert.deepEqual(
      [other.status, ((await other.json()) as { error: { code: string } }).error.code],
      [404, 'not_found'],
    );
  });

  it('moves its metrics to their port, away from the main one', async () => {
    const metrics = await freePort();
    await using process = await open({ probe: undefined, metrics });
    assert.deepEqual(await statuses(metrics), { '/health': 404, '/ready': 404, '/metrics': 200, '/openapi.json': 404 });
    assert.deepEqual(await statuses(process.main), {
      '/health': 200,
      '/ready': 200,
      '/metrics': 404,
      '/openapi.json': 200,
    });
    assert.match(await (await process.get(metrics, '/metrics')).text(), /hybridstore_http_request_duration_seconds/);
  });

  it('shares one more port for both, and keeps to the main one when that is named', async () => {
    const both = await freePort();
    await using shared = await open({ probe: both, metrics: both });
    assert.deepEqual(await statuses(both), { '/health': 200, '/ready': 200, '/metrics': 200, '/openapi.json': 404 });
    assert.equal((await statuses(shared.main))['/metrics'], 404);
    const main = await freePort();
    await using same = await open({ probe: main, metrics: main }, main);
    assert.equal((await statuses(same.main))['/metrics'], 200);
  });

  it('listens at one address for localhost too: a second server would have no bounds', async () => {
    await using process = await open({ probe: undefined, metrics: undefined }, undefined, 'localhost');
    assert.deepEqual(process.addresses(), ['127.0.0.1']);
  });

  it('names the variable of a port in use, and listens nowhere then', async () => {
    const taken = await freePort();
    await using _process = await open({ probe: undefined, metrics: undefined }, taken);
    const main = await freePort();
    await assert.rejects(open({ probe: taken, metrics: undefined }, main), { message: /^PROBE_PORT: expected a free/ });
    await assert.rejects(open({ probe: undefined, metrics: taken }, main), {
      message: /^METRICS_PORT: expected a free/,
    });
    await assert.rejects(fetch(`http://${host}:${main}/health`));
  });

  it('answers its probes while one address floods both ports', async () => {
    const probe = await freePort();
    await using process = await open({ probe, metrics: undefined });
    const flood: Socket[] = [];
    for (const port of [process.main, probe])
      for (let number = 0; number < 200; number += 1) {
        const socket = connect(port, host);
        socket.on('error', () => {}); // who is pushed out may learn it from a reset
        await once(socket, 'connect');
        socket.write('GET /health HTTP/1.1\r\nhost: x\r\n');
        flood.push(socket);
      }
    for (let times = 0; times < 5; times += 1)
      assert.deepEqual(
        [(await process.get(probe, '/health')).status, (await process.get(probe, '/ready')).status],
        [200, 200],
      );
    for (const socket of flood) socket.destroy();
  });
});

describe('ports beside the main one', () => {
  it('are read from PROBE_PORT and METRICS_PORT, and wrong ones are refused by name', () => {
    assert.deepEqual(readSidePorts(new Environment({})), { probe: undefined, metrics: undefined });
    assert.deepEqual(readSidePorts(new Environment({ PROBE_PORT: '9800', METRICS_PORT: '9801' })), {
      probe: 9800,
      metrics: 9801,
    });
    for (const name of ['PROBE_PORT', 'METRICS_PORT'])
      for (const value of ['http', '-1', '65536', '1.5'])
        assert.throws(() => readSidePorts(new Environment({ [name]: value })), {
          code: 'invalid_request',
          message: new RegExp(`^${name}: expected`),
        });
  });
});
