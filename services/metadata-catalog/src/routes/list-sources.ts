import { type CatalogSource, metadataCatalog } from '@hybridstore/contracts';
import { maySource, requireTenant, type Server } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';

type Query = { readonly source_id?: string; readonly refresh?: 'true' | 'false' };

/** A user waits for a node at most this long, whatever the service's own refreshes may take. */
const refreshMsMax = 10_000;

export function routeListSources(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.listSources, async (request, _reply, { caller, deadlineMs }) => {
    assert(caller, 'the endpoint needs a token');
    const tenantId = requireTenant(caller.claims);
    const query = request.query;
    const timeoutMs = Math.min(refreshMsMax, deadlineMs ?? refreshMsMax);
    const mayRead = (sourceId: string) => maySource(caller.claims, 'read', sourceId);
    if (query.source_id !== undefined) {
      // Not even whether it exists is shown to a caller who may not read it.
      if (!mayRead(query.source_id)) return { sources: [] };
      return { sources: await findOne(catalog, tenantId, { ...query, source_id: query.source_id }, timeoutMs) };
    }
    if (query.refresh === 'true') await catalog.refreshTenant(tenantId, { timeoutMs, force: true });
    const sources = await catalog.sources(tenantId);
    return { sources: sources.filter((source) => mayRead(source.source_id)) };
  });
}

async function findOne(
  catalog: Catalog,
  tenantId: string,
  query: Query & { readonly source_id: string },
  timeoutMs: number,
): Promise<CatalogSource[]> {
  if (query.refresh === 'true') await catalog.refreshTable(tenantId, query.source_id, { timeoutMs });
  const source = await catalog.findSource(tenantId, query.source_id, { timeoutMs });
  return source ? [source] : [];
}
