import type { ScanStatistics, StatisticsRequest, StatisticsResponse } from '@hybridstore/contracts';
import { HybridStoreError, requireSource, type TenantCaller } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';

type Scan = StatisticsRequest['scans'][number];

/** Statistics for the scans of a plan: of the whole table, and of what the scan's predicates leave of it. */
export async function readStatistics(
  catalog: Catalog,
  caller: TenantCaller,
  scans: readonly Scan[],
): Promise<StatisticsResponse> {
  for (const scan of scans) requireSource(caller, 'read', scan.source_id);
  const answers: ScanStatistics[] = [];
  for (const scan of scans) answers.push(await describeScan(catalog, caller.tenant, scan));
  return { scans: answers };
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
