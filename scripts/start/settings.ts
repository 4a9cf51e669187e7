import type { PlatformSettings } from '@hybridstore/operator';

export const systemNamespace = 'hybridstore-system';

const service = { enabled: true, replicas: 1, resources: {}, stateSize: '1Gi', env: {} } as const;

/** One of each service, and no policies: there is no network to enforce them in. A registered user becomes a writer of the example tenant, which is for this place only. */
export function embeddedSettings(): PlatformSettings {
  return {
    namespace: systemNamespace,
    image: { services: 'hybridstore/services:0.1.0', pullPolicy: 'IfNotPresent', pullSecrets: [] },
    logLevel: 'info',
    storage: {},
    network: { policies: false, dns: [], prometheus: [], gatewayClients: [], tenantClients: [] },
    services: {
      'auth-gateway': { ...service, env: { REGISTRATION_TENANT: 'default/acme', REGISTRATION_ROLE: 'writer' } },
      'operation-node': service,
      'cbo-engine': service,
      'metadata-catalog': service,
      monitoring: service,
      'query-interpreter': service,
    },
  };
}
