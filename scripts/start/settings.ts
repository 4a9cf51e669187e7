import type { PlatformSettings } from '@hybridstore/operator';
import type { GivenVariables, ServiceName } from './service-variables.ts';

export const systemNamespace = 'hybridstore-system';

const service = { enabled: true, replicas: 1, resources: {}, stateSize: '1Gi', env: {} } as const;

/** A registered user becomes a writer of the sources in examples/data-sources.yaml, of no other; for this place only. */
const exampleRegistration = {
  REGISTRATION_TENANT: 'default/acme',
  REGISTRATION_ROLE: 'writer',
  REGISTRATION_SOURCES: 'earthquakes,flights,movies,sales_data',
} as const;

/**
 * One of each service, and no policies: there is no network to enforce them in. Variables for single services win over
 * those of the example.
 */
export function embeddedSettings(
  { byService: given, config, logLevel }: Omit<GivenVariables, 'notes'> = {
    byService: {},
    config: {},
    logLevel: 'info',
  },
): PlatformSettings {
  const of = (name: ServiceName, env: Readonly<Record<string, string>> = {}) => ({
    ...service,
    env: { ...env, ...given[name] },
  });
  return {
    namespace: systemNamespace,
    image: { services: 'hybridstore/services:0.1.0', pullPolicy: 'IfNotPresent', pullSecrets: [] },
    logLevel,
    // Nobody stands between the processes of one machine.
    shutdownDelaySeconds: 0,
    shutdownFinishSeconds: 10,
    maxTenantsRolling: 1,
    storage: {},
    podSecurity: { assignIds: true },
    network: { policies: false, dns: [], prometheus: [], gatewayClients: [], tenantClients: [] },
    config,
    services: {
      'auth-gateway': of('auth-gateway', exampleRegistration),
      'operation-node': of('operation-node'),
      'cbo-engine': of('cbo-engine'),
      'metadata-catalog': of('metadata-catalog'),
      monitoring: of('monitoring'),
      'query-interpreter': of('query-interpreter'),
    },
  };
}
