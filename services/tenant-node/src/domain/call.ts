import type { Action } from '@hybridstore/contracts';
import { HybridStoreError, requireSource, type TenantCaller } from '@hybridstore/runtime';
import type { TenantNode } from './node.ts';

/** What every verb of a node is called with beside its input, whatever transport brought it. */
export type Call = {
  readonly caller: TenantCaller;
  /** Aborted when the caller goes away, or its time is up. */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller leaves for the answer, when it said so. */
  readonly deadlineMs: number | undefined;
};

/** Throws `forbidden` unless the caller is one of this node's tenant. The tenant comes from the token and nowhere else. */
export function requireOwnTenant(node: Pick<TenantNode, 'tenantId'>, { caller }: Pick<Call, 'caller'>): void {
  if (caller.tenant === node.tenantId) return;
  throw new HybridStoreError('forbidden', 'the token is for another tenant', { subject: caller.subject });
}

/** As `requireOwnTenant`, and the caller may do `action` on every one of `sourceIds`. */
export function requireOwnSources(
  node: Pick<TenantNode, 'tenantId'>,
  call: Pick<Call, 'caller'>,
  action: Action,
  sourceIds: readonly string[],
): void {
  requireOwnTenant(node, call);
  for (const sourceId of sourceIds) requireSource(call.caller, action, sourceId);
}

const statementMsMax = 3_600_000;

/** Milliseconds that a query may take: what the request says, within what the caller waits. */
export function deadlineOf(timeoutSeconds: number | undefined, { deadlineMs }: Pick<Call, 'deadlineMs'>): number {
  const wanted = timeoutSeconds === undefined ? statementMsMax : Math.max(1, Math.round(timeoutSeconds * 1_000));
  return Math.min(wanted, deadlineMs ?? statementMsMax);
}
