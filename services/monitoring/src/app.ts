import type { DatabaseChecked } from '@hybridstore/contracts';
import {
  createServer,
  type HttpClient,
  type Server,
  type ServiceIdentity,
  type TokenVerifier,
} from '@hybridstore/http';
import type { Clock, Logger, LogRing, Registry } from '@hybridstore/runtime';
import { HttpLogTails } from './clients/http-log-tails.ts';
import type { MonitoringConfig } from './config.ts';
import { HealthBoard } from './domain/health-board.ts';
import { LogCollector } from './domain/log-collector.ts';
import { PlatformFigures } from './domain/platform-figures.ts';
import type { LogStore, Probe, Scraper, Targets } from './domain/ports.ts';
import { Rounds } from './domain/rounds.ts';
import { registerPlatformMetrics } from './platform-metrics.ts';
import { routeCheckDatabase } from './routes/check-database.ts';
import { routeGrafanaDashboard } from './routes/grafana-dashboard.ts';
import { routeHealthAll } from './routes/health-all.ts';
import { routeLogs } from './routes/logs.ts';

export type AppOptions = {
  readonly config: MonitoringConfig;
  readonly store: LogStore;
  /** `conflict` while one is under way. */
  readonly checkDatabase: () => Promise<DatabaseChecked>;
  readonly probe: Probe;
  readonly scraper: Scraper;
  readonly targets: Targets;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly identity: ServiceIdentity;
  readonly client: HttpClient;
  readonly ring?: LogRing;
};

export type App = { readonly server: Server; readonly rounds: Rounds };

/** The whole service put together; nothing listens and no round runs yet. */
export function createApp(options: AppOptions): App {
  const { config, store, probe, targets, clock, logger } = options;
  const board = new HealthBoard({ targets, probe, clock });
  const collector = new LogCollector({
    targets,
    tails: new HttpLogTails(options.client, options.identity),
    store,
    clock,
    logger,
  });
  const figures = config.isPrometheusEnabled
    ? new PlatformFigures({ targets, scraper: options.scraper, clock, logger })
    : undefined;
  const rounds = new Rounds({
    board,
    collector,
    figures,
    store,
    clock,
    logger,
    intervalMs: config.intervalMs,
    logRetentionMs: config.logRetentionMs,
  });
  if (figures) registerPlatformMetrics(options.metrics, board, figures);
  const server = createServer({ service: 'monitoring', notReadyReasons: () => [], ...options });
  routeHealthAll(server, { board, verifier: options.verifier, clock });
  routeCheckDatabase(server, options.checkDatabase);
  routeLogs(server, { store, collector, targets, clock });
  if (config.isGrafanaEnabled) routeGrafanaDashboard(server);
  return { server, rounds };
}
