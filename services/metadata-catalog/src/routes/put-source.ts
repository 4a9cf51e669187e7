import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import { requireSame, tenantIdOf } from './parameters.ts';

/** The operator goes on without the node's word: it declares sources before nodes are up. */
const refreshMsMax = 2_000;

/** Idempotent. Where the table is not known, or lacks declared columns, its node is asked once. */
export function routePutSource(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.putSource, async (request, _reply, { logger }) => {
    const tenantId = tenantIdOf(request.params);
    const definition = request.body;
    requireSame('source_id', request.params.source_id, definition.source_id);
    const { source, isBehind } = await catalog.declareSource(tenantId, definition);
    if (!isBehind) return source;
    try {
      await catalog.refreshTable(tenantId, definition.source_id, { timeoutMs: refreshMsMax });
    } catch (error) {
      // The node's notices and the refresh loop bring the table in later; the declaration is taken.
      logger.info('declared_source_not_read', {
        source: definition.source_id,
        reason: error instanceof HybridStoreError ? error.message : 'internal error',
      });
    }
    return (await catalog.source(tenantId, definition.source_id)) ?? source;
  });
}
