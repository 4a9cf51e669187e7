import { batchIdLengthMax, batchIdPattern, type WriteResponse } from '@hybridstore/contracts';
import type { AppendResult } from '@hybridstore/engine';
import { type ErrorDetails, HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { type Call, requireOwnSources } from '../call.ts';
import type { Drain } from '../drain.ts';
import type { HandOn } from '../hand-on.ts';
import type { KeyedWrites, Way } from '../keyed-writes.ts';
import type { Batch, MemberDirectory, Records, WriteAdmission } from '../ports.ts';

export type WritePorts = {
  readonly tenantId: string;
  readonly writeGate: Pick<WriteAdmission, 'append'>;
  readonly keyedWrites: Pick<KeyedWrites, 'append'>;
  readonly members: Pick<MemberDirectory, 'isJoined'>;
  readonly drain: Pick<Drain, 'isFenced'>;
  readonly handOn: Pick<HandOn, 'write'>;
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
  const batch = { sourceId: input.sourceId, records: input.records };
  const way = { userToken: call.caller.token, isForwarded: input.isForwarded, sender: call };
  const result =
    batchId === undefined
      ? await writeWithoutId(node, batch, way)
      : await node.keyedWrites.append({ ...batch, batchId }, way);
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

async function writeWithoutId(node: WritePorts, batch: Batch, way: Way): Promise<AppendResult> {
  if (!node.members.isJoined || node.drain.isFenced) return node.handOn.write(batch, way);
  try {
    return await node.writeGate.append(batch, way.sender);
  } catch (error) {
    // Refused before anything of it was written.
    if (isHybridStoreError(error, 'unavailable') && isDraining(error.details)) return node.handOn.write(batch, way);
    throw error;
  }
}

function isDraining({ reasons }: ErrorDetails): boolean {
  return Array.isArray(reasons) && reasons.includes('draining');
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
