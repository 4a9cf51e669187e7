import { tenantNode } from '@hybridstore/contracts';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { orNothing } from '../or-nothing.ts';
import type { NodePort } from '../ports.ts';
import { nodeUrl, type TenantKey, tenantIdOf, tenantUrl } from '../resources/names.ts';

const callMsMax = 15_000;
/** A drain is polled: the answer says how far it is, so it comes soon. */
const drainMsMax = 10_000;
/** The status waits for it, and does without. */
const problemsMsMax = 2_000;

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
    giveUp: (tenant, pod, request) =>
      client.call(nodeUrl(tenant, pod), tenantNode.giveUpMember, { ...options(tenant, drainMsMax), body: request }),
    problems: async (tenant, pod) =>
      (await client.call(nodeUrl(tenant, pod), tenantNode.problems, options(tenant, problemsMsMax))).problems,
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
