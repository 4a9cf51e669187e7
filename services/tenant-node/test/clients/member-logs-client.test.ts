import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import type { LogLine, Member } from '@hybridstore/contracts';
import { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { deriveSigningKey } from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, testSecret } from '@hybridstore/test-kit';
import { MemberLogsClient } from '../../src/clients/member-logs-client.ts';

const folder = createTemporaryFolder('member-logs');
const clock = new FakeClock();
const client = new HttpClient();
const identity = new ServiceIdentity(deriveSigningKey('tenant-node.default.acme', testSecret('acme')), clock);
const logs = new MemberLogsClient({ client, identity, tenantId: 'default/acme', clock });
const never = new AbortController().signal;

let answer: (response: ServerResponse) => void = () => {};
const server = createServer((_request, response) => answer(response));
let member: Member;
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A listening TCP server has an address of this form.
  const { port } = server.address() as AddressInfo;
  member = { pod: 'acme-1', url: `http://127.0.0.1:${port}`, log_id: 'b', state: 'active', epoch: 1 };
});
after(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  folder[Symbol.dispose]();
});

const reading = (bytes: number): LogLine => ({ reading: { log: 'acme-1', bytes, total: 9 } });
const found: LogLine = { log: { node: 'acme-1', files: 1, bytes: 9, problems: [] } };

async function read(signal = never): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of logs.check(member, signal)) lines.push(line);
  return lines;
}

it('gives the lines of a member as they come, however they are cut', async () => {
  const bytes = Buffer.from(`${JSON.stringify(reading(4))}\n${JSON.stringify(found)}\n`);
  answer = (response) => {
    response.write(bytes.subarray(0, 7));
    response.write(bytes.subarray(7, bytes.length - 9));
    response.end(bytes.subarray(bytes.length - 9));
  };
  assert.deepEqual(await read(), [reading(4), found]);
});

const broken: readonly (readonly [what: string, text: string, error: { code: string; message: RegExp }])[] = [
  ['breaks off', `${JSON.stringify(reading(4))}\n`, { code: 'unavailable', message: /acme-1 .*its answer broke off/ }],
  ['says nothing', '', { code: 'unavailable', message: /acme-1 .*its answer broke off/ }],
  ['is no JSON', 'x\n', { code: 'unavailable', message: /acme-1 .*its answer broke off/ }],
  [
    'is of another form',
    '{"log":{"node":"acme-1"}}\n',
    { code: 'unavailable', message: /acme-1 .*a line that is none/ },
  ],
  [
    'ends in an error',
    '{"error":{"code":"conflict","message":"node acme-1 is being checked already"}}\n',
    { code: 'conflict', message: /^member acme-1 did not read its log \(node acme-1 is being checked already\)$/ },
  ],
];
for (const [what, text, error] of broken)
  it(`refuses an answer that ${what}, naming the member`, async () => {
    answer = (response) => response.end(text);
    await assert.rejects(read(), error);
  });

it('waits for a member as long as it goes on saying something, and no longer', async () => {
  let say: (line: LogLine) => void = () => {};
  answer = (response) => {
    say = (line) => response.write(`${JSON.stringify(line)}\n`);
    say(reading(1));
  };
  const lines = logs.check(member, never);
  assert.deepEqual((await lines.next()).value, reading(1));
  const second = lines.next();
  await clock.advance(59_000);
  say(reading(2));
  assert.deepEqual((await second).value, reading(2));
  const third = assert.rejects(lines.next(), { code: 'unavailable', message: /^member acme-1 .*nothing for 60000 ms/ });
  await clock.advance(60_000);
  await third;
});

it('ends with who asked', async () => {
  const asker = new AbortController();
  let closed: Promise<unknown> = Promise.resolve();
  answer = (response) => {
    closed = new Promise((resolve) => response.once('close', resolve));
    response.write(`${JSON.stringify(reading(1))}\n`);
  };
  const lines = logs.check(member, asker.signal);
  await lines.next();
  asker.abort(new Error('the client went away'));
  await assert.rejects(lines.next(), /the client went away/);
  await closed;
});

it('says of a member that is not there that it cannot be reached', async () => {
  const away = { ...member, url: 'http://127.0.0.1:9' };
  await assert.rejects(logs.check(away, never).next(), {
    code: 'unavailable',
    message: /^member acme-1 did not read its log \(127\.0\.0\.1:9 cannot be reached\)$/,
  });
});
