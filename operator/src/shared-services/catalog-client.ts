import {
  type CatalogSource,
  type CompactionPolicyDefinition,
  type CompactionPolicyState,
  metadataCatalog,
  type SourceDefinition,
} from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import { sharedServiceUrl, type TenantKey, tenantIdOf, tenantUrl } from '../resources/names.ts';

/** The metadata catalog as the operator uses it. Every call may throw what the catalog answers, or `unavailable`. */
export interface CatalogPort {
  putTenant(tenant: TenantKey): Promise<void>;
  deleteTenant(tenant: TenantKey): Promise<void>;
  putSource(tenant: TenantKey, definition: SourceDefinition): Promise<CatalogSource>;
  /** Undefined when the catalog does not know the source. */
  getSource(tenant: TenantKey, sourceId: string): Promise<CatalogSource | undefined>;
  deleteSource(tenant: TenantKey, sourceId: string): Promise<void>;
  putPolicy(policy: CompactionPolicyDefinition): Promise<CompactionPolicyState>;
  getPolicy(policyId: string): Promise<CompactionPolicyState | undefined>;
  deletePolicy(policyId: string): Promise<void>;
}

const callMsMax = 10_000;

export type CatalogClientOptions = {
  readonly client: HttpClient;
  /** The operator's identity, once its key is known. */
  readonly identity: () => ServiceIdentity;
  readonly systemNamespace: string;
};

export function createCatalogClient({ client, identity, systemNamespace }: CatalogClientOptions): CatalogPort {
  const url = sharedServiceUrl('metadata-catalog', systemNamespace);
  const call = <T>(
    endpoint: (typeof metadataCatalog)[keyof typeof metadataCatalog],
    params: Readonly<Record<string, string>>,
    body?: unknown,
  ): Promise<T> =>
    client.call<T>(url, endpoint, {
      params,
      token: identity().token(),
      timeoutMs: callMsMax,
      ...(body === undefined ? {} : { body }),
    });
  const tenantParams = ({ namespace, name }: TenantKey) => ({ namespace, tenant: name });
  return {
    putTenant: async (tenant) => {
      await call(metadataCatalog.putTenant, tenantParams(tenant), {
        tenant_id: tenantIdOf(tenant),
        node_url: tenantUrl(tenant),
      });
    },
    deleteTenant: async (tenant) => {
      await orNothing(call(metadataCatalog.deleteTenant, tenantParams(tenant)));
    },
    putSource: (tenant, definition) =>
      call(metadataCatalog.putSource, { ...tenantParams(tenant), source_id: definition.source_id }, definition),
    getSource: (tenant, sourceId) =>
      orNothing(call<CatalogSource>(metadataCatalog.getSource, { ...tenantParams(tenant), source_id: sourceId })),
    deleteSource: async (tenant, sourceId) => {
      await orNothing(call(metadataCatalog.deleteSource, { ...tenantParams(tenant), source_id: sourceId }));
    },
    putPolicy: (policy) => call(metadataCatalog.putPolicy, policyParams(policy.policy_id), policy),
    getPolicy: (policyId) => orNothing(call<CompactionPolicyState>(metadataCatalog.getPolicy, policyParams(policyId))),
    deletePolicy: async (policyId) => {
      await orNothing(call(metadataCatalog.deletePolicy, policyParams(policyId)));
    },
  };
}

/** A policy's id is the `namespace/name` of its resource. */
function policyParams(policyId: string): Readonly<Record<string, string>> {
  const slash = policyId.indexOf('/');
  return { namespace: policyId.slice(0, slash), policy: policyId.slice(slash + 1) };
}

async function orNothing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isHybridStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}
