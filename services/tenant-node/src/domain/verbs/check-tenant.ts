import { type CheckLine, firstUncovered, type Permission } from '@hybridstore/contracts';
import { maySource, retryLater } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

const everySource: readonly Permission[] = [{ sources: ['*'], actions: ['manage'] }];
const withoutLogs =
  'logs were not read: they hold rows of every source, and the token does not give the permission to manage all of them';

/**
 * Reads everything of the sources that the caller manages, and for who manages all of them the logs of all members too, at
 * the rate of the scrub; changes nothing but what is known of damage.
 */
export async function checkTenant(node: TenantNode, call: Call): Promise<AsyncGenerator<CheckLine>> {
  requireOwnTenant(node, call);
  const { states, damaged } = await node.engine.sources();
  const ids = new Set([...states.map(({ sourceId }) => sourceId), ...damaged]);
  const sourceIds = [...ids].filter((sourceId) => maySource(call.caller, 'manage', sourceId)).sort();
  const managesAll = firstUncovered(call.caller.permissions, everySource) === undefined;
  // There may be members that it would not ask.
  if (managesAll && !node.members.knowsAll)
    throw retryLater('unavailable', 'the node is no member yet, or has left: it may not know all of them', 1_000);
  return node.checks.start(
    managesAll
      ? { sourceIds, ownLog: true, members: othersOf(node), notes: [] }
      : { sourceIds, ownLog: false, members: [], notes: [withoutLogs] },
    call.signal,
  );
}

/** A member that has left has handed its rows over: its log holds none that a table lacks. */
function othersOf({ members, pod }: TenantNode) {
  return members.members().filter((member) => member.pod !== pod && member.state === 'active');
}
