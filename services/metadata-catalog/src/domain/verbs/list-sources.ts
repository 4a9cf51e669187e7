import type { CatalogSource, CatalogSources } from '@hybridstore/contracts';
import { maySource, type TenantCaller } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';

export type ListSourcesInput = {
  /** One source only; all that the caller may read when absent. */
  readonly sourceId: string | undefined;
  /** Whether to ask the tenant's nodes first. */
  readonly isRefreshed: boolean;
  /** Milliseconds that the caller leaves for the answer, when it said so. */
  readonly deadlineMs: number | undefined;
};

/** A user waits for a node at most this long, whatever the service's own refreshes may take. */
const refreshMsMax = 10_000;

/** Sources of the tenant that the caller may read, with their schemas. */
export async function listSources(
  catalog: Catalog,
  caller: TenantCaller,
  { sourceId, isRefreshed, deadlineMs }: ListSourcesInput,
): Promise<CatalogSources> {
  const timeoutMs = Math.min(refreshMsMax, deadlineMs ?? refreshMsMax);
  if (sourceId !== undefined) {
    // Not even whether it exists is said to a caller who may not read it.
    if (!maySource(caller, 'read', sourceId)) return { sources: [] };
    if (isRefreshed) await catalog.refreshTable(caller.tenant, sourceId, { timeoutMs });
    const source = await catalog.findSource(caller.tenant, sourceId, { timeoutMs });
    return { sources: source ? [source] : [] };
  }
  if (isRefreshed) await catalog.refreshTenant(caller.tenant, { timeoutMs, force: true });
  return { sources: await listReadable(catalog, caller) };
}

export async function listReadable(catalog: Catalog, caller: TenantCaller): Promise<CatalogSource[]> {
  const sources = await catalog.sources(caller.tenant);
  return sources.filter((source) => maySource(caller, 'read', source.source_id));
}
