import { compactionPolicyResource, dataSourceResource, tenantResource } from '@hybridstore/contracts';
import { events, pods, type Resource } from '@hybridstore/controller-runtime';
import { usageError } from '../usage-error.ts';

const named: readonly { readonly resource: Resource; readonly names: readonly string[] }[] = [
  { resource: tenantResource, names: ['tenants', 'tenant', 'hst'] },
  { resource: dataSourceResource, names: ['datasources', 'datasource', 'hsds'] },
  { resource: compactionPolicyResource, names: ['compactionpolicies', 'compactionpolicy', 'hscp'] },
  { resource: pods, names: ['pods', 'pod', 'po'] },
  { resource: events, names: ['events', 'event', 'ev'] },
];
const byName: ReadonlyMap<string, Resource> = new Map(
  named.flatMap(({ resource, names }) => names.map((name) => [name, resource] as const)),
);

/** What `get` and `delete` can be asked for, in the plural. */
export const kindNames: readonly string[] = named.map(({ names }) => names[0] ?? '');

/** A kind by its plural, singular or short name, in any case, with or without its group: as kubectl takes them. */
export function findResource(kind: string): Resource | undefined {
  return byName.get(kind.toLowerCase().replace(/\.hybridstore\.dev$/, ''));
}

export function resourceOf(kind: string): Resource {
  const resource = findResource(kind);
  if (!resource) throw usageError('KIND', `expected one of ${kindNames.join(', ')}, found ${kind}`);
  return resource;
}
