import type { Children, ClusterView, Stored } from '@hybridstore/controller-runtime';
import { persistentVolumeClaims, pods, statefulSets } from '@hybridstore/controller-runtime';
import type { Tenant } from '../resources/custom-resources.ts';
import { logClaimOrdinalOf, type TenantKey, tenantNames } from '../resources/names.ts';

/** What became of the volumes of a deleted tenant. */
export type VolumesOutcome =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'retained'; readonly claims: readonly string[] }
  | { readonly kind: 'deleted'; readonly claims: readonly string[] };

/**
 * Stops the nodes first, so that each commits what it holds at its leisure and none writes into a volume that goes away;
 * then the volumes stay or go as the Tenant says. Everything else follows by owner references.
 */
export async function finalizeTenant(
  view: ClusterView,
  children: Children,
  tenant: Stored<Tenant>,
  key: TenantKey,
): Promise<VolumesOutcome> {
  const selection = { namespace: key.namespace, ofParent: key.name };
  const set = await view.get(statefulSets, { namespace: key.namespace, name: tenantNames(key.name).base });
  if (set !== undefined) {
    await children.remove(statefulSets, set);
    return { kind: 'waiting', reason: 'NodesStopping' };
  }
  if ((await view.list(pods, selection)).length > 0) return { kind: 'waiting', reason: 'NodesStopping' };
  const listed = await view.list(persistentVolumeClaims, selection);
  const claims = listed.filter((claim) => isMade(tenant, key, claim.metadata.name));
  const names = claims.map((claim) => claim.metadata.name).sort();
  if (tenant.spec?.deletionPolicy !== 'Delete') return { kind: 'retained', claims: names };
  for (const claim of claims) await children.remove(persistentVolumeClaims, claim);
  return { kind: 'deleted', claims: names };
}

/** Labels can be copied by anybody: only what bears a name that we give is ours, and a claim that the Tenant brings never is. */
function isMade(tenant: Stored<Tenant>, { name }: TenantKey, claim: string): boolean {
  if (claim === tenant.spec?.storage?.data?.sharedVolume?.existingClaim) return false;
  return claim === tenantNames(name).dataClaim || logClaimOrdinalOf(name, claim) !== undefined;
}
