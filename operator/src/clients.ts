import type { ClusterView } from '@hybridstore/controller-runtime';
import { ServiceIdentity } from '@hybridstore/http';
import type { LoopOptions } from './options.ts';
import type { CatalogPort, NodePort } from './ports.ts';
import { createCatalogClient } from './shared-services/catalog-client.ts';
import type { SigningKeys } from './shared-services/signing-keys.ts';
import { createNodeClient } from './tenant/node-client.ts';

/** Whom the operator calls, besides Kubernetes. */
export type Clients = { readonly nodes: NodePort; readonly catalog: CatalogPort };

/** Each call asks for a token, and only who leads gets one: a leader of before must not have a node hand over that stays. */
export function createClients(
  { client, clock, settings, assertLeads }: LoopOptions,
  keys: SigningKeys,
  view: ClusterView,
): Clients {
  let known: ServiceIdentity | undefined;
  const identity = () => {
    assertLeads();
    known ??= new ServiceIdentity(keys.operatorKey(), clock);
    return known;
  };
  return {
    nodes: createNodeClient({ client, view, identity }),
    catalog: createCatalogClient({ client, identity, systemNamespace: settings.namespace }),
  };
}
