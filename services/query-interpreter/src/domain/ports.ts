import type { CatalogSource } from '@hybridstore/contracts';

/** The metadata catalog, asked with the caller's own token: it answers with the sources that he may read. */
export interface CatalogPort {
  sources(token: string, options: { readonly refresh: boolean }): Promise<readonly CatalogSource[]>;
}
