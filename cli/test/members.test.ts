import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type MemberView, tenantNode } from '@hybridstore/contracts';
import { runCommandLine } from '../src/command-line.ts';
import { FakeGateway } from './fake-gateway.ts';

const own: MemberView = {
  pod: 'hs-acme-0',
  state: 'active',
  epoch: 1,
  url: 'http://hs-acme-0:1',
  since_ms: Date.parse('2026-01-01T00:00:00Z'),
  away_since: null,
  away_reason: null,
  unflushed_rows: 12,
  unflushed_rows_at: '2026-01-02T00:00:00.000Z',
};
const away: MemberView = {
  ...own,
  pod: 'hs-acme-1',
  away_since: '2026-01-02T00:00:00.000Z',
  away_reason: 'no answer\u001b[2J',
  unflushed_rows: null,
};
const left: MemberView = { ...own, pod: 'hs-acme-2', state: 'drained', since_ms: null, unflushed_rows: 0 };

let gateway: FakeGateway;
beforeEach(async () => {
  gateway = await FakeGateway.start();
});
afterEach(() => gateway.stop());

function answer(...members: readonly MemberView[]): void {
  gateway.handlers.set(tenantNode.tenantMembers.path, () => ({ pod: 'hs-acme-0', joined: true, members }));
}

async function run(...flags: readonly string[]) {
  const texts = { out: '', err: '' };
  const sink = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _encoding, done) => {
        texts[name] += String(chunk);
        done();
      },
    });
  const argv = ['--gateway', gateway.url, '--token', 'mine', '-t', 'default/acme', 'admin', 'members', ...flags];
  const code = await runCommandLine(argv, {
    stdin: Readable.from(['']),
    stdout: sink('out'),
    stderr: sink('err'),
    variables: {},
    signal: new AbortController().signal,
  });
  return { code, ...texts };
}

describe('admin members', () => {
  it('lists who is away and since when, and says what that stops and how to go on without', async () => {
    answer(own, away, left);
    const { code, out, err } = await run();
    assert.deepEqual({ code, err }, { code: 0, err: '' });
    const [names, first, second, third, , ...hint] = out.split('\n').map((line) => line.trim().split(/\s{2,}/));
    assert.deepEqual(names, ['POD', 'STATE', 'SINCE', 'AWAY SINCE', 'UNFLUSHED ROWS', 'REASON']);
    assert.deepEqual(first, ['hs-acme-0', 'active', '2026-01-01T00:00:00.000Z', '-', '12']);
    assert.deepEqual(second?.slice(0, 5), [
      'hs-acme-1',
      'active',
      '2026-01-01T00:00:00.000Z',
      '2026-01-02T00:00:00.000Z',
      '-',
    ]);
    assert.deepEqual(third, ['hs-acme-2', 'drained', '-', '-', '0']);
    assert.ok(!out.includes('\u001b'), 'a reason may not steer the terminal');
    assert.match(hint.flat().join(' '), /^hs-acme-1 is away\. Meanwhile strict reads are refused/);
    assert.match(out, /kubectl annotate tenant acme -n default hybridstore\.dev\/give-up-node=hs-acme-1\n$/);
  });

  it('gives no hint where everybody answers', async () => {
    answer(own, left);
    const { code, out } = await run();
    assert.equal(code, 0);
    assert.equal(out.split('\n').length, 4);
    assert.ok(!out.includes('give-up-node'));
  });

  it('prints the answer as it came with -o json', async () => {
    answer(own, away);
    const { code, out } = await run('-o', 'json');
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), { pod: 'hs-acme-0', joined: true, members: [own, away] });
  });

  it('fails with the reason where the caller may not see them', async () => {
    gateway.refuse(tenantNode.tenantMembers, { code: 'forbidden', message: 'expected the right manage' });
    const { code, out, err } = await run();
    assert.deepEqual({ code, out }, { code: 1, out: '' });
    assert.match(err, /expected the right manage/);
  });
});
