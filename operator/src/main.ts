import { ApiServerKube, loadKubeConfig } from '@hybridstore/controller-runtime';
import { createServer, listenAt, runMain } from '@hybridstore/http';
import { createLogger, createMetrics, Environment, LogRing, onShutdown, systemClock } from '@hybridstore/runtime';
import { type Operator, startOperator } from './app.ts';
import { readConfig } from './config.ts';
import { operatorIdentity } from './identity.ts';
import { PublishedKeysVerifier } from './token-verifier.ts';

async function main(): Promise<void> {
  const environment = new Environment(process.env);
  const config = readConfig(environment);
  const ring = new LogRing();
  const clock = systemClock;
  const logger = createLogger({ service: 'operator', instance: config.identity, level: config.logLevel, ring });
  const metrics = createMetrics('operator');
  const kubeConfig = loadKubeConfig(config.kubeconfig);
  const kube = new ApiServerKube({ ...operatorIdentity, config: kubeConfig, clock, random: Math.random });
  let operator: Operator | undefined;
  const server = createServer({
    service: 'operator',
    version: environment.text('HYBRIDSTORE_VERSION', '0.1.0'),
    logger,
    metrics,
    clock,
    ring,
    verifier: new PublishedKeysVerifier(config.jwksFile, clock),
    notReadyReasons: () => operator?.notReadyReasons() ?? ['starting'],
  });
  // First of all: a process that cannot be asked must not take the lease.
  await listenAt(server, config.host, config.port);
  operator = startOperator({
    kube,
    settings: config.settings,
    logger,
    metrics,
    watchNamespaces: config.watchNamespaces,
    ...(config.leaderElection ? { leaderIdentity: config.identity } : {}),
    ...(config.ownerConfigMap === undefined ? {} : { ownerConfigMap: config.ownerConfigMap }),
    ...(config.prometheus === undefined ? {} : { prometheus: config.prometheus }),
  });
  onShutdown(logger, [
    { name: 'http', run: () => server.app.close() },
    { name: 'operator', run: operator.stop },
  ]);
  logger.info('listening', { host: config.host, port: config.port });
  // A process that lost its lease belongs to the past: another one leads, and this one starts anew as a stand-by.
  if ((await operator.ended) === 'lost') process.exit(1);
}

runMain('operator', main);
