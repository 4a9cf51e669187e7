import { metadataCatalog, type ScanStatistics, type StatisticsRequest } from '@hybridstore/contracts';
import { requireSource, requireTenant, type Server } from '@hybridstore/http';
import { assert, HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';

type Scan = StatisticsRequest['scans'][number];

export function routeStatistics(server: Server, catalog: Catalog): void {
  server.route(metadataCatalog.statistics, async (request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    const tenantId = requireTenant(caller.claims);
    const { scans } = request.body;
    for (const scan of scans) requireSource(caller.claims, 'read', scan.source_id);
    const answers: ScanStatistics[] = [];
    for (const scan of scans) answers.push(await describeScan(catalog, tenantId, scan));
    return { scans: answers };
  });
}

async function describeScan(catalog: Catalog, tenantId: string, scan: Scan): Promise<ScanStatistics> {
  const source = await catalog.findSource(tenantId, scan.source_id);
  const table = source && (await catalog.table(tenantId, scan.source_id));
  if (!source || !table)
    throw new HybridStoreError('not_found', `tenant ${tenantId} has no source ${scan.source_id}`, {
      source_id: scan.source_id,
    });
  return {
    source_id: scan.source_id,
    schema_version: source.schema_version,
    table_version: source.table_version,
    ...table.totals,
    unflushed_rows: source.unflushed_rows,
    ...table.match(scan.predicates),
    columns: table.columnStatistics(),
  };
}
