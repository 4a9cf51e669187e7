import type {
  GrantRequest,
  LoginRequest,
  PasswordChange,
  Permission,
  PermissionsResponse,
  RegisterRequest,
  Role,
  TokenClaims,
  User,
} from '@hybridstore/contracts';
import { type Clock, HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import { requireAdministrator, requireVisible, requireWithin, userIdOfClaims } from './administration.ts';
import type { LegacyUser } from './legacy-users.ts';
import type { LoginGuard } from './login-guard.ts';
import { type IsCommonPassword, normalizePassword, requirePassword } from './password-rules.ts';
import type { HashOrder, NewUser, PasswordHasher, RandomSource, UserStore } from './ports.ts';
import type { RegistrationLimit } from './registration-limit.ts';
import {
  describeUser,
  type Grant,
  permissionsInTenant,
  permissionsOfGrants,
  rolesOfUser,
  tenantOfUser,
  type UserRecord,
} from './user.ts';

const usersMax = 1_000_000;
/** Permissions travel in every token, and a token must fit into a header (8 KiB). */
const permissionTextBytesMax = 4_096;
const permissionsMax = 64;

/** What a fresh user gets by himself; nothing unless the platform says so. */
export type RegistrationGrant = { readonly tenantId: string; readonly role: Role; readonly sources: readonly string[] };

/** Where a call comes from, and until when its answer is awaited. */
export type CallOrigin = { readonly address: string; readonly signal?: AbortSignal | undefined };

/** How bcrypt hashes begin. */
const oldHashPrefix = '$2';
/** The platform's own work at its start. */
const startOrder: HashOrder = { lane: 'known', address: 'start' };

export type AccountsOptions = {
  readonly store: UserStore;
  readonly hasher: PasswordHasher;
  readonly guard: LoginGuard;
  readonly registrations: RegistrationLimit;
  readonly isCommonPassword: IsCommonPassword;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Whether anybody may make a user for himself. */
  readonly isOpenToAll: boolean;
  readonly registration?: RegistrationGrant | undefined;
};

/** `answer` does not show whether the user was made. */
export type Registered = { readonly answer: User; readonly isMade: boolean };

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

  /**
   * Makes a user. Who registers himself gets one answer, after the same work, whether the name is free or taken: a taken one
   * shows at the log-in, where his password is wrong. `conflict` for a taken name is for the platform administrator alone,
   * and without self-registration nobody else may call this (`forbidden`).
   */
  async register(request: RegisterRequest, origin: CallOrigin, claims?: TokenClaims): Promise<Registered> {
    const { hasher, registrations, isOpenToAll } = this.#options;
    const isAdministrator = claims?.platform_admin === true;
    if (!isAdministrator && !isOpenToAll)
      throw new HybridStoreError('forbidden', 'users are made by the platform administrator here');
    if (!isAdministrator) registrations.take(origin.address);
    this.#requirePassword('password', request.password, request.username);
    const passwordHash = await hasher.hash(normalizePassword(request.password), { lane: 'registration', ...origin });
    const user = this.#newUser(request.username, passwordHash, this.#registrationGrants());
    const answer = describeUser({ ...user, generation: 0 });
    try {
      await this.#insert(isAdministrator ? user : { ...user, address: origin.address });
      return { answer, isMade: true };
    } catch (error) {
      if (isAdministrator || !isHybridStoreError(error, 'conflict')) throw error;
      return { answer, isMade: false };
    }
  }

  /** `unauthenticated` for a wrong name or password (one message, one time), `forbidden` for a foreign tenant. */
  async login(request: LoginRequest, origin: CallOrigin): Promise<LoginResult> {
    const user = await this.#checkPassword(request, origin);
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

  /**
   * Gives the caller another password. Every session of his ends, and the result is for the one that goes on; API keys stay,
   * because a program's key is no password. `forbidden` for a key and for a wrong old password.
   */
  async changePassword(claims: TokenClaims, request: PasswordChange, origin: CallOrigin): Promise<LoginResult> {
    const { store, hasher } = this.#options;
    const userId = userIdOfClaims(claims);
    const user = userId === undefined ? undefined : await store.userById(userId);
    if (!user) throw new HybridStoreError('forbidden', 'only a user has a password', { subject: claims.sub });
    if (user.isPlatformAdmin)
      throw new HybridStoreError('conflict', "the platform administrator's password is that of ADMIN_PASSWORD_FILE");
    this.#requirePassword('new_password', request.new_password, user.username);
    await this.#requireOldPassword(user, request.old_password, origin);
    const passwordHash = await hasher.hash(normalizePassword(request.new_password), { lane: 'known', ...origin });
    const changed = await store.changePassword(user.userId, passwordHash, origin.address);
    const tenantId = claims.tenant;
    return {
      user: changed,
      tenantId,
      permissions: tenantId === undefined ? [] : permissionsInTenant(changed, tenantId),
    };
  }

  async permissions(claims: TokenClaims, userId: string): Promise<PermissionsResponse> {
    if (userIdOfClaims(claims) !== userId) requireAdministrator(claims);
    const user = await this.#options.store.userById(userId);
    requireVisible(claims, user, userId);
    return describePermissions(user);
  }

  async grant(claims: TokenClaims, userId: string, request: GrantRequest): Promise<PermissionsResponse> {
    requireAdministrator(claims);
    const grant = grantOf(request);
    requireWithin(claims, grant.tenantId, permissionsOfGrants([grant]));
    const user = await this.#options.store.userById(userId);
    requireVisible(claims, user, userId);
    requireTokenSize([...user.grants, grant]);
    return describePermissions(await this.#options.store.addGrant(userId, grant));
  }

  /** Takes one grant; tokens handed out before are refused from now on, and API keys hold what is left. */
  async revokeGrant(claims: TokenClaims, userId: string, request: GrantRequest): Promise<PermissionsResponse> {
    requireAdministrator(claims);
    const grant = grantOf(request);
    requireWithin(claims, grant.tenantId, permissionsOfGrants([grant]));
    requireVisible(claims, await this.#options.store.userById(userId), userId);
    return describePermissions(await this.#options.store.revokeGrant(userId, grant));
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
    this.#requirePassword('ADMIN_PASSWORD_FILE', password, username);
    const text = normalizePassword(password);
    const known = await store.userByName(username);
    if (known === undefined) {
      const user = this.#newUser(username, await hasher.hash(text, startOrder), []);
      await this.#insert(user);
      await store.setPlatformAdministrator(user.userId);
      return;
    }
    if (!(await hasher.verify(text, known.passwordHash, startOrder))) {
      await store.changePassword(known.userId, await hasher.hash(text, startOrder));
      await store.revokeAll(known.userId);
    }
    await store.setPlatformAdministrator(known.userId);
  }

  /** Users of an older system with their hashes; names that exist already are left as they are. Gives how many came in. */
  async importLegacy(users: readonly LegacyUser[]): Promise<number> {
    const { store } = this.#options;
    let imported = 0;
    for (const user of users) {
      if (await store.userByName(user.username)) continue;
      await this.#insert(this.#newUser(user.username, user.passwordHash, []));
      imported += 1;
    }
    await this.noteOldHashes();
    return imported;
  }

  /** Once before the first log-in: whether some users have hashes of the old kind. */
  async noteOldHashes(): Promise<void> {
    const { store, hasher } = this.#options;
    if (await store.hasHashOf(oldHashPrefix)) hasher.awaitOldHashes();
  }

  async #checkPassword(request: LoginRequest, origin: CallOrigin): Promise<UserRecord> {
    const { store, guard } = this.#options;
    const user = await store.userByName(request.username);
    const isKnown = user !== undefined && (await store.knowsAddress(user.userId, origin.address));
    const order: HashOrder = { lane: isKnown ? 'known' : 'unknown', ...origin };
    const isRight = await guard.attempt(
      { username: request.username, address: origin.address, isKnown },
      () => this.#verify(request.password, user?.passwordHash, order),
      origin.signal,
    );
    if (!isRight || !user) throw new HybridStoreError('unauthenticated', 'username or password is wrong');
    await store.noteAddress(user.userId, origin.address);
    await this.#renewHash(user, request.password, order);
    return user;
  }

  async #requireOldPassword(user: UserRecord, password: string, origin: CallOrigin): Promise<void> {
    // A token is as good as a known address: it was given for a password.
    const isRight = await this.#options.guard.attempt(
      { username: user.username, address: origin.address, isKnown: true },
      () => this.#verify(password, user.passwordHash, { lane: 'known', ...origin }),
      origin.signal,
    );
    if (!isRight) throw new HybridStoreError('forbidden', 'old_password: is wrong', { field: 'old_password' });
  }

  /** A hash of before the normalization may be of the password as it was typed. */
  async #verify(password: string, hash: string | undefined, order: HashOrder): Promise<boolean> {
    const normalized = normalizePassword(password);
    if (await this.#options.hasher.verify(normalized, hash, order)) return true;
    return normalized !== password && this.#options.hasher.verify(password, hash, order);
  }

  async #renewHash(user: UserRecord, password: string, order: HashOrder): Promise<void> {
    const { store, hasher } = this.#options;
    if (!hasher.isOutdated(user.passwordHash)) return;
    try {
      await store.setPasswordHash(user.userId, await hasher.hash(normalizePassword(password), order));
    } catch (error) {
      // A full line of hashes must not turn a right password away; the next log-in tries again.
      if (!(error instanceof HybridStoreError && error.code === 'overloaded')) throw error;
    }
  }

  #requirePassword(field: string, password: string, username: string): void {
    requirePassword(field, password, username, this.#options.isCommonPassword);
  }

  #newUser(username: string, passwordHash: string, grants: readonly Grant[]): NewUser {
    const { random, clock } = this.#options;
    const createdAtMs = clock.now();
    return { userId: random.uuid(), username, passwordHash, isPlatformAdmin: false, createdAtMs, grants };
  }

  #insert(user: NewUser): Promise<void> {
    return this.#options.store.insertUser(user, usersMax);
  }

  #registrationGrants(): Grant[] {
    const grant = this.#options.registration;
    return grant ? [{ tenantId: grant.tenantId, role: grant.role, sources: grant.sources }] : [];
  }
}

function grantOf(request: GrantRequest): Grant {
  return { tenantId: request.tenant_id, role: request.role, sources: request.sources ?? ['*'] };
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
    grants: user.grants.map(({ tenantId, role, sources }) => ({ tenant_id: tenantId, role, sources: [...sources] })),
  };
}
