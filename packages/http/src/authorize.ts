import {
  type Access,
  type Action,
  type ServiceName,
  services,
  type TokenClaims,
  tenantOfIssuer,
} from '@hybridstore/contracts';
import { assert, HybridStoreError, type TenantCaller } from '@hybridstore/runtime';

/** Who calls, as proved by the token. `service` is the name of a service (`tenant-node` for the nodes of any tenant). */
export type Caller = {
  readonly claims: TokenClaims;
  readonly token: string;
  readonly service: ServiceName | undefined;
};

/**
 * The caller of a verified token. Two kinds of tokens exist, and none that is both:
 *
 *   user   sub user:… or key:…   signed by the gateway and nobody else; the only ones that carry permissions
 *   service   sub service:<its own issuer>   signed by that service; says who calls, and for which tenant, nothing else
 *
 * Throws `unauthenticated` for whatever mixes them: what one service's key can sign must not open what a user may do.
 */
export function callerOf(claims: TokenClaims, token: string): Caller {
  if (claims.sub.startsWith('service:')) return { claims, token, service: requireOwnService(claims) };
  requireSignedByGateway(claims);
  return { claims, token, service: undefined };
}

function requireOwnService(claims: TokenClaims): ServiceName {
  const { sub, iss, tenant, permissions, owner, platform_admin: isPlatformAdmin, generation } = claims;
  if (sub !== `service:${iss}`)
    throw new HybridStoreError('unauthenticated', 'a service token must be signed by that service');
  if ([permissions, owner, isPlatformAdmin, generation].some((claim) => claim !== undefined))
    throw new HybridStoreError('unauthenticated', 'a service token carries no rights of users');
  const boundTenant = tenantOfIssuer(iss);
  // A node of one tenant holds a key that is bound to this tenant: it cannot act for another one.
  if (boundTenant !== undefined && tenant !== boundTenant)
    throw new HybridStoreError('unauthenticated', 'a node can speak for its own tenant only');
  if (boundTenant !== undefined) return 'tenant-node';
  // There is no node without a tenant: a key of that name would be one for the nodes of all of them.
  if (!isServiceName(iss) || iss === 'tenant-node')
    throw new HybridStoreError('unauthenticated', 'the token is of no service of this platform');
  return iss;
}

function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(services, name);
}

function requireSignedByGateway(claims: TokenClaims): void {
  const { sub, iss, owner, platform_admin: isPlatformAdmin, generation } = claims;
  if (iss !== 'auth-gateway')
    throw new HybridStoreError('unauthenticated', 'a user token must be signed by the auth gateway');
  // Keys belong to one tenant, and are revoked by being deleted.
  if (sub.startsWith('key:') && (isPlatformAdmin !== undefined || generation !== undefined))
    throw new HybridStoreError('unauthenticated', 'the token of a key carries no claims of its maker');
  if (sub.startsWith('user:') && owner !== undefined)
    throw new HybridStoreError('unauthenticated', 'a user is nobody else in the bounds of users');
}

/**
 * Throws `forbidden` unless the caller may use an endpoint at all; the domain checks the very source. `tenant` is whose
 * process is called: that of a tenant's node, undefined for a service that all tenants share.
 */
export function requireAccess(caller: Caller, access: Access, tenant?: string): void {
  if (access.kind === 'public') return;
  if (access.kind === 'service') requireListed(caller, access.callers);
  else if (caller.service !== undefined) throw forbidden('only users may call this', { subject: caller.claims.sub });
  if (access.kind === 'platform' && caller.claims.platform_admin !== true)
    throw forbidden('only the administrator of the platform may call this', { subject: caller.claims.sub });
  if (access.kind === 'action' && !hasAction(caller, access.action))
    throw forbidden(`the token gives no permission to ${access.action}`, { action: access.action });
  requireTenantOf(caller, tenant);
}

function requireListed({ service, claims }: Caller, callers: readonly ServiceName[]): void {
  if (service === undefined || !callers.includes(service))
    throw forbidden('only services of the platform may call this', { subject: claims.sub });
}

/**
 * A tenant's process takes tokens for that tenant. A shared one takes no word of a service about a tenant, but of a node,
 * whose key is bound to it: a token that a service has sent to one tenant's nodes is worth nothing anywhere else.
 */
function requireTenantOf({ service, claims }: Caller, tenant: string | undefined): void {
  const isForeign = tenant !== undefined && claims.tenant !== tenant;
  const isMisplaced = tenant === undefined && claims.tenant !== undefined && isUnboundService(service);
  if (isForeign || isMisplaced) throw forbidden('the token is for another tenant', { subject: claims.sub });
}

function isUnboundService(service: ServiceName | undefined): boolean {
  return service !== undefined && service !== 'tenant-node';
}

function hasAction(caller: Caller, action: Action): boolean {
  return (caller.claims.permissions ?? []).some((permission) => permission.actions.includes(action));
}

/** The caller as the value that a domain judges by, or `forbidden`: who has no tenant has no data. */
export function tenantCallerOf(caller: Caller | undefined): TenantCaller {
  assert(caller, 'the endpoint needs a token');
  const { sub, owner, tenant, permissions = [] } = caller.claims;
  if (tenant === undefined) throw forbidden('the token belongs to no tenant', { subject: sub });
  return { subject: sub, ...(owner === undefined ? {} : { owner }), tenant, permissions, token: caller.token };
}

function forbidden(message: string, details: Readonly<Record<string, unknown>>): HybridStoreError {
  return new HybridStoreError('forbidden', message, details);
}
