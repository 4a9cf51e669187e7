import {
  createServer,
  type HttpClient,
  isTransportFailure,
  type Server,
  type ServiceIdentity,
  type TokenVerifier,
} from '@hybridstore/http';
import {
  AdmissionQueue,
  type Clock,
  isHybridStoreError,
  type Logger,
  type LogRing,
  type Registry,
  retryLater,
} from '@hybridstore/runtime';
import { CircuitBreakers } from './clients/circuit-breakers.ts';
import { HttpExecutionReporter } from './clients/http-execution-reporter.ts';
import { HttpExecutor } from './clients/http-executor.ts';
import { HttpInterpreter } from './clients/http-interpreter.ts';
import { HttpOptimizer } from './clients/http-optimizer.ts';
import { HttpReplicas } from './clients/http-replicas.ts';
import type { OperationConfig } from './config.ts';
import { QueryCoordinator } from './coordinate/query-coordinator.ts';
import { AllQueries, noReplicas } from './domain/all-queries.ts';
import { KeptPlans } from './domain/kept-plans.ts';
import { QueryRegistry } from './domain/query-registry.ts';
import { createQueryMetrics } from './metrics.ts';
import type { Replicas } from './ports.ts';
import { routeCancelQuery } from './routes/cancel-query.ts';
import { routeListQueries } from './routes/list-queries.ts';
import { routeQueryDsl } from './routes/query-dsl.ts';
import { routeQuerySql } from './routes/query-sql.ts';

export type AppOptions = {
  readonly config: OperationConfig;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly identity: ServiceIdentity;
  readonly client: HttpClient;
  readonly ring?: LogRing;
};

export type App = { readonly server: Server; readonly registry: QueryRegistry; readonly queue: AdmissionQueue };

/** Running queries may end by themselves for so long when the process has to go, which is less than it has. */
const drainMsMax = 15_000;

/** The whole service put together; nothing listens yet. */
export function createApp(options: AppOptions): App {
  const { config, client, identity, clock, logger } = options;
  const queue = new AdmissionQueue(config.admission);
  const registry = new QueryRegistry(clock);
  const metrics = createQueryMetrics(options.metrics, queue);
  const breakers = new CircuitBreakers({ logger, isFailure: isTransportFailure });
  // A slow optimizer costs every query its time limit, so that counts against it too.
  const optimizerBreakers = new CircuitBreakers({
    logger,
    isFailure: (error) => isTransportFailure(error) || isHybridStoreError(error, 'deadline_exceeded'),
  });
  const { interpreterUrl, optimizerUrl, tenantUrlTemplate, optimizeMsMax, timeouts } = config;
  const coordinator = new QueryCoordinator({
    queue,
    registry,
    plans: new KeptPlans(clock),
    interpreter: new HttpInterpreter({ client, breakers, clock, url: interpreterUrl }),
    optimizer: new HttpOptimizer({ client, breakers: optimizerBreakers, url: optimizerUrl }),
    executor: new HttpExecutor({ client, identity, breakers, clock, logger, tenantUrlTemplate }),
    reporter: new HttpExecutionReporter({ client, identity, clock, logger, url: optimizerUrl }),
    metrics,
    clock,
    logger,
    optimizeMsMax,
    timeouts,
  });
  const server = createServer({ service: 'operation-node', notReadyReasons: () => [], ...options });
  server.app.addHook('preClose', async () => {
    clock.schedule(drainMsMax, () => registry.endAll(retryLater('unavailable', 'the service is restarting', 1_000)));
  });
  routeQuerySql(server, coordinator);
  routeQueryDsl(server, coordinator);
  const queries = { all: new AllQueries(registry, buildReplicas(options)), own: registry };
  routeListQueries(server, queries);
  routeCancelQuery(server, queries);
  return { server, registry, queue };
}

function buildReplicas({ config: { replicasUrl: url, ownAddress }, client }: AppOptions): Replicas {
  return url === undefined ? noReplicas : new HttpReplicas({ client, url, ownAddress });
}
