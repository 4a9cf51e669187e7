import type { CatalogSource } from '@hybridstore/contracts';
import type { TenantCaller } from '@hybridstore/runtime';

export type SourceColumns = Pick<CatalogSource, 'source_id' | 'columns'>;

/** All sources that a caller may read, and a name of exactly this list, where there is one. */
export type SourceList = { readonly sources: readonly SourceColumns[]; readonly name: string | undefined };

/** The metadata catalog, asked with the caller's own token: it answers with the sources that he may read. */
export interface CatalogPort {
  sourcesIfChanged(token: string, known: string | undefined): Promise<SourceList | undefined>;
  /** Looked for at the tenant's nodes. */
  source(token: string, sourceId: string): Promise<SourceColumns | undefined>;
}

/** The nodes of a tenant, where the catalog has what it knows from. */
export interface NodeSources {
  /** All that the caller may read; `not_found` when there is no such tenant. */
  sources(caller: TenantCaller): Promise<readonly SourceColumns[]>;
}
