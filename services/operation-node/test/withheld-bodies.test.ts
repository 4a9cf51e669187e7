import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestOperation } from './test-operation.ts';

const withheldRequests = 1_100;
const withheldAtOnce = 100;

test('1,100 requests whose bodies are withheld take no place, and end within seconds with 408', async () => {
  await using operation = await TestOperation.start();
  const { port } = new URL(operation.url);
  const head = [
    'POST /query/sql HTTP/1.1',
    'host: x',
    `authorization: Bearer ${operation.token()}`,
    'content-type: application/json',
    'content-length: 50',
  ].join('\r\n');
  const ends: Promise<string>[] = [];
  const withhold = async () => {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    ends.push(once(socket, 'close').then(() => text));
    await new Promise<void>((resolve) => socket.write(`${head}\r\n\r\n{`, () => resolve()));
  };
  for (let sent = 0; sent < withheldRequests; sent += withheldAtOnce)
    await Promise.all(Array.from({ length: withheldAtOnce }, withhold));
  const answer = await operation.sql();
  assert.equal(answer.status, 200);
  assert.deepEqual([operation.app.queue.running, operation.app.queue.waiting], [0, 0]);
  await operation.clock.advance(40_000);
  const texts = await Promise.all(ends);
  assert.equal(texts.filter((text) => text.startsWith('HTTP/1.1 408 ')).length, withheldRequests);
  assert.match(texts[0] ?? '', /"code":"deadline_exceeded"/);
});

test("one user's waiting queries leave a place to another user of his tenant", async () => {
  await using operation = await TestOperation.start({
    admission: { runningMax: 64, runningPerTenantMax: 10, waitingMax: 20, waitingPerTenantMax: 10 },
  });
  const tokenOf = (sub: string) =>
    operation.issuer.sign('auth-gateway', {
      sub,
      tenant: 'default/acme',
      permissions: [{ sources: ['*'], actions: ['read'] }],
    });
  const { execute } = operation.services;
  operation.services.execute = () => new Promise(() => {});
  const leaving = new AbortController();
  const eve = Array.from({ length: 16 }, () =>
    operation.sql({}, { token: tokenOf('user:eve'), signal: leaving.signal }).catch(() => undefined),
  );
  await operation.until(() => operation.app.queue.running === 8 && operation.app.queue.waiting === 8);
  const refused = await operation.sql({}, { token: tokenOf('user:eve') });
  assert.deepEqual([refused.status, refused.headers.get('retry-after') !== null], [429, true]);
  assert.match(refused.text, /8 queries of the user are waiting already/);
  operation.services.execute = execute;
  assert.equal((await operation.sql({}, { token: tokenOf('user:ada') })).status, 200);
  leaving.abort();
  await Promise.all(eve);
});
