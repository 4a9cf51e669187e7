import { batchIdLengthMax, batchIdPattern, type WriteResponse } from '@hybridstore/contracts';
import type { Engine } from '@hybridstore/engine';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import { type Call, requireOwnSources } from '../call.ts';
import type { KeyedWrites } from '../keyed-writes.ts';
import type { MemberDirectory, Records } from '../ports.ts';

export type WritePorts = {
  readonly tenantId: string;
  readonly engine: Pick<Engine, 'append'>;
  readonly keyedWrites: Pick<KeyedWrites, 'append'>;
  readonly members: Pick<MemberDirectory, 'isJoined'>;
};

export type WriteInput = {
  readonly sourceId: string;
  readonly records: Records;
  readonly batchId: string | undefined;
  /** The id once more, as transports carry it beside the message. The two mean the same. */
  readonly idempotencyKey: string | undefined;
  /** Another member takes this one for the owner of the batch. Whoever else says so only forgoes being handed on. */
  readonly isForwarded: boolean;
};

/** Appends records; acknowledged when they are on disk. */
export async function writeRecords(node: WritePorts, call: Call, input: WriteInput): Promise<WriteResponse> {
  requireOwnSources(node, call, 'write', [input.sourceId]);
  const batchId = chooseBatchId(input);
  if (!node.members.isJoined)
    throw retryLater('unavailable', 'the node is not known to all members yet, or has left them', 1_000);
  const batch = { sourceId: input.sourceId, records: input.records };
  const result =
    batchId === undefined
      ? await node.engine.append(batch)
      : await node.keyedWrites.append(
          { ...batch, batchId },
          { userToken: call.caller.token, isForwarded: input.isForwarded },
        );
  return {
    source_id: input.sourceId,
    accepted: result.accepted,
    batch_id: batchId ?? null,
    durable: result.durable,
    duplicate: result.duplicate,
    lsn: result.lsn,
    warnings: [...result.warnings],
  };
}

const batchIdForm = new RegExp(batchIdPattern);

/** Two different ids would leave open which one counts. */
function chooseBatchId({ idempotencyKey: key, batchId }: WriteInput): string | undefined {
  if (key === undefined) return batchId;
  if (key.length > batchIdLengthMax || !batchIdForm.test(key))
    throw new HybridStoreError('invalid_request', 'Idempotency-Key: expected 1 to 128 of A-Z a-z 0-9 . _ : -', {
      field: 'Idempotency-Key',
      expected: '1 to 128 of A-Z a-z 0-9 . _ : -',
    });
  if (batchId !== undefined && batchId !== key)
    throw new HybridStoreError('invalid_request', 'batch_id: expected the value of Idempotency-Key', {
      field: 'batch_id',
      expected: key,
      actual: batchId,
    });
  return key;
}
