import { firstUncovered, type Permission, type TokenClaims } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { tenantOfUser, type UserRecord } from './user.ts';

/**
 * Who may look at and change whom. A platform administrator: everybody. An administrator of a tenant (action `admin` on
 * some source): users of his tenant and users without one, within his own permissions. Everybody: himself, to look.
 */

export function userIdOfClaims(claims: TokenClaims): string | undefined {
  return claims.sub.startsWith('user:') ? claims.sub.slice('user:'.length) : undefined;
}

/** Throws `forbidden` before the store is asked: who is no administrator cannot learn which users exist. */
export function requireAdministrator(claims: TokenClaims): void {
  if (claims.platform_admin || isTenantAdministrator(claims)) return;
  throw new HybridStoreError('forbidden', 'only an administrator may do this for another user', {
    subject: claims.sub,
  });
}

/** Throws `not_found` for users that a tenant's administrator may not know of. */
export function requireVisible(
  claims: TokenClaims,
  user: UserRecord | undefined,
  userId: string,
): asserts user is UserRecord {
  const isVisible =
    user !== undefined &&
    (claims.platform_admin === true ||
      userIdOfClaims(claims) === user.userId ||
      (!user.isPlatformAdmin && [undefined, claims.tenant].includes(tenantOfUser(user))));
  if (!isVisible) throw new HybridStoreError('not_found', `user ${userId} does not exist`, { user_id: userId });
}

/** Throws `forbidden` unless the caller holds everything that he gives or takes, in that tenant. */
export function requireWithin(claims: TokenClaims, tenantId: string, permissions: readonly Permission[]): void {
  if (claims.platform_admin) return;
  if (claims.tenant !== tenantId)
    throw new HybridStoreError('forbidden', `the token gives no power in tenant ${tenantId}`, { tenant_id: tenantId });
  const beyond = firstUncovered(claims.permissions ?? [], permissions);
  if (beyond)
    throw new HybridStoreError('forbidden', `the token itself may not ${beyond.action} source ${beyond.source}`, {
      action: beyond.action,
      source: beyond.source,
    });
}

function isTenantAdministrator(claims: TokenClaims): boolean {
  return (
    claims.tenant !== undefined && (claims.permissions ?? []).some((permission) => permission.actions.includes('admin'))
  );
}
