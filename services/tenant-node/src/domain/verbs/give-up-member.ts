import type { GiveUpRequest, GiveUpResponse, Member } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { type Call, requireOwnTenant } from '../call.ts';
import type { TenantNode } from '../node.ts';

/**
 * Gives up a member that is away, as a person has decided: others ask it no more, and its batch ids get other owners. Rows that
 * only its log holds are in no answer until its log is back, and are lost with it. Without `rows` it only says how many there
 * may be. `conflict` while the member answers, and for another number than the one that holds.
 */
export async function giveUpMember(node: TenantNode, call: Call, request: GiveUpRequest): Promise<GiveUpResponse> {
  requireOwnTenant(node, call);
  const member = await findMember(node, request.pod);
  const rows = rowsAtRisk(node, member);
  const answer = { rows, member: node.sightings.describe(member) };
  if (member.state === 'drained') return { given_up: true, ...answer };
  if (await node.sightings.answers(member))
    throw new HybridStoreError('conflict', `member ${member.pod} answers: only one that is away can be given up`, {
      field: 'pod',
      expected: 'a member that is away',
      actual: member.pod,
    });
  if (request.rows === undefined) return { given_up: false, ...answer };
  if (request.rows !== rows)
    throw new HybridStoreError('conflict', `rows: expected ${rows}, which may be lost, found ${request.rows}`, {
      field: 'rows',
      expected: rows,
      actual: request.rows,
    });
  return { given_up: true, rows, member: node.sightings.describe(await node.members.giveUp(member.pod)) };
}

async function findMember(node: TenantNode, pod: string): Promise<Member> {
  if (pod === node.pod)
    throw new HybridStoreError('conflict', `member ${pod} is the node that was asked`, { field: 'pod', actual: pod });
  const member = await node.members.refresh(pod);
  if (member) return member;
  throw new HybridStoreError('not_found', `pod: expected a member of the tenant, found ${pod}`, {
    field: 'pod',
    actual: pod,
  });
}

/** What it held when it was last asked; nobody knows more, but that a node takes no more rows than its bound. */
function rowsAtRisk(node: TenantNode, member: Member): number {
  return member.state === 'drained' ? 0 : (node.sightings.describe(member).unflushed_rows ?? node.unflushedRowsMax);
}
