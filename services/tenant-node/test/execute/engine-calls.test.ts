import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createTemporaryFolder } from '@hybridstore/test-kit';
import type { StatementRequest } from '../../src/domain/ports.ts';
import { ChildSession } from '../../src/execute/child/child-session.ts';
import type { FromChild } from '../../src/execute/messages.ts';
import { buildFrame } from './frames.ts';

/**
 * Work, not time: how often a statement of the child goes to the engine's threads and back. Each is a turn of libuv's pool,
 * with a switch of threads there and back, and was most of what a short statement took. Fewer is good; more needs a reason.
 */
const callsMax = { asked: 12, askedAgain: 6 } as const;

/** The name that the engine's binding gives what it does in libuv's threads. */
const engineCall = 'generic';

describe('the calls of a statement into the engine', () => {
  let calls = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === engineCall) calls += 1;
    },
  });
  const sent: FromChild[] = [];
  let folder: ReturnType<typeof createTemporaryFolder>;
  let session: ChildSession;
  let query = 0;

  before(async () => {
    hook.enable();
    folder = createTemporaryFolder('engine-calls');
    session = await ChildSession.create(
      { filesFolder: join(folder.path, 'files'), secret: 'a'.repeat(32), memoryLimit: '256MB', threads: 1 },
      { send: (message) => sent.push(message), fail: (error) => assert.fail(String(error)) },
    );
  });

  after(() => {
    hook.disable();
    folder[Symbol.dispose]();
  });

  const run = async (request: StatementRequest) => {
    query += 1;
    calls = 0;
    sent.length = 0;
    session.run({ query, ...request });
    while (!sent.some(({ kind }) => kind === 'ended' || kind === 'failed')) await new Promise(setImmediate);
    assert.deepEqual(
      sent.map(({ kind }) => kind),
      ['started', 'rows', 'ended'],
      JSON.stringify(sent),
    );
    return calls;
  };
  // One that counts nothing has lost sight of the engine.
  const within = (found: number, max: number) =>
    assert.ok(found > 0 && found <= max, `${found} calls, expected 1 to ${max}`);

  it('are few for a text that was never asked', async () => {
    await run(statement('SELECT 0'));
    within(await run(statement('SELECT 41 + 1')), callsMax.asked);
  });

  it('are no more for one that was', async () => {
    within(await run(statement('SELECT 41 + 1')), callsMax.askedAgain);
  });

  it('are no more beside fresh rows that are loaded already', async () => {
    const columns = [{ name: 'id', type: 'bigint' }];
    const frame = buildFrame({ sourceId: 's', columns, lsn: 1, records: [{ id: 1 }] });
    session.load('s', { log: 'hybridstore/acme-0/1', afterLsn: 0, untilLsn: 1 }, frame);
    await run(statement('SELECT 41 + 1'));
    within(await run(statement('SELECT 41 + 1')), callsMax.askedAgain);
  });
});

function statement(text: string): StatementRequest {
  return {
    text,
    parameters: [],
    outputs: [{ name: 'v', type: undefined }],
    views: [],
    shape: 'array',
    separator: ',',
    rowsMax: 10_000_000,
    bytesMax: 1_000_000_000,
  };
}
