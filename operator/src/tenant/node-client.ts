import {
  type DrainStatus,
  type SourceAdded,
  type SourceDefinition,
  type SourceStats,
  tenantNode,
} from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { orNothing } from '../or-nothing.ts';
import { nodeUrl, type TenantKey, tenantIdOf, tenantUrl } from '../resources/names.ts';

/** The nodes of tenants as the operator uses them. Every call may throw what the node answers, or `unavailable`. */
export interface NodePort {
  /** Repeatable: asks one node to hand over, or to stay, and gives how far it is. */
  drain(tenant: TenantKey, pod: string, request: { readonly cancel: boolean }): Promise<DrainStatus>;
  putSource(tenant: TenantKey, definition: SourceDefinition): Promise<SourceAdded>;
  deleteSource(tenant: TenantKey, sourceId: string): Promise<void>;
  /** Undefined when no node knows the source. */
  sourceStats(tenant: TenantKey, sourceId: string): Promise<SourceStats | undefined>;
}

const callMsMax = 15_000;
/** A drain is polled: the answer says how far it is, so it comes soon. */
const drainMsMax = 10_000;

export type NodeClientOptions = {
  readonly client: HttpClient;
  readonly identity: () => ServiceIdentity;
};

export function createNodeClient({ client, identity }: NodeClientOptions): NodePort {
  const options = (tenant: TenantKey, timeoutMs: number) => ({
    token: identity().token(tenantIdOf(tenant)),
    timeoutMs,
  });
  return {
    drain: (tenant, pod, { cancel }) =>
      client.call(nodeUrl(tenant, pod), tenantNode.drain, {
        ...options(tenant, drainMsMax),
        body: cancel ? { cancel: true } : {},
      }),
    putSource: (tenant, definition) =>
      client.call(tenantUrl(tenant), tenantNode.putSource, {
        ...options(tenant, callMsMax),
        params: { source_id: definition.source_id },
        body: definition,
      }),
    deleteSource: async (tenant, sourceId) => {
      await orNothing(
        client.call(tenantUrl(tenant), tenantNode.deleteSource, {
          ...options(tenant, callMsMax),
          params: { source_id: sourceId },
        }),
      );
    },
    sourceStats: (tenant, sourceId) =>
      orNothing(
        client.call(tenantUrl(tenant), tenantNode.internalStats, {
          ...options(tenant, callMsMax),
          params: { source_id: sourceId },
        }),
      ),
  };
}
