import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { assert, HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import type { CatalogMetrics } from '../domain/ports.ts';

export function routeCommitNotice(server: Server, catalog: Catalog, metrics: CatalogMetrics): void {
  server.route(metadataCatalog.commitNotice, async (request, _reply, { caller, logger }) => {
    assert(caller, 'the endpoint needs a token');
    const notice = request.body;
    if (caller.claims.tenant !== notice.tenant_id)
      throw new HybridStoreError('forbidden', `the token does not speak for tenant ${notice.tenant_id}`, {
        field: 'tenant_id',
        tenant: notice.tenant_id,
      });
    const { decision, tableVersion } = await catalog.takeNotice(notice);
    metrics.countNotice(decision);
    logger.debug('commit_notice', { source: notice.source_id, decision, table_version: tableVersion });
    return { table_version: tableVersion };
  });
}
