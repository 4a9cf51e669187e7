import { createServer, type Server, type TokenVerifier } from '@hybridstore/http';
import type { Clock, Logger, LogRing, Registry } from '@hybridstore/runtime';
import type { OptimizerConfig } from './config.ts';
import { ExecutionHistory } from './domain/execution-history.ts';
import { Optimizer } from './domain/optimizer.ts';
import type { CatalogPort } from './domain/ports.ts';
import { StatisticsSource } from './domain/statistics-source.ts';
import { routeEstimate } from './routes/estimate.ts';
import { routeExecutionStats } from './routes/execution-stats.ts';
import { routeOptimize } from './routes/optimize.ts';
import { routeReportExecutions } from './routes/report-executions.ts';

export type AppOptions = {
  readonly config: OptimizerConfig;
  readonly catalog: CatalogPort;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly ring?: LogRing;
};

/** The whole service put together; nothing listens yet. */
export function createApp(options: AppOptions): { readonly server: Server } {
  const { config, catalog, clock } = options;
  const statistics = new StatisticsSource({
    catalog,
    clock,
    schemaAgeMsMax: config.schemaAgeMsMax,
    statisticsAgeMsMax: config.statisticsAgeMsMax,
  });
  const history = new ExecutionHistory(config.isLearning);
  const optimizer = new Optimizer({ statistics, history, plansMax: config.plansMax });
  const server = createServer({ service: 'cbo-engine', notReadyReasons: () => [], ...options });
  routeOptimize(server, optimizer);
  routeEstimate(server, optimizer);
  routeExecutionStats(server, history);
  routeReportExecutions(server, history);
  return { server };
}
