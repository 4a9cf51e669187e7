import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AppendBatch } from '@hybridstore/engine';
import { HybridStoreError, type TenantCaller } from '@hybridstore/runtime';
import type { Call } from '../../src/domain/call.ts';
import type { Way } from '../../src/domain/keyed-writes.ts';
import type { Batch, KeyedBatch } from '../../src/domain/ports.ts';
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
function createNode({ isJoined = true, isFenced = false, fences = false } = {}) {
  const plain: AppendBatch[] = [];
  const handedOn: { batch: Batch; call: object }[] = [];
  const keyed: { batch: KeyedBatch; call: Way }[] = [];
  const result = { lsn: 7, accepted: 1, durable: true, duplicate: false, warnings: [] };
  const node: WritePorts = {
    tenantId: 'default/acme',
    members: { isJoined },
    writeGate: {
      append: async (batch) => {
        if (fences) throw new HybridStoreError('unavailable', 'no writes: draining', { reasons: ['draining'] });
        plain.push(batch);
        return result;
      },
    },
    drain: { isFenced },
    handOn: {
      write: async (batch, call) => {
        handedOn.push({ batch, call });
        return { ...result, lsn: 9 };
      },
    },
    keyedWrites: {
      append: async (batch, call) => {
        keyed.push({ batch, call });
        return { ...result, duplicate: true };
      },
    },
  };
  return { node, plain, keyed, handedOn };
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
      const sender = callOf(ada);
      const answer = await writeRecords(node, sender, { ...input, ...id });
      assert.deepEqual([answer.batch_id, answer.duplicate], ['b-1', true]);
      const batch = { sourceId: 'events', records, batchId: 'b-1' };
      assert.deepEqual([plain, keyed], [[], [{ batch, call: { userToken: 'secret', isForwarded: false, sender } }]]);
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

  for (const [state, made] of [
    ['that not every member knows yet', { isJoined: false }],
    ['that takes no more rows', { isFenced: true }],
    ['that takes no more rows from this moment', { fences: true }],
  ] as const)
    it(`is handed on by a node ${state}`, async () => {
      const { node, plain, handedOn } = createNode(made);
      const sender = callOf(ada);
      assert.equal((await writeRecords(node, sender, { ...input, isForwarded: true })).lsn, 9);
      const call = { userToken: 'secret', isForwarded: true, sender };
      assert.deepEqual([plain, handedOn], [[], [{ batch: { sourceId: 'events', records }, call }]]);
    });

  it('that fails otherwise is not handed on: it may have been written', async () => {
    const { node, handedOn } = createNode();
    const broken = {
      ...node,
      writeGate: { append: () => Promise.reject(new HybridStoreError('unavailable', 'no disk')) },
    };
    await assert.rejects(writeRecords(broken, callOf(ada), input), /no disk/);
    assert.deepEqual(handedOn, []);
  });
});
