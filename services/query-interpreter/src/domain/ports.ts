import type { CatalogSource } from '@hybridstore/contracts';

/** All sources that a caller may read, and a name of exactly this list, where there is one. */
export type SourceList = { readonly sources: readonly CatalogSource[]; readonly name: string | undefined };

/** The metadata catalog, asked with the caller's own token: it answers with the sources that he may read. */
export interface CatalogPort {
  sourcesIfChanged(token: string, known: string | undefined): Promise<SourceList | undefined>;
  /** Looked for at the tenant's nodes. */
  source(token: string, sourceId: string): Promise<CatalogSource | undefined>;
}
