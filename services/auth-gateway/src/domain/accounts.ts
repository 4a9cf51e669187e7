import type {
  GrantRequest,
  LoginRequest,
  Permission,
  PermissionsResponse,
  RegisterRequest,
  Role,
  TokenClaims,
  User,
} from '@hybridstore/contracts';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import { requireAdministrator, requireVisible, requireWithin, userIdOfClaims } from './administration.ts';
import type { LegacyUser } from './legacy-users.ts';
import type { LoginGuard } from './login-guard.ts';
import type { PasswordHasher, RandomSource, UserStore } from './ports.ts';
import {
  describeUser,
  type Grant,
  permissionsInTenant,
  permissionsOfGrants,
  rolesOfUser,
  tenantOfUser,
  type UserRecord,
} from './user.ts';

export const passwordCharactersMin = 8;
const usersMax = 1_000_000;
/** Permissions travel in every token, and a token must fit into a header (8 KiB). */
const permissionTextBytesMax = 4_096;
const permissionsMax = 64;

/** What a fresh user gets by himself; nothing unless the platform says so. */
export type RegistrationGrant = { readonly tenantId: string; readonly role: Role };

export type AccountsOptions = {
  readonly store: UserStore;
  readonly hasher: PasswordHasher;
  readonly guard: LoginGuard;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly registration?: RegistrationGrant | undefined;
};

/** What a successful log-in puts into the token. */
export type LoginResult = {
  readonly user: UserRecord;
  readonly tenantId: string | undefined;
  readonly permissions: readonly Permission[];
};

/** Users and what they may do. */
export class Accounts {
  readonly #options: AccountsOptions;

  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  async register(request: RegisterRequest, signal?: AbortSignal): Promise<User> {
    requirePassword('password', request.password);
    // Asked before the slow hash; the store decides once more for two who register one name at the same moment.
    if (await this.#options.store.userByName(request.username)) throw nameTaken(request.username);
    const passwordHash = await this.#options.hasher.hash(request.password, signal);
    return describeUser(await this.#insert(request.username, passwordHash, this.#registrationGrants()));
  }

  /** `unauthenticated` for a wrong name or password (one message, one time), `forbidden` for a foreign tenant. */
  async login(request: LoginRequest, signal?: AbortSignal): Promise<LoginResult> {
    const user = await this.#checkPassword(request, signal);
    const tenantId = request.tenant_id ?? tenantOfUser(user);
    if (tenantId === undefined) return { user, tenantId, permissions: [] };
    if (tenantId !== tenantOfUser(user) && !user.isPlatformAdmin)
      throw new HybridStoreError('forbidden', `${user.username} does not belong to tenant ${tenantId}`, {
        field: 'tenant_id',
        tenant_id: tenantId,
      });
    return { user, tenantId, permissions: permissionsInTenant(user, tenantId) };
  }

  /** Ends every session of the caller and gives his id. `forbidden` for a key, which has none. */
  async logout(claims: TokenClaims): Promise<string> {
    const userId = userIdOfClaims(claims);
    if (userId === undefined)
      throw new HybridStoreError('forbidden', 'only a user has sessions to end; a key is deleted', {
        subject: claims.sub,
      });
    await this.#options.store.endSessions(userId);
    return userId;
  }

  async permissions(claims: TokenClaims, userId: string): Promise<PermissionsResponse> {
    if (userIdOfClaims(claims) !== userId) requireAdministrator(claims);
    const user = await this.#options.store.userById(userId);
    requireVisible(claims, user, userId);
    return describePermissions(user);
  }

  async grant(claims: TokenClaims, userId: string, request: GrantRequest): Promise<PermissionsResponse> {
    requireAdministrator(claims);
    const grant: Grant = { tenantId: request.tenant_id, role: request.role, sources: request.sources ?? ['*'] };
    requireWithin(claims, grant.tenantId, permissionsOfGrants([grant]));
    const user = await this.#options.store.userById(userId);
    requireVisible(claims, user, userId);
    requireTokenSize([...user.grants, grant]);
    return describePermissions(await this.#options.store.addGrant(userId, grant));
  }

  /** Takes every grant and API key; tokens handed out before are refused at the gateway from now on. */
  async revoke(claims: TokenClaims, userId: string): Promise<PermissionsResponse> {
    requireAdministrator(claims);
    const user = await this.#options.store.userById(userId);
    requireVisible(claims, user, userId);
    if (user.isPlatformAdmin)
      throw new HybridStoreError('conflict', 'the platform administrator is named by ADMIN_USERNAME', {
        user_id: userId,
      });
    const tenantId = tenantOfUser(user);
    if (tenantId !== undefined) requireWithin(claims, tenantId, permissionsOfGrants(user.grants));
    return describePermissions(await this.#options.store.revokeAll(userId));
  }

  /**
   * The one platform administrator, as configured: made when absent, given the configured password when it differs (and
   * then his grants, tokens and keys end). A user who took the name before loses all of that to it.
   */
  async ensureAdministrator(username: string, password: string): Promise<void> {
    const { store, hasher } = this.#options;
    const known = await store.userByName(username);
    if (known === undefined) {
      const user = await this.#insert(username, await hasher.hash(password), []);
      await store.setPlatformAdministrator(user.userId);
      return;
    }
    if (!(await hasher.verify(password, known.passwordHash))) {
      await store.setPasswordHash(known.userId, await hasher.hash(password));
      await store.revokeAll(known.userId);
    }
    await store.setPlatformAdministrator(known.userId);
  }

  /** Users of an older system with their hashes; names that exist already are left as they are. Gives how many came in. */
  async importLegacy(users: readonly LegacyUser[]): Promise<number> {
    let imported = 0;
    for (const user of users) {
      if (await this.#options.store.userByName(user.username)) continue;
      await this.#insert(user.username, user.passwordHash, []);
      imported += 1;
    }
    return imported;
  }

  async #checkPassword(request: LoginRequest, signal?: AbortSignal): Promise<UserRecord> {
    const { store, hasher, guard } = this.#options;
    const attempt = guard.begin(request.username);
    try {
      const user = await store.userByName(request.username);
      const isRight = await hasher.verify(request.password, user?.passwordHash, signal);
      if (!isRight || !user) {
        attempt.failed();
        throw new HybridStoreError('unauthenticated', 'username or password is wrong');
      }
      attempt.succeeded();
      await this.#renewHash(user, request.password, signal);
      return user;
    } catch (error) {
      // A full line of hashes or a store that is away says nothing about the password.
      if (!(error instanceof HybridStoreError && error.code === 'unauthenticated')) attempt.abandoned();
      throw error;
    }
  }

  async #renewHash(user: UserRecord, password: string, signal?: AbortSignal): Promise<void> {
    const { store, hasher } = this.#options;
    if (!hasher.isOutdated(user.passwordHash)) return;
    try {
      await store.setPasswordHash(user.userId, await hasher.hash(password, signal));
    } catch (error) {
      // A full line of hashes must not turn a right password away; the next log-in tries again.
      if (!(error instanceof HybridStoreError && error.code === 'overloaded')) throw error;
    }
  }

  async #insert(username: string, passwordHash: string, grants: readonly Grant[]): Promise<UserRecord> {
    const user = {
      userId: this.#options.random.uuid(),
      username,
      passwordHash,
      isPlatformAdmin: false,
      createdAtMs: this.#options.clock.now(),
      grants,
    };
    await this.#options.store.insertUser(user, usersMax);
    return { ...user, generation: 0 };
  }

  #registrationGrants(): Grant[] {
    const grant = this.#options.registration;
    return grant ? [{ tenantId: grant.tenantId, role: grant.role, sources: ['*'] }] : [];
  }
}

/** Length is what counts; the bound is NIST SP 800-63B's. */
export function requirePassword(field: string, password: string): void {
  if (password.length < passwordCharactersMin)
    throw new HybridStoreError('invalid_request', `${field}: expected at least ${passwordCharactersMin} characters`, {
      field,
      expected: `at least ${passwordCharactersMin} characters`,
    });
}

export function nameTaken(username: string): HybridStoreError {
  return new HybridStoreError('conflict', `username ${username} is taken`, { field: 'username' });
}

function requireTokenSize(grants: readonly Grant[]): void {
  const permissions = permissionsOfGrants(grants);
  if (permissions.length <= permissionsMax && JSON.stringify(permissions).length <= permissionTextBytesMax) return;
  throw new HybridStoreError(
    'invalid_request',
    `sources: the permissions of one user must fit into ${permissionTextBytesMax} bytes of a token; use patterns`,
    { field: 'sources', expected: `at most ${permissionsMax} grants of ${permissionTextBytesMax} bytes together` },
  );
}

function describePermissions(user: UserRecord): PermissionsResponse {
  return {
    user_id: user.userId,
    tenant_id: tenantOfUser(user) ?? null,
    roles: rolesOfUser(user),
    permissions: permissionsOfGrants(user.grants),
  };
}
