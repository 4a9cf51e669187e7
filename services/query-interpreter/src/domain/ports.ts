import type { CatalogSource } from '@hybridstore/contracts';

/** The metadata catalog, asked with the caller's own token: it answers with the sources that he may read. */
export interface CatalogPort {
  sources(token: string): Promise<readonly CatalogSource[]>;
  /** Looked for at the tenant's nodes. */
  source(token: string, sourceId: string): Promise<CatalogSource | undefined>;
}
