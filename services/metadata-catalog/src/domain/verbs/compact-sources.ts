import type { CompactionResult, CompactRequest, CompactResponse } from '@hybridstore/contracts';
import { HybridStoreError, maySource, requireSource, type TenantCaller } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';
import type { CompactionScheduler } from '../compaction-scheduler.ts';
import { type Compactor, failedResult } from '../compactor.ts';
import type { CatalogStore } from '../ports.ts';

export type CompactParts = {
  readonly catalog: Catalog;
  readonly store: CatalogStore;
  readonly scheduler: CompactionScheduler;
  readonly compactor: Compactor;
};

/** Merges now, also where a policy is switched off or its window shut. What fails is a result of its source, not of the request. */
export async function compactSources(
  parts: CompactParts,
  caller: TenantCaller,
  request: CompactRequest,
): Promise<CompactResponse> {
  if (request.source_id !== undefined) requireSource(caller, 'manage', request.source_id);
  const sourceIds =
    request.source_id === undefined
      ? (await parts.catalog.sources(caller.tenant)).map((source) => source.source_id)
      : [await requireKnown(parts.catalog, caller.tenant, request.source_id)];
  const results: CompactionResult[] = [];
  for (const sourceId of sourceIds)
    if (maySource(caller, 'manage', sourceId))
      results.push(...(await compactOne(parts, caller.tenant, sourceId, request)));
  return { results };
}

async function requireKnown(catalog: Catalog, tenantId: string, sourceId: string): Promise<string> {
  if (await catalog.findSource(tenantId, sourceId)) return sourceId;
  throw new HybridStoreError('not_found', `tenant ${tenantId} has no source ${sourceId}`, { source_id: sourceId });
}

async function compactOne(
  parts: CompactParts,
  tenantId: string,
  sourceId: string,
  request: CompactRequest,
): Promise<readonly CompactionResult[]> {
  const source = await parts.store.source(tenantId, sourceId);
  // Dropped since it was listed.
  if (!source) return [];
  const order = await parts.scheduler.orderFor(source, request.force === true);
  try {
    // Who asks now means the table as it is now; the notices of commits, which are best effort, may be on their way.
    await parts.catalog.refreshTable(tenantId, sourceId);
  } catch (error) {
    return [failedResult(order, error)];
  }
  return [request.dry_run === true ? await parts.compactor.plan(order) : await parts.compactor.compact(order)];
}
