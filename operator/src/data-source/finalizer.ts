import { sourceIdPattern } from '@hybridstore/contracts';
import type { Stored } from '@hybridstore/controller-runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { DataSource } from '../resources/custom-resources.ts';
import type { TenantKey } from '../resources/names.ts';
import type { CatalogPort } from '../shared-services/catalog-client.ts';
import type { NodePort } from '../tenant/node-client.ts';
import type { SourceWorld } from './observe.ts';

export type SourceTidied = { readonly reason: 'TableRetained' | 'TableDeleted'; readonly note: string };

/**
 * Takes a source out of the catalog and, where the object asks for it, deletes the table. A source that an older object
 * declares, or whose tenant is gone, is not ours to touch.
 */
export async function tidySource(
  source: Stored<DataSource>,
  tenant: TenantKey,
  world: SourceWorld,
  ports: { readonly nodes: NodePort; readonly catalog: CatalogPort },
): Promise<SourceTidied> {
  const { sourceId, deletionPolicy } = source.spec ?? {};
  if (!isSourceId(sourceId)) return { reason: 'TableRetained', note: 'spec.sourceId: names no table' };
  if (world.older !== undefined) return { reason: 'TableRetained', note: `${world.older.metadata.name} declares it` };
  if (world.tenant === undefined) return { reason: 'TableRetained', note: 'its tenant is gone' };
  const isDeleted = deletionPolicy === 'Delete' && world.tenant.metadata.deletionTimestamp === undefined;
  if (isDeleted) await ports.nodes.deleteSource(tenant, sourceId);
  await forgetInCatalog(ports.catalog, tenant, sourceId, world.tenant.metadata.deletionTimestamp !== undefined);
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
