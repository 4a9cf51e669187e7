import { type Permission, type Role, roleActions, type User } from '@hybridstore/contracts';

/** A role in a tenant, on the sources that the patterns match. */
export type Grant = { readonly tenantId: string; readonly role: Role; readonly sources: readonly string[] };

/** What is kept of a user. All grants are of one tenant, because a token names one. */
export type UserRecord = {
  readonly userId: string;
  readonly username: string;
  /** PHC string of argon2id, or an old `$2b$…` of bcrypt. */
  readonly passwordHash: string;
  readonly isPlatformAdmin: boolean;
  /** Counts up when permissions are taken away; tokens of an older generation are refused. */
  readonly generation: number;
  readonly createdAtMs: number;
  readonly grants: readonly Grant[];
};

export const everyAction: readonly Permission[] = [{ sources: ['*'], actions: [...roleActions.admin] }];

export function tenantOfUser(user: UserRecord): string | undefined {
  return user.grants[0]?.tenantId;
}

export function rolesOfUser(user: UserRecord): Role[] {
  return [...new Set(user.grants.map((grant) => grant.role))];
}

export function permissionsOfGrants(grants: readonly Grant[]): Permission[] {
  return grants.map((grant) => ({ sources: [...grant.sources], actions: [...roleActions[grant.role]] }));
}

/** What the user may do in a tenant: by grants, or everything as platform administrator. */
export function permissionsInTenant(user: UserRecord, tenantId: string): Permission[] {
  if (user.isPlatformAdmin) return [...everyAction];
  return permissionsOfGrants(user.grants.filter((grant) => grant.tenantId === tenantId));
}

export function describeUser(user: UserRecord): User {
  return {
    user_id: user.userId,
    username: user.username,
    tenant_id: tenantOfUser(user) ?? null,
    roles: rolesOfUser(user),
    created_at: new Date(user.createdAtMs).toISOString(),
  };
}

/** Names that differ by case only are one name: nobody may pass for `Admin` beside `admin`. */
export function nameKey(username: string): string {
  return username.toLowerCase();
}
