import { type Endpoint, endpoints } from '@hybridstore/contracts';

/** Every endpoint of the contracts that is reached through the gateway, under its own path. */
export function forwardedEndpoints(): Endpoint[] {
  return Object.values(endpoints)
    .flatMap((table) => Object.values(table))
    .filter((endpoint) => endpoint.viaGateway === true);
}

/** GET, and the POSTs that need no more than the permission to read: a call that a service may have seen can be repeated. */
export function readsOnly(endpoint: Endpoint): boolean {
  if (endpoint.method === 'GET') return true;
  return endpoint.method === 'POST' && endpoint.access.kind === 'action' && endpoint.access.action === 'read';
}
