import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { tenantIdOf } from './parameters.ts';

export function routeDeleteTenant(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.deleteTenant, async (request) => ({
    removed: await catalog.deleteTenant(tenantIdOf(request.params)),
  }));
}
