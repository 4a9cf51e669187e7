import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createMetrics, isHybridStoreError } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock } from '@hybridstore/test-kit';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiServerKube } from '../../src/kube/api-server/api-server-kube.ts';
import { Credentials } from '../../src/kube/api-server/credentials.ts';
import { readLines } from '../../src/kube/api-server/lines.ts';
import { createRestClientMetrics } from '../../src/kube/api-server/rest-client-metrics.ts';
import { isExpired, retryAfterMsOf } from '../../src/kube/errors.ts';
import { configMaps, pods } from '../../src/kube/kinds.ts';

/**
 * The client of a real API server against a server that misbehaves in every way a network can.
 */
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('API server client', () => {
  let server: Server;
  let handler: Handler;
  let kube: ApiServerKube;
  const key = { namespace: 'default', name: 'a' };

  before(async () => {
    server = createServer((request, response) => handler(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    kube = new ApiServerKube({
      fieldManager: 'test',
      config: buildConfig(`http://127.0.0.1:${port}/prefix`, { token: 't0' }),
      clock: new FakeClock(),
      random: () => 0.5,
    });
  });
  after(async () => {
    await kube.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const answer =
    (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
    (request, response) => {
      request.resume();
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(typeof body === 'string' ? body : JSON.stringify(body));
    };
  const failure = (code: number, reason: string) => ({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    message: `it is ${reason}`,
    reason,
    code,
  });

  it('counts its requests by method, host and answer, and those that got none', async () => {
    const registry = createMetrics('test');
    const config = buildConfig(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`, { token: 't0' });
    const metrics = createRestClientMetrics(registry);
    const counted = new ApiServerKube({
      fieldManager: 'test',
      config,
      clock: new FakeClock(),
      random: () => 0.5,
      metrics,
    });
    handler = answer(404, failure(404, 'NotFound'));
    await assert.rejects(counted.get(configMaps, key));
    await assert.rejects(counted.get(configMaps, key));
    await assert.rejects(counted.delete(configMaps, key));
    handler = (request) => request.socket.destroy();
    await assert.rejects(counted.get(configMaps, key));
    await counted.close();
    const { values = [] } = (await registry.getSingleMetric('rest_client_requests_total')?.get()) ?? {};
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.deepEqual(
      values.map(({ labels, value }) => [labels, value]),
      [
        [{ code: '404', host, method: 'GET' }, 2],
        [{ code: '404', host, method: 'DELETE' }, 1],
        [{ code: '<error>', host, method: 'GET' }, 1],
      ],
    );
  });

  const rows: [number, unknown, Record<string, string>, string, number | undefined][] = [
    [404, failure(404, 'NotFound'), {}, 'not_found', undefined],
    [403, failure(403, 'Forbidden'), {}, 'forbidden', undefined],
    [401, failure(401, 'Unauthorized'), {}, 'unauthenticated', undefined],
    [409, failure(409, 'Conflict'), {}, 'conflict', undefined],
    [410, failure(410, 'Expired'), {}, 'gone', undefined],
    [422, failure(422, 'Invalid'), {}, 'invalid_request', undefined],
    [429, failure(429, 'TooManyRequests'), { 'retry-after': '7' }, 'overloaded', 7_000],
    [429, { ...failure(429, 'TooManyRequests'), details: { retryAfterSeconds: 3 } }, {}, 'overloaded', 3_000],
    [503, '<html>bad gateway</html>', {}, 'unavailable', 1_000],
    [503, failure(503, 'ServiceUnavailable'), { 'retry-after': '86400' }, 'unavailable', 60_000],
    [500, failure(500, 'InternalError'), {}, 'unavailable', 1_000],
    [504, failure(504, 'Timeout'), {}, 'deadline_exceeded', undefined],
    [200, 'not json', {}, 'unavailable', 1_000],
    [200, { kind: 'Nothing' }, {}, 'unavailable', 1_000],
  ];
  for (const [status, body, headers, code, retryAfterMs] of rows) {
    it(`an answer ${status} ${JSON.stringify(body).slice(0, 40)} is ${code}`, async () => {
      handler = answer(status, body, headers);
      const error: unknown = await kube.get(configMaps, key).catch((cause: unknown) => cause);
      assert.ok(isHybridStoreError(error), String(error));
      assert.equal(error.code, code);
      assert.equal(retryAfterMsOf(error), retryAfterMs);
    });
  }

  it('a connection that breaks in mid-answer is unavailable', async () => {
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"met', () => response.destroy());
    };
    await assert.rejects(kube.get(configMaps, key), (error) => isHybridStoreError(error, 'unavailable'));
  });

  it('an aborted call fails with the reason of its signal', async () => {
    handler = () => {};
    const reason = new Error('enough');
    const controller = new AbortController();
    const pending = kube.get(configMaps, key, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(pending, (error) => error === reason);
  });

  it('requests carry path, query, body and identity as the API wants them', async () => {
    const seen: string[] = [];
    handler = (request, response) => {
      seen.push(
        `${request.method} ${request.url} ${request.headers['content-type'] ?? ''} ${request.headers.authorization}`,
      );
      answer(200, { metadata: { name: 'a', resourceVersion: '1' }, items: [] })(request, response);
    };
    await kube.list(pods, { labelSelector: 'a in (b)', limit: 5 });
    await kube.apply(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key }, { force: true });
    await kube.mergePatch(configMaps, key, {}, { subresource: 'status' });
    await kube.delete(configMaps, key);
    assert.deepEqual(seen, [
      'GET /prefix/api/v1/pods?labelSelector=a+in+%28b%29&limit=5  Bearer t0',
      'PATCH /prefix/api/v1/namespaces/default/configmaps/a?force=true&fieldManager=test&fieldValidation=Strict application/apply-patch+yaml Bearer t0',
      'PATCH /prefix/api/v1/namespaces/default/configmaps/a/status?fieldManager=test&fieldValidation=Strict application/merge-patch+json Bearer t0',
      'DELETE /prefix/api/v1/namespaces/default/configmaps/a application/json Bearer t0',
    ]);
  });

  describe('watches', () => {
    const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;
    const object = (version: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', resourceVersion: version },
    });

    async function watch() {
      const seen: string[] = [];
      let failed: unknown;
      try {
        for await (const event of kube.watch(configMaps, { resourceVersion: '1' })) {
          seen.push(
            event.type === 'BOOKMARK'
              ? `BOOKMARK ${event.resourceVersion}`
              : `${event.type} ${event.object.metadata.resourceVersion}`,
          );
        }
      } catch (error) {
        failed = error;
      }
      return { seen, failed };
    }

    it('events are decoded however the bytes are cut', async () => {
      const text = line('ADDED', object('2')) + line('BOOKMARK', object('5')) + line('DELETED', object('6'));
      handler = async (_request, response) => {
        response.writeHead(200);
        for (let at = 0; at < text.length; at += 7) {
          response.write(text.slice(at, at + 7));
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      };
      assert.deepEqual(await watch(), { seen: ['ADDED 2', 'BOOKMARK 5', 'DELETED 6'], failed: undefined });
    });

    it('an expiry in the stream, and one before it, are both gone', async () => {
      handler = answer(200, line('ERROR', failure(410, 'Expired')));
      assert.ok(isExpired((await watch()).failed));
      handler = answer(410, failure(410, 'Expired'));
      assert.ok(isExpired((await watch()).failed));
    });

    it('a stream that is cut gives what was whole, then fails as unavailable', async () => {
      handler = (_request, response) => {
        response.writeHead(200);
        response.write(`${line('ADDED', object('2'))}{"type":"MOD`, () => setImmediate(() => response.destroy()));
      };
      const { seen, failed } = await watch();
      assert.deepEqual(seen, ['ADDED 2']);
      assert.ok(isHybridStoreError(failed, 'unavailable'), String(failed));
    });

    it('a line that does not end is too large', async () => {
      const endless = async function* () {
        for (;;) yield Buffer.alloc(1_000, 'x');
      };
      const read = async () => {
        for await (const _line of readLines(endless(), 10_000)) assert.fail('no line ends');
      };
      await assert.rejects(read(), (error) => isHybridStoreError(error, 'too_large'));
    });
  });

  describe('credentials', () => {
    it('a token file is read again after a minute', async () => {
      using folder = createTemporaryFolder();
      const tokenFile = join(folder.path, 'token');
      writeFileSync(tokenFile, 'first');
      const clock = new FakeClock();
      // client-node keeps a token file's content for a minute of real time; a fresh plugin reads it anew.
      const config = () =>
        buildConfig('http://127.0.0.1:1', { authProvider: { name: 'tokenFile', config: { tokenFile } } });
      const credentials = new Credentials(config(), clock);
      assert.equal((await credentials.current()).headers.authorization, 'Bearer first');
      writeFileSync(tokenFile, 'second');
      assert.equal((await new Credentials(config(), clock).current()).headers.authorization, 'Bearer second');
    });

    it('what the configuration says is asked again after a minute, and at once after a refusal', async () => {
      const clock = new FakeClock();
      const config = buildConfig('http://127.0.0.1:1', { token: 'first' });
      const credentials = new Credentials(config, clock);
      const read = async () => (await credentials.current()).headers.authorization;
      assert.equal(await read(), 'Bearer first');
      Object.assign(config.users[0] ?? {}, { token: 'second' });
      assert.equal(await read(), 'Bearer first');
      await clock.advance(60_000);
      assert.equal(await read(), 'Bearer second');
      Object.assign(config.users[0] ?? {}, { token: 'third' });
      credentials.invalidate();
      assert.equal(await read(), 'Bearer third');
    });

    it('a configuration without a cluster is refused', () => {
      assert.throws(
        () => new Credentials(new KubeConfig(), new FakeClock()).server,
        (error) => isHybridStoreError(error, 'invalid_request'),
      );
    });
  });
});

function buildConfig(server: string, user: object): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    currentContext: 'c',
    clusters: [{ name: 'c', server, skipTLSVerify: true }],
    users: [{ name: 'u', ...user }],
    contexts: [{ name: 'c', cluster: 'c', user: 'u' }],
  });
  return config;
}
