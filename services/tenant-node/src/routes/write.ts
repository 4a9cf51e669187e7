import { memberHeader, tenantNode } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { TenantNode } from '../domain/node.ts';
import { writeRecords } from '../domain/verbs/write-records.ts';
import { callOf } from './call-of.ts';

/** A smaller write costs less to read than to let in: it is read at once, and waits only where its rows have no room. */
const smallWriteBytes = 16 * 1024;

/**
 * `POST /data/write`; the header `Idempotency-Key` and the field `batch_id` mean the same. A large body, or one of another
 * type than JSON, has the same fields, but its records are in a thread.
 */
export function routeWrite(server: Server, node: TenantNode): void {
  server.route(
    tenantNode.write,
    ({ body, headers, query }, _reply, context) =>
      writeRecords(node, callOf(context), {
        sourceId: oneSource(body.source_id, query.source_id),
        records: body.records,
        batchId: body.batch_id,
        idempotencyKey: headers['idempotency-key']?.toString(),
        isForwarded: headers[memberHeader] !== undefined,
      }),
    {
      readLarge: (bytes) => node.largeWrites.read(bytes),
      readOther: (bytes, as) => node.largeWrites.readOther(bytes, as),
      admission: {
        bytesMin: smallWriteBytes,
        admit: ({ caller, headers, query, bytesMax, head, signal }) =>
          node.writeGate.admit({
            caller: tenantCallerOf(caller),
            bytes: bytesMax,
            head,
            query,
            isForwarded: headers[memberHeader] !== undefined,
            signal,
          }),
      },
    },
  );
}

/** A source that the query names beside another in the body would leave open which one is meant. */
function oneSource(inBody: string, inQuery: string | undefined): string {
  if (inQuery === undefined || inQuery === inBody) return inBody;
  throw new HybridStoreError('invalid_request', 'source_id: expected the same source in query and body', {
    field: 'source_id',
    expected: inQuery,
    actual: inBody,
  });
}
