import { metadataCatalog } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { orNothing } from '../or-nothing.ts';
import type { CatalogPort } from '../ports.ts';
import { sharedServiceUrl, type TenantKey, tenantIdOf, tenantUrl } from '../resources/names.ts';

const callMsMax = 10_000;

export type CatalogClientOptions = {
  readonly client: HttpClient;
  /** The operator's identity, once its key is known. */
  readonly identity: () => ServiceIdentity;
  readonly systemNamespace: string;
};

export function createCatalogClient({ client, identity, systemNamespace }: CatalogClientOptions): CatalogPort {
  const url = sharedServiceUrl('metadata-catalog', systemNamespace);
  const settings = () => ({ token: identity().token(), timeoutMs: callMsMax });
  const tenantParams = ({ namespace, name }: TenantKey) => ({ namespace, tenant: name });
  return {
    putTenant: async (tenant) => {
      const body = { tenant_id: tenantIdOf(tenant), node_url: tenantUrl(tenant) };
      await client.call(url, metadataCatalog.putTenant, { ...settings(), params: tenantParams(tenant), body });
    },
    deleteTenant: async (tenant) => {
      await orNothing(client.call(url, metadataCatalog.deleteTenant, { ...settings(), params: tenantParams(tenant) }));
    },
    putSource: (tenant, definition) => {
      const params = { ...tenantParams(tenant), source_id: definition.source_id };
      return client.call(url, metadataCatalog.putSource, { ...settings(), params, body: definition });
    },
    getSource: (tenant, sourceId) => {
      const params = { ...tenantParams(tenant), source_id: sourceId };
      return orNothing(client.call(url, metadataCatalog.getSource, { ...settings(), params }));
    },
    deleteSource: async (tenant, sourceId) => {
      const params = { ...tenantParams(tenant), source_id: sourceId };
      await orNothing(client.call(url, metadataCatalog.deleteSource, { ...settings(), params }));
    },
    putPolicy: (policy) => {
      const params = policyParams(policy.policy_id);
      return client.call(url, metadataCatalog.putPolicy, { ...settings(), params, body: policy });
    },
    getPolicy: (policyId) =>
      orNothing(client.call(url, metadataCatalog.getPolicy, { ...settings(), params: policyParams(policyId) })),
    deletePolicy: async (policyId) => {
      await orNothing(
        client.call(url, metadataCatalog.deletePolicy, { ...settings(), params: policyParams(policyId) }),
      );
    },
  };
}

/** A policy's id is the `namespace/name` of its resource. */
function policyParams(policyId: string): { readonly namespace: string; readonly policy: string } {
  const slash = policyId.indexOf('/');
  return { namespace: policyId.slice(0, slash), policy: policyId.slice(slash + 1) };
}
