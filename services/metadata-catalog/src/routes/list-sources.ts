import { metadataCatalog } from '@hybridstore/contracts';
import { answerIfChanged, type Server, tenantCallerOf } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { listSources } from '../domain/verbs/list-sources.ts';

export function routeListSources(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.listSources, async (request, reply, { caller, deadlineMs }) => {
    const { source_id: sourceId, refresh } = request.query;
    const isRefreshed = refresh === 'true';
    const sources = await listSources(catalog, tenantCallerOf(caller), { sourceId, isRefreshed, deadlineMs });
    return answerIfChanged(request, reply, sources);
  });
}
