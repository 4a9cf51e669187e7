import type { DatabaseChecked } from '@hybridstore/contracts';
import {
  createServer,
  type HttpClient,
  type Server,
  type ServiceIdentity,
  type TokenVerifier,
} from '@hybridstore/http';
import type { Clock, Logger, LogRing, Registry } from '@hybridstore/runtime';
import { HttpTenantNodes } from './clients/http-tenant-nodes.ts';
import type { CatalogConfig } from './config.ts';
import { Catalog } from './domain/catalog.ts';
import { CompactionScheduler } from './domain/compaction-scheduler.ts';
import { Compactor } from './domain/compactor.ts';
import type { CatalogStore } from './domain/ports.ts';
import { RefreshLoop } from './domain/refresh-loop.ts';
import { TableCache } from './domain/table-cache.ts';
import { createCatalogMetrics } from './metrics.ts';
import { routeCheckDatabase } from './routes/check-database.ts';
import { routeCommitNotice } from './routes/commit-notice.ts';
import { routeCompact } from './routes/compact.ts';
import { routeDeletePolicy } from './routes/delete-policy.ts';
import { routeDeleteSource } from './routes/delete-source.ts';
import { routeDeleteTenant } from './routes/delete-tenant.ts';
import { routeGetPolicy } from './routes/get-policy.ts';
import { routeGetSource } from './routes/get-source.ts';
import { routeListSources } from './routes/list-sources.ts';
import { routePutPolicy } from './routes/put-policy.ts';
import { routePutSource } from './routes/put-source.ts';
import { routePutTenant } from './routes/put-tenant.ts';
import { routeStatistics } from './routes/statistics.ts';
import { routeStats } from './routes/stats.ts';

export type AppOptions = {
  readonly config: CatalogConfig;
  readonly store: CatalogStore;
  /** `conflict` while one is under way. */
  readonly checkDatabase: () => Promise<DatabaseChecked>;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly identity: ServiceIdentity;
  readonly client: HttpClient;
  readonly ring?: LogRing;
};

export type App = {
  readonly server: Server;
  readonly catalog: Catalog;
  readonly scheduler: CompactionScheduler;
  readonly refreshLoop: RefreshLoop;
};

/** The whole service put together; nothing listens and no loop runs yet. */
export function createApp(options: AppOptions): App {
  const { config, store, clock, logger } = options;
  const nodes = new HttpTenantNodes(options.client, options.identity, clock);
  const tables = new TableCache(config.indexCellsMax);
  const metrics = createCatalogMetrics(options.metrics, tables);
  const { tenantUrlTemplate, refreshMsMax } = config;
  const catalog = new Catalog({ store, nodes, tables, clock, logger, tenantUrlTemplate, refreshMsMax });
  const compactor = new Compactor({
    catalog,
    store,
    nodes,
    clock,
    logger,
    compactionMsMax: config.compactionMsMax,
    concurrentMax: config.compactionsConcurrentMax,
    onResult: metrics.countCompaction,
  });
  const scheduler = new CompactionScheduler({ store, compactor, defaults: config.compaction, clock, logger });
  const refreshLoop = new RefreshLoop({ catalog, clock, logger, intervalMs: config.refreshIntervalMs });
  const server = createServer({ service: 'metadata-catalog', notReadyReasons: () => [], ...options });
  routeListSources(server, catalog);
  routeStats(server, { catalog, store, defaults: config.compaction });
  routeCompact(server, { catalog, store, scheduler, compactor });
  routeStatistics(server, catalog);
  routeCommitNotice(server, catalog, metrics);
  routePutTenant(server, { catalog, refreshLoop });
  routeDeleteTenant(server, catalog);
  routePutSource(server, catalog);
  routeGetSource(server, catalog);
  routeDeleteSource(server, catalog);
  routePutPolicy(server, scheduler);
  routeGetPolicy(server, scheduler);
  routeDeletePolicy(server, store);
  routeCheckDatabase(server, options.checkDatabase);
  return { server, catalog, scheduler, refreshLoop };
}
