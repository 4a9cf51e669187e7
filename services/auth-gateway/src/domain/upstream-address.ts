import type { ServiceName, TokenClaims } from '@hybridstore/contracts';
import { assert, HybridStoreError, tenantUrl } from '@hybridstore/runtime';

/** Where the services are. `tenantUrlTemplate` holds `{name}` and `{namespace}`. */
export type UpstreamAddresses = {
  readonly services: Readonly<Partial<Record<ServiceName, string>>>;
  readonly tenantUrlTemplate: string;
};

/** The base URL for a call: the tenant's own Service for its nodes, by the tenant in the token and nothing else. */
export function upstreamAddress(
  addresses: UpstreamAddresses,
  service: ServiceName,
  claims: TokenClaims | undefined,
): string {
  if (service === 'tenant-node') return tenantAddress(addresses.tenantUrlTemplate, claims);
  const url = addresses.services[service];
  assert(url !== undefined, `no URL for service ${service}`);
  return url;
}

function tenantAddress(template: string, claims: TokenClaims | undefined): string {
  if (claims?.tenant === undefined)
    throw new HybridStoreError('forbidden', 'the token belongs to no tenant', { subject: claims?.sub });
  return tenantUrl(template, claims.tenant);
}
