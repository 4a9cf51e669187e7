import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppendBatch } from '@hybridstore/engine';
import type { TenantCaller } from '@hybridstore/runtime';
import type { Call } from '../../src/domain/call.ts';
import type { KeyedBatch } from '../../src/domain/ports.ts';
import { type WriteInput, type WritePorts, writeRecords } from '../../src/domain/verbs/write-records.ts';

const records = [{ fields: { id: 1 } }];
const input: WriteInput = {
  sourceId: 'events',
  records,
  batchId: undefined,
  idempotencyKey: undefined,
  isForwarded: false,
};
const ada: TenantCaller = {
  subject: 'user:ada',
  tenant: 'default/acme',
  permissions: [{ sources: ['events'], actions: ['write'] }],
  token: 'secret',
};

function callOf(caller: TenantCaller): Call {
  return { caller, signal: new AbortController().signal, deadlineMs: undefined };
}

/** A node that notes what reaches its log, and its keyed writes. */
function createNode(isJoined = true) {
  const plain: AppendBatch[] = [];
  const keyed: { batch: KeyedBatch; call: { userToken: string; isForwarded: boolean } }[] = [];
  const result = { lsn: 7, accepted: 1, durable: true, duplicate: false, warnings: [] };
  const node: WritePorts = {
    tenantId: 'default/acme',
    members: { isJoined },
    engine: {
      append: async (batch) => {
        plain.push(batch);
        return result;
      },
    },
    keyedWrites: {
      append: async (batch, call) => {
        keyed.push({ batch, call });
        return { ...result, duplicate: true };
      },
    },
  };
  return { node, plain, keyed };
}

describe('a write, whatever transport brought it', () => {
  it('without an id goes to the log', async () => {
    const { node, plain, keyed } = createNode();
    assert.deepEqual(await writeRecords(node, callOf(ada), input), {
      source_id: 'events',
      accepted: 1,
      batch_id: null,
      durable: true,
      duplicate: false,
      lsn: 7,
      warnings: [],
    });
    assert.deepEqual([plain, keyed], [[{ sourceId: 'events', records }], []]);
  });

  for (const [place, id] of [
    ['the message', { batchId: 'b-1' }],
    ['the transport', { idempotencyKey: 'b-1' }],
    ['both', { batchId: 'b-1', idempotencyKey: 'b-1' }],
  ] as const)
    it(`with an id in ${place} goes to the owner of the id, with the caller's token`, async () => {
      const { node, plain, keyed } = createNode();
      const answer = await writeRecords(node, callOf(ada), { ...input, ...id });
      assert.deepEqual([answer.batch_id, answer.duplicate], ['b-1', true]);
      const batch = { sourceId: 'events', records, batchId: 'b-1' };
      assert.deepEqual([plain, keyed], [[], [{ batch, call: { userToken: 'secret', isForwarded: false } }]]);
    });

  for (const [reason, code, caller, more] of [
    ['another tenant', 'forbidden', { ...ada, tenant: 'default/other' }, {}],
    ['no permission for the source', 'forbidden', ada, { sourceId: 'sales' }],
    ['two ids', 'invalid_request', ada, { batchId: 'b-1', idempotencyKey: 'b-2' }],
    ['an id of other characters', 'invalid_request', ada, { idempotencyKey: 'b 1' }],
    ['an empty id', 'invalid_request', ada, { idempotencyKey: '' }],
    ['an id of 129 characters', 'invalid_request', ada, { idempotencyKey: 'b'.repeat(129) }],
  ] as const)
    it(`is refused for ${reason}, before anything is appended`, async () => {
      const { node, plain, keyed } = createNode();
      await assert.rejects(writeRecords(node, callOf(caller), { ...input, ...more }), { code });
      assert.deepEqual([plain, keyed], [[], []]);
    });

  it('waits for a node that not every member knows yet', async () => {
    const { node, plain } = createNode(false);
    await assert.rejects(writeRecords(node, callOf(ada), input), { code: 'unavailable' });
    assert.deepEqual(plain, []);
  });
});
