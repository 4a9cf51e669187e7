import type { TokenClaims } from '@hybridstore/contracts';

export type LogAccess =
  | { readonly kind: 'all' }
  | { readonly kind: 'tenant'; readonly tenantId: string }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Whose logs a caller may read. Logs of tenant nodes belong to their tenant: who has some permission there. Logs of the
 * shared services hold words about every tenant, so they are for platform administrators. An administrator who logged
 * in into a tenant sees this tenant's nodes only, as his token says.
 */
export function decideLogAccess(claims: TokenClaims, service: string): LogAccess {
  if (service !== 'tenant-node') {
    return claims.platform_admin
      ? { kind: 'all' }
      : { kind: 'none', reason: `logs of ${service} are for platform administrators` };
  }
  if (claims.tenant !== undefined && (claims.permissions ?? []).length > 0)
    return { kind: 'tenant', tenantId: claims.tenant };
  if (claims.tenant === undefined && claims.platform_admin) return { kind: 'all' };
  return { kind: 'none', reason: 'the token gives no permission in a tenant' };
}

const levelOrder = ['debug', 'info', 'warn', 'error'] as const;

/** The level and everything more serious. */
export function levelsFrom(level: (typeof levelOrder)[number]): readonly string[] {
  return levelOrder.slice(levelOrder.indexOf(level));
}
