import type { CatalogSource, SourceStats } from '@hybridstore/contracts';
import type { Stored } from '@hybridstore/controller-runtime';
import type { DataSource, Tenant } from '../resources/custom-resources.ts';

/** What there is around a source, as last seen. */
export type SourceWorld = {
  readonly tenant: Stored<Tenant> | undefined;
  /** An older DataSource of the same tenant and sourceId: it has the right to the name. */
  readonly older: Stored<DataSource> | undefined;
};

/** What the nodes and the catalog know of a source. */
export type SourceFacts = {
  readonly stats: SourceStats | undefined;
  readonly entry: CatalogSource | undefined;
};
