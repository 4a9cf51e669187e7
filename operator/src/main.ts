import {
  ApiServerKube,
  createRestClientMetrics,
  loadKubeConfig,
  type RestClientMetrics,
} from '@hybridstore/controller-runtime';
import { createServer, listenAt, runMain } from '@hybridstore/http';
import {
  createLogger,
  createMetrics,
  Environment,
  findIdleVariables,
  giveBackAtRest,
  LogRing,
  onShutdown,
  systemClock,
} from '@hybridstore/runtime';
import { type Operator, startOperator } from './app.ts';
import { type OperatorConfig, readConfig } from './config.ts';
import { operatorIdentity } from './identity.ts';
import type { OperatorOptions } from './options.ts';
import { PublishedKeysVerifier } from './token-verifier.ts';

async function main(): Promise<void> {
  const config = readConfig(new Environment(process.env));
  const telemetry = createTelemetry(config);
  const { logger } = telemetry;
  for (const idle of findIdleVariables('operator', process.env)) logger.warn('variable_without_effect', idle);
  const kube = connect(config, createRestClientMetrics(telemetry.metrics));
  let operator: Operator | undefined;
  const server = createServer({
    ...telemetry,
    service: 'operator',
    version: config.version,
    clock: systemClock,
    verifier: new PublishedKeysVerifier(config.jwksFile, systemClock),
    notReadyReasons: () => operator?.notReadyReasons() ?? ['starting'],
  });
  // First of all: a process that cannot be asked must not take the lease.
  const closeListeners = await listenAt(server, config);
  operator = startOperator({ ...toOptions(config), ...telemetry, kube });
  onShutdown(logger, [
    { name: 'http', run: closeListeners },
    { name: 'operator', run: operator.stop },
  ]);
  giveBackAtRest({ clock: systemClock });
  logger.info('listening', { host: config.host, port: config.port });
  // A process that lost its lease belongs to the past: another one leads, and this one starts anew as a stand-by.
  if ((await operator.ended) === 'lost') process.exit(1);
}

function createTelemetry({ identity, logLevel }: OperatorConfig) {
  const ring = new LogRing();
  const logger = createLogger({ service: 'operator', instance: identity, level: logLevel, ring });
  return { ring, logger, metrics: createMetrics('operator') };
}

function connect({ kubeconfig }: OperatorConfig, metrics: RestClientMetrics): ApiServerKube {
  const config = loadKubeConfig(kubeconfig);
  return new ApiServerKube({ ...operatorIdentity, config, clock: systemClock, random: Math.random, metrics });
}

function toOptions(config: OperatorConfig): Omit<OperatorOptions, 'kube' | 'logger' | 'metrics'> {
  const { settings, watchNamespaces, ownerName, prometheus } = config;
  return {
    settings,
    watchNamespaces,
    ...(config.leaderElection ? { leaderIdentity: config.identity } : {}),
    ...(ownerName === undefined ? {} : { ownerName }),
    ...(prometheus === undefined ? {} : { prometheus }),
  };
}

runMain('operator', main);
