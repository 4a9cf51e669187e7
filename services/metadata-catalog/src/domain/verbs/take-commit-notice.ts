import type { CommitNotice } from '@hybridstore/contracts';
import { HybridStoreError, type Logger } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';
import type { CatalogMetrics } from '../ports.ts';

export type NoticeParts = { readonly catalog: Catalog; readonly metrics: CatalogMetrics; readonly logger: Logger };

/** Takes in what a node reports of a commit; gives the version that is held now. A node speaks for its own tenant only. */
export async function takeCommitNotice(
  { catalog, metrics, logger }: NoticeParts,
  tenantId: string | undefined,
  notice: CommitNotice,
): Promise<number> {
  if (tenantId !== notice.tenant_id)
    throw new HybridStoreError('forbidden', `the token does not speak for tenant ${notice.tenant_id}`, {
      field: 'tenant_id',
      tenant: notice.tenant_id,
    });
  const { decision, tableVersion } = await catalog.takeNotice(notice);
  metrics.countNotice(decision);
  logger.debug('commit_notice', { source: notice.source_id, decision, table_version: tableVersion });
  return tableVersion;
}
