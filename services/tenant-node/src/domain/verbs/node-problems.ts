import { type NodeProblems, nodeProblemsMax } from '@hybridstore/contracts';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/** What is wrong although the node serves: for the conditions that the operator reports. */
export async function nodeProblems(node: TenantNode, call: Call): Promise<NodeProblems> {
  requireOwnTenant(node, call);
  const problems = node.engine.problems().slice(0, nodeProblemsMax);
  return {
    pod: node.pod,
    problems: problems.map(({ kind, reason, sourceId, sinceMs, message }) => ({
      kind,
      reason,
      ...(sourceId === undefined ? {} : { source_id: sourceId }),
      since: new Date(sinceMs).toISOString(),
      message,
    })),
    members: node.members.members().map(({ pod, state }) => ({ pod, state })),
  };
}
