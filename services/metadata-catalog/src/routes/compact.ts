import { type CompactionResult, type CompactRequest, metadataCatalog } from '@hybridstore/contracts';
import { maySource, requireSource, requireTenant, type Server } from '@hybridstore/http';
import { assert, HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import type { CompactionScheduler } from '../domain/compaction-scheduler.ts';
import { type Compactor, failedResult } from '../domain/compactor.ts';
import type { CatalogStore } from '../domain/ports.ts';

export type CompactParts = {
  readonly catalog: Catalog;
  readonly store: CatalogStore;
  readonly scheduler: CompactionScheduler;
  readonly compactor: Compactor;
};

/** Merges now, also where a policy is switched off or its window shut. What fails is a result of its source, not of the request. */
export function routeCompact(server: Server, parts: CompactParts): void {
  server.route(metadataCatalog.compact, async (request, _reply, { caller }) => {
    assert(caller, 'the endpoint needs a token');
    const tenantId = requireTenant(caller.claims);
    const body = request.body;
    if (body.source_id !== undefined) requireSource(caller.claims, 'manage', body.source_id);
    const sourceIds =
      body.source_id === undefined
        ? (await parts.catalog.sources(tenantId)).map((source) => source.source_id)
        : [await requireKnown(parts.catalog, tenantId, body.source_id)];
    const results: CompactionResult[] = [];
    for (const sourceId of sourceIds)
      if (maySource(caller.claims, 'manage', sourceId))
        results.push(...(await compactOne(parts, tenantId, sourceId, body)));
    return { results };
  });
}

async function requireKnown(catalog: Catalog, tenantId: string, sourceId: string): Promise<string> {
  if (await catalog.findSource(tenantId, sourceId)) return sourceId;
  throw new HybridStoreError('not_found', `tenant ${tenantId} has no source ${sourceId}`, { source_id: sourceId });
}

async function compactOne(
  parts: CompactParts,
  tenantId: string,
  sourceId: string,
  body: CompactRequest,
): Promise<readonly CompactionResult[]> {
  const source = await parts.store.source(tenantId, sourceId);
  // Dropped since it was listed.
  if (!source) return [];
  const order = await parts.scheduler.orderFor(source, body.force === true);
  try {
    // Who asks now means the table as it is now; the notices of commits, which are best effort, may be on their way.
    await parts.catalog.refreshTable(tenantId, sourceId);
  } catch (error) {
    return [failedResult(order, error)];
  }
  return [body.dry_run === true ? await parts.compactor.plan(order) : await parts.compactor.compact(order)];
}
