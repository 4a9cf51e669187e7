import { sourceIdPattern } from '@hybridstore/contracts';
import type { Stored } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { CatalogPort, NodePort } from '../ports.ts';
import type { DataSource } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { SourceWorld } from './world.ts';

export type TableOutcome = { readonly reason: 'TableRetained' | 'TableDeleted'; readonly note: string };

/**
 * Takes a source out of the catalog and, where the object asks for it, deletes the table. A source that an older object
 * declares, or whose tenant is gone, is not ours to touch.
 */
export async function finalizeSource(
  source: Stored<DataSource>,
  tenant: TenantKey,
  world: SourceWorld,
  { nodes, catalog }: { readonly nodes: NodePort; readonly catalog: CatalogPort },
): Promise<TableOutcome> {
  const { sourceId, deletionPolicy } = source.spec ?? {};
  if (!isSourceId(sourceId)) return { reason: 'TableRetained', note: 'spec.sourceId: names no table' };
  if (world.older !== undefined) return { reason: 'TableRetained', note: `${world.older.metadata.name} declares it` };
  if (world.tenant === undefined) return { reason: 'TableRetained', note: 'its tenant is gone' };
  const isTenantGoing = world.tenant.metadata.deletionTimestamp !== undefined;
  const isDeleted = deletionPolicy === 'Delete' && !isTenantGoing;
  if (isDeleted) await nodes.deleteSource(tenant, sourceId);
  await forgetInCatalog(catalog, tenant, sourceId, isTenantGoing);
  return isDeleted
    ? { reason: 'TableDeleted', note: `table ${sourceId} and its files are deleted` }
    : { reason: 'TableRetained', note: `table ${sourceId} and its files are kept` };
}

function isSourceId(text: unknown): text is string {
  return typeof text === 'string' && new RegExp(sourceIdPattern).test(text);
}

/** With its tenant the whole entry goes; a catalog that is away must not hold that up. */
async function forgetInCatalog(
  catalog: CatalogPort,
  tenant: TenantKey,
  sourceId: string,
  isTenantGoing: boolean,
): Promise<void> {
  try {
    await catalog.deleteSource(tenant, sourceId);
  } catch (error) {
    if (!isTenantGoing || !isHybridStoreError(error)) throw error;
  }
}
