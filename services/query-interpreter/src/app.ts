import { createServer, type Server, type TokenVerifier } from '@hybridstore/http';
import type { Clock, Logger, LogRing, Registry } from '@hybridstore/runtime';
import type { SqlParser } from '@hybridstore/sql';
import { Interpreter, type InterpreterSettings } from './domain/interpreter.ts';
import type { CatalogPort, NodeSources } from './domain/ports.ts';
import { SchemaSource } from './domain/schema-source.ts';
import { createInterpreterMetrics } from './interpreter-metrics.ts';
import { routeLocate } from './routes/locate.ts';
import { routeParseDsl } from './routes/parse-dsl.ts';
import { routeParseSql } from './routes/parse-sql.ts';
import { routeTransform } from './routes/transform.ts';

export type AppOptions = {
  readonly settings: InterpreterSettings;
  readonly catalog: CatalogPort;
  readonly nodes: NodeSources;
  readonly parser: SqlParser;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly ring?: LogRing;
};

/** The whole service put together; nothing listens yet. */
export function createApp(options: AppOptions): { readonly server: Server } {
  const { settings, parser, catalog, nodes, clock, logger } = options;
  const metrics = createInterpreterMetrics(options.metrics);
  const schemas = new SchemaSource({ catalog, nodes, clock, logger, onStale: metrics.countStale });
  const interpreter = new Interpreter({ settings, parser, schemas });
  const server = createServer({ service: 'query-interpreter', notReadyReasons: () => [], ...options });
  routeParseSql(server, interpreter);
  routeLocate(server, interpreter);
  routeParseDsl(server, interpreter);
  routeTransform(server, interpreter);
  return { server };
}
