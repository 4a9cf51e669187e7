import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { CatalogStore } from '../domain/ports.ts';
import { policyIdOf } from './parameters.ts';

export function routeDeletePolicy(server: Server, store: CatalogStore): void {
  server.route(metadataCatalog.deletePolicy, async (request) => ({
    removed: await store.deletePolicy(policyIdOf(request.params)),
  }));
}
