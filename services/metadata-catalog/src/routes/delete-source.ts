import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { sourceParam, tenantParam } from './parameters.ts';

export function routeDeleteSource(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.deleteSource, async (request) => ({
    removed: await catalog.deleteSource(tenantParam(request), sourceParam(request)),
  }));
}
