import { memberHeader, tenantNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { writeRecords } from '../domain/verbs/write-records.ts';
import { callOf } from './call-of.ts';

/** A smaller write costs less to read than to let in: it is read at once, and waits only where its rows have no room. */
const smallWriteBytes = 16 * 1024;

/**
 * `POST /data/write`; the header `Idempotency-Key` and the field `batch_id` mean the same. A large body has the same fields,
 * but its records are in a thread.
 */
export function routeWrite(server: Server, node: TenantNode): void {
  server.route(
    tenantNode.write,
    ({ body, headers }, _reply, context) =>
      writeRecords(node, callOf(context), {
        sourceId: body.source_id,
        records: body.records,
        batchId: body.batch_id,
        idempotencyKey: headers['idempotency-key']?.toString(),
        isForwarded: headers[memberHeader] !== undefined,
      }),
    {
      readLarge: (bytes) => node.largeWrites.read(bytes),
      admission: {
        bytesMin: smallWriteBytes,
        admit: ({ caller, headers, bytesMax, head, signal }) =>
          node.writeGate.admit({
            caller: tenantCallerOf(caller),
            bytes: bytesMax,
            head,
            isForwarded: headers[memberHeader] !== undefined,
            signal,
          }),
      },
    },
  );
}
