import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import type { CatalogMetrics } from '../domain/ports.ts';
import { takeCommitNotice } from '../domain/verbs/take-commit-notice.ts';

export function routeCommitNotice(server: Server, catalog: Catalog, metrics: CatalogMetrics): void {
  server.route(metadataCatalog.commitNotice, async ({ body }, _reply, { caller, logger }) => ({
    table_version: await takeCommitNotice({ catalog, metrics, logger }, caller?.claims.tenant, body),
  }));
}
