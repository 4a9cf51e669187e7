import { metadataCatalog } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { listSources } from '../domain/verbs/list-sources.ts';

export function routeListSources(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.listSources, ({ query }, _reply, { caller, deadlineMs }) =>
    listSources(catalog, tenantCallerOf(caller), {
      sourceId: query.source_id,
      isRefreshed: query.refresh === 'true',
      deadlineMs,
    }),
  );
}
