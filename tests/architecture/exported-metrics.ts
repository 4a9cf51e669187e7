import assert from 'node:assert/strict';
import { createMachineMetrics, createRestClientMetrics } from '@hybridstore/controller-runtime';
import { createServer, HttpClient, RevocationWatch } from '@hybridstore/http';
import { AdmissionQueue, createMetrics, Registry, silentLogger } from '@hybridstore/runtime';
import { FakeClock } from '@hybridstore/test-kit';
import { createOperatorMetrics } from '../../operator/src/metrics.ts';
import { createEngineMetrics } from '../../packages/engine/src/engine-metrics.ts';
import { createGatewayMetrics } from '../../services/auth-gateway/src/gateway-metrics.ts';
import { TableCache } from '../../services/metadata-catalog/src/domain/table-cache.ts';
import { createCatalogMetrics } from '../../services/metadata-catalog/src/metrics.ts';
import { registerPlatformMetrics } from '../../services/monitoring/src/platform-metrics.ts';
import { createQueryMetrics } from '../../services/operation-node/src/metrics.ts';
import {
  createNodeMetrics,
  observeQueries,
  observeWrites,
} from '../../services/tenant-node/src/metrics/node-metrics.ts';

/** Labels that a series may have, by its name. */
export type Exported = ReadonlyMap<string, ReadonlySet<string>>;

/** What Prometheus and the monitors of the chart put on every sample. */
const ofTargets = ['job', 'namespace', 'pod', 'instance', 'service', 'container', 'endpoint'];

/** Series that are not ours: of Prometheus itself, and of the kubelet about the volumes that pods have mounted. */
const foreign: Exported = new Map([
  ['up', new Set([...ofTargets, 'tenant'])],
  ['kubelet_volume_stats_available_bytes', new Set(['namespace', 'persistentvolumeclaim'])],
  ['kubelet_volume_stats_capacity_bytes', new Set(['namespace', 'persistentvolumeclaim'])],
]);

/** Every series of every process, from the registries that the processes fill, by the functions that fill them. */
export function collectExported(): Exported {
  const found = [
    ...[standard(), gateway(), catalog(), monitoring(), operation(), operator()].flatMap((one) => seriesOf(one, [])),
    ...[standard(), node()].flatMap((one) => seriesOf(one, ['tenant'])),
  ];
  const exported = new Map(foreign);
  for (const [name, labels] of found) exported.set(name, new Set([...(exported.get(name) ?? []), ...labels]));
  return exported;
}

function seriesOf(registry: Registry, ofMonitor: readonly string[]): readonly (readonly [string, readonly string[]])[] {
  return registry.getMetricsAsArray().flatMap((metric): readonly (readonly [string, readonly string[]])[] => {
    const { name, type, labelNames = [] } = metric as typeof metric & { readonly labelNames?: readonly string[] }; // prom-client's types lack it
    const labels = [...ofTargets, ...ofMonitor, ...labelNames];
    if (String(type) !== 'histogram') return [[name, labels]];
    return [
      [`${name}_bucket`, [...labels, 'le']],
      [`${name}_sum`, labels],
      [`${name}_count`, labels],
    ];
  });
}

/** Of every process: Node's own, requests, and the list of revoked tokens. */
function standard(): Registry {
  const clock = new FakeClock();
  const metrics = createMetrics('tenant-node');
  const common = { logger: silentLogger, metrics, clock };
  const verify = () => assert.fail('no request comes');
  createServer({
    ...common,
    service: 'tenant-node',
    version: '1.2.3',
    verifier: { verify },
    notReadyReasons: () => [],
  });
  // Its identity is asked for when it starts.
  new RevocationWatch({
    ...common,
    client: new HttpClient(),
    identity: {} as never,
    gatewayUrl: 'http://gateway.invalid',
  });
  return metrics;
}

function gateway(): Registry {
  const registry = new Registry();
  createGatewayMetrics(registry);
  return registry;
}

function catalog(): Registry {
  const registry = new Registry();
  createCatalogMetrics(registry, new TableCache(1));
  return registry;
}

function monitoring(): Registry {
  const registry = new Registry();
  // Board and figures are read when somebody scrapes.
  registerPlatformMetrics(registry, {} as never, {} as never);
  return registry;
}

function operation(): Registry {
  const registry = new Registry();
  createQueryMetrics(
    registry,
    new AdmissionQueue({ runningMax: 1, runningPerTenantMax: 1, waitingMax: 1, waitingPerTenantMax: 1 }),
  );
  return registry;
}

function operator(): Registry {
  const registry = new Registry();
  createOperatorMetrics(registry);
  createMachineMetrics(registry, 'hybridstore');
  createRestClientMetrics(registry);
  return registry;
}

function node(): Registry {
  const registry = new Registry();
  const none = () => 0;
  createNodeMetrics(registry, false);
  observeQueries(registry, { running: 0, waiting: 0, grantedBytes: 0 });
  observeWrites(registry, { waiting: 0 });
  createEngineMetrics(registry, {
    unflushedRows: none,
    logBytes: none,
    damagedObjects: none,
    flushesFailing: none,
    logDamages: none,
    batchIds: none,
  });
  return registry;
}
