import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { tenantIdOf } from './parameters.ts';

export function routeDeleteSource(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.deleteSource, async (request) => ({
    removed: await catalog.deleteSource(tenantIdOf(request.params), request.params.source_id),
  }));
}
