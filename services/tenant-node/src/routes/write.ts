import { BatchId, tenantNode, type WriteResponse } from '@hybridstore/contracts';
import { compileValidator, type Server } from '@hybridstore/http';
import { HybridStoreError, retryLater } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { requireOwnSources } from './own-tenant.ts';

/** Set by a member that hands a batch to its owner. Whoever else sets it only forgoes being handed on. */
export const forwardedHeader = 'x-hybridstore-member';
const checkBatchId = compileValidator(BatchId);

/** `POST /data/write`: acknowledged when the rows are on disk. */
export function routeWrite(server: Server, node: TenantNode): void {
  server.route(tenantNode.write, async (request, _reply, context): Promise<WriteResponse> => {
    const body = request.body;
    requireOwnSources(context, node.tenantId, 'write', [body.source_id]);
    const batchId = readBatchId(request.headers['idempotency-key'], body.batch_id);
    if (!node.members.isJoined)
      throw retryLater('unavailable', 'the node is not known to all members yet, or has left them', 1_000);
    const batch = { sourceId: body.source_id, records: body.records };
    const result =
      batchId === undefined
        ? await node.engine.append(batch)
        : await node.keyedWrites.append(
            { ...batch, batchId },
            { userToken: context.caller?.token ?? '', isForwarded: request.headers[forwardedHeader] !== undefined },
          );
    return {
      source_id: body.source_id,
      accepted: result.accepted,
      batch_id: batchId ?? null,
      durable: result.durable,
      duplicate: result.duplicate,
      lsn: result.lsn,
    };
  });
}

/** The header and the field mean the same; two different ids would leave open which one counts. */
function readBatchId(header: string | string[] | undefined, field: string | undefined): string | undefined {
  if (header === undefined) return field;
  if (!checkBatchId.check<string>(header))
    throw new HybridStoreError('invalid_request', 'Idempotency-Key: expected 1 to 128 of A-Z a-z 0-9 . _ : -', {
      field: 'Idempotency-Key',
      expected: '1 to 128 of A-Z a-z 0-9 . _ : -',
    });
  if (field !== undefined && field !== header)
    throw new HybridStoreError('invalid_request', 'batch_id: expected the value of Idempotency-Key', {
      field: 'batch_id',
      expected: header,
      actual: field,
    });
  return header;
}
