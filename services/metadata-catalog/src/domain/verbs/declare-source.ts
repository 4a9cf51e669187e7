import type { CatalogSource, SourceDefinition } from '@hybridstore/contracts';
import { HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';

/** The operator goes on without the node's word: it declares sources before nodes are up. */
const refreshMsMax = 2_000;

/** Idempotent. Where the table is not known, or lacks declared columns, its node is asked once. */
export async function declareSource(
  { catalog, logger }: { readonly catalog: Catalog; readonly logger: Logger },
  tenantId: string,
  definition: SourceDefinition,
): Promise<CatalogSource> {
  const { source, isBehind } = await catalog.declareSource(tenantId, definition);
  if (!isBehind) return source;
  try {
    await catalog.refreshTable(tenantId, definition.source_id, { timeoutMs: refreshMsMax });
  } catch (error) {
    // The node's notices and the refresh loop bring the table in later; the declaration is taken.
    logger.info('declared_source_not_read', {
      source: definition.source_id,
      reason: error instanceof HybridStoreError ? error.message : 'internal error',
    });
  }
  return (await catalog.source(tenantId, definition.source_id)) ?? source;
}
