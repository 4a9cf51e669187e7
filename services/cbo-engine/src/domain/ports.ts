import type { CatalogSource, ScanStatistics, StatisticsRequest } from '@hybridstore/contracts';

/** The catalog as the optimizer asks it, always with the token of the user who asks. Throws HybridStoreErrors. */
export interface CatalogPort {
  sources(token: string): Promise<readonly CatalogSource[]>;
  /** In the order of the request. */
  statistics(token: string, request: StatisticsRequest): Promise<readonly ScanStatistics[]>;
}
