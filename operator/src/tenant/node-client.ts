import { tenantNode } from '@hybridstore/contracts';
import { type ClusterView, statefulSets } from '@hybridstore/controller-runtime';
import type { HttpClient, ServiceIdentity } from '@hybridstore/http';
import { orNothing } from '../or-nothing.ts';
import type { NodePort } from '../ports.ts';
import { nodesDomain, nodeUrl, type TenantKey, tenantIdOf, tenantNames, tenantUrl } from '../resources/names.ts';

const callMsMax = 15_000;
/** A drain is polled: the answer says how far it is, so it comes soon. */
const drainMsMax = 10_000;
/** The status waits for it, and does without. */
const problemsMsMax = 2_000;

export type NodeClientOptions = {
  readonly client: HttpClient;
  /** Where the set of a tenant says what its nodes are called. */
  readonly view: Pick<ClusterView, 'get'>;
  readonly identity: () => ServiceIdentity;
};

export function createNodeClient({ client, view, identity }: NodeClientOptions): NodePort {
  const options = (tenant: TenantKey, timeoutMs: number) => ({
    token: identity().token(tenantIdOf(tenant)),
    timeoutMs,
  });
  const urlOf = async (tenant: TenantKey, pod: string) => {
    const { namespace, name } = tenant;
    const set = await view.get(statefulSets, { namespace, name: tenantNames(name).base });
    return nodeUrl(nodesDomain(tenant, set?.spec?.serviceName), pod);
  };
  return {
    drain: async (tenant, pod, { cancel }) =>
      await client.call(await urlOf(tenant, pod), tenantNode.drain, {
        ...options(tenant, drainMsMax),
        body: cancel ? { cancel: true } : {},
      }),
    giveUp: async (tenant, pod, request) =>
      await client.call(await urlOf(tenant, pod), tenantNode.giveUpMember, {
        ...options(tenant, drainMsMax),
        body: request,
      }),
    problems: async (tenant, pod) =>
      (await client.call(await urlOf(tenant, pod), tenantNode.problems, options(tenant, problemsMsMax))).problems,
    drainedMembers: async (tenant, pod) => {
      const answer = await client.call(await urlOf(tenant, pod), tenantNode.problems, options(tenant, problemsMsMax));
      return new Set((answer.members ?? []).filter(({ state }) => state === 'drained').map((member) => member.pod));
    },
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
