import type { CheckLine } from '@hybridstore/contracts';
import { maySource } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** Reads everything of the sources that the caller manages, at the rate of the scrub; changes nothing but what is known of damage. */
export async function checkSources(node: TenantNode, call: Call): Promise<AsyncGenerator<CheckLine>> {
  requireOwnTenant(node, call);
  const { states, damaged } = await node.engine.sources();
  const ids = new Set([...states.map(({ sourceId }) => sourceId), ...damaged]);
  const managed = [...ids].filter((sourceId) => maySource(call.caller, 'manage', sourceId)).sort();
  return node.checks.start(managed, call.signal);
}
