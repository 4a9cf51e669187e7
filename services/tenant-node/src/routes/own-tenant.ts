import type { Action, TokenClaims } from '@hybridstore/contracts';
import { type CallContext, requireSource, requireTenant } from '@hybridstore/http';
import { assert, HybridStoreError } from '@hybridstore/runtime';

/** The caller's claims, if the token is for this node's tenant. The tenant comes from the token and nowhere else. */
export function requireOwnTenant(context: CallContext, tenantId: string): TokenClaims {
  assert(context.caller, 'every route of a tenant node needs a token');
  const { claims } = context.caller;
  if (requireTenant(claims) !== tenantId)
    throw new HybridStoreError('forbidden', 'the token is for another tenant', { subject: claims.sub });
  return claims;
}

/** As `requireOwnTenant`, and the token lets its holder do `action` on every one of `sourceIds`. */
export function requireOwnSources(
  context: CallContext,
  tenantId: string,
  action: Action,
  sourceIds: readonly string[],
): TokenClaims {
  const claims = requireOwnTenant(context, tenantId);
  for (const sourceId of sourceIds) requireSource(claims, action, sourceId);
  return claims;
}
