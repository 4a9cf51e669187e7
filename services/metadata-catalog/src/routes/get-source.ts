import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import { tenantIdOf } from './parameters.ts';

export function routeGetSource(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.getSource, async (request) => {
    const [tenantId, sourceId] = [tenantIdOf(request.params), request.params.source_id];
    const source = await catalog.source(tenantId, sourceId);
    if (source) return source;
    throw new HybridStoreError('not_found', `tenant ${tenantId} has no source ${sourceId}`, { source_id: sourceId });
  });
}
