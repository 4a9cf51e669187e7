import { type Access, type Action, type TokenClaims, tenantOfIssuer } from '@hybridstore/contracts';
import { assert, HybridStoreError, type TenantCaller } from '@hybridstore/runtime';

/** Who calls, as proved by the token. `service` is the name of a service (`tenant-node` for the nodes of any tenant). */
export type Caller = { readonly claims: TokenClaims; readonly token: string; readonly service: string | undefined };

/**
 * The caller of a verified token. Throws `unauthenticated` where the signer may not speak for the subject: a service for
 * another one, anybody but the gateway for a user, a tenant's node for another tenant.
 */
export function callerOf(claims: TokenClaims, token: string): Caller {
  const subject = claims.sub.startsWith('service:') ? claims.sub.slice('service:'.length) : undefined;
  if (subject !== undefined && subject !== claims.iss)
    throw new HybridStoreError('unauthenticated', 'a service token must be signed by that service');
  if (subject === undefined && claims.iss !== 'auth-gateway')
    throw new HybridStoreError('unauthenticated', 'a user token must be signed by the auth gateway');
  // A node of one tenant holds a key that is bound to this tenant: it cannot act for another one.
  const boundTenant = tenantOfIssuer(claims.iss);
  if (boundTenant !== undefined && claims.tenant !== boundTenant)
    throw new HybridStoreError('unauthenticated', 'a node can speak for its own tenant only');
  return { claims, token, service: boundTenant === undefined ? subject : 'tenant-node' };
}

/** Throws `forbidden` unless the caller may use an endpoint at all; the domain checks the very source. */
export function requireAccess(caller: Caller, access: Access): void {
  switch (access.kind) {
    case 'public':
      return;
    case 'user':
      if (caller.service !== undefined) throw forbidden('only users may call this', { subject: caller.claims.sub });
      return;
    case 'action':
      if (!hasAction(caller, access.action))
        throw forbidden(`the token gives no permission to ${access.action}`, { action: access.action });
      return;
    case 'service':
      if (caller.service === undefined || !access.callers.some((name) => name === caller.service)) {
        throw forbidden('only services of the platform may call this', { subject: caller.claims.sub });
      }
  }
}

function hasAction(caller: Caller, action: Action): boolean {
  return (caller.claims.permissions ?? []).some((permission) => permission.actions.includes(action));
}

/** The caller as the value that a domain judges by, or `forbidden`: who has no tenant has no data. */
export function tenantCallerOf(caller: Caller | undefined): TenantCaller {
  assert(caller, 'the endpoint needs a token');
  const { sub, tenant, permissions = [] } = caller.claims;
  if (tenant === undefined) throw forbidden('the token belongs to no tenant', { subject: sub });
  return { subject: sub, tenant, permissions, token: caller.token };
}

function forbidden(message: string, details: Readonly<Record<string, unknown>>): HybridStoreError {
  return new HybridStoreError('forbidden', message, details);
}
