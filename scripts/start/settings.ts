import type { PlatformSettings } from '@hybridstore/operator';

export const systemNamespace = 'hybridstore-system';

const service = { enabled: true, replicas: 1, resources: {}, stateSize: '1Gi', env: {} } as const;

/** A registered user becomes a writer of the sources in examples/data-sources.yaml, of no other; for this place only. */
const exampleRegistration = {
  REGISTRATION_TENANT: 'default/acme',
  REGISTRATION_ROLE: 'writer',
  REGISTRATION_SOURCES: 'earthquakes,flights,movies,sales_data',
} as const;

/** One of each service, and no policies: there is no network to enforce them in. */
export function embeddedSettings(): PlatformSettings {
  return {
    namespace: systemNamespace,
    image: { services: 'hybridstore/services:0.1.0', pullPolicy: 'IfNotPresent', pullSecrets: [] },
    logLevel: 'info',
    storage: {},
    network: { policies: false, dns: [], prometheus: [], gatewayClients: [], tenantClients: [] },
    services: {
      'auth-gateway': { ...service, env: exampleRegistration },
      'operation-node': service,
      'cbo-engine': service,
      'metadata-catalog': service,
      monitoring: service,
      'query-interpreter': service,
    },
  };
}
