import { metadataCatalog } from '@hybridstore/contracts';
import { type Server, tenantCallerOf } from '@hybridstore/http';
import type { Catalog } from '../domain/catalog.ts';
import { readStatistics } from '../domain/verbs/read-statistics.ts';

export function routeStatistics(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.statistics, ({ body }, _reply, { caller }) =>
    readStatistics(catalog, tenantCallerOf(caller), body.scans),
  );
}
