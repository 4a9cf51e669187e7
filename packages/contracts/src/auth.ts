import { type Static, Type } from 'typebox';
import { TenantId } from './identifiers.ts';

export const actions = ['read', 'write', 'manage', 'admin'] as const;
export type Action = (typeof actions)[number];
export const roles = ['reader', 'writer', 'manager', 'admin'] as const;
export type Role = (typeof roles)[number];
/** What a role may do, on every source of its tenant unless the grant names patterns. */
export const roleActions: Readonly<Record<Role, readonly Action[]>> = {
  reader: ['read'],
  writer: ['read', 'write'],
  manager: ['read', 'write', 'manage'],
  admin: ['read', 'write', 'manage', 'admin'],
};

/** `sources` are source ids, or patterns with `*` for any run of characters. */
export const Permission = Type.Object(
  {
    sources: Type.Array(Type.String({ pattern: '^[a-z0-9_*]{1,64}$' }), { minItems: 1, maxItems: 256 }),
    actions: Type.Array(Type.Enum([...actions]), { minItems: 1, maxItems: 4 }),
  },
  { $id: 'Permission', additionalProperties: false },
);
export type Permission = Static<typeof Permission>;

const Username = Type.String({ pattern: '^[A-Za-z0-9._@-]{1,128}$' });
const Password = Type.String({ minLength: 1, maxLength: 1_024 });

export const RegisterRequest = Type.Object(
  { username: Username, password: Password },
  { $id: 'RegisterRequest', additionalProperties: false },
);
export type RegisterRequest = Static<typeof RegisterRequest>;
export const User = Type.Object(
  {
    user_id: Type.String(),
    username: Username,
    tenant_id: Type.Union([TenantId, Type.Null()]),
    roles: Type.Array(Type.Enum([...roles])),
    created_at: Type.String(),
  },
  { $id: 'User', additionalProperties: false },
);
export type User = Static<typeof User>;
/**
 * Users log in into their own tenant. A platform administrator may name any `tenant_id`: the token then carries every
 * action in that tenant beside `platform_admin`. Anybody else who names a foreign tenant is refused with `forbidden`.
 */
export const LoginRequest = Type.Object(
  { username: Username, password: Password, tenant_id: Type.Optional(TenantId) },
  { $id: 'LoginRequest', additionalProperties: false },
);
export type LoginRequest = Static<typeof LoginRequest>;
export const TokenResponse = Type.Object(
  {
    access_token: Type.String(),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'seconds' }),
    user_id: Type.String(),
    tenant_id: Type.Union([TenantId, Type.Null()]),
  },
  { $id: 'TokenResponse', additionalProperties: false },
);
export type TokenResponse = Static<typeof TokenResponse>;
/** Ends every session of the caller; the answer's token starts the one that goes on. */
export const PasswordChange = Type.Object(
  { old_password: Password, new_password: Password },
  { $id: 'PasswordChange', additionalProperties: false },
);
export type PasswordChange = Static<typeof PasswordChange>;
/** The token to look at; without a body, the one of the Authorization header. */
export const ValidateRequest = Type.Object(
  { token: Type.Optional(Type.String({ maxLength: 8_192 })) },
  { $id: 'ValidateRequest', additionalProperties: false },
);
export const ValidateResponse = Type.Object(
  {
    valid: Type.Boolean(),
    subject: Type.Optional(Type.String()),
    tenant_id: Type.Optional(Type.Union([TenantId, Type.Null()])),
    permissions: Type.Optional(Type.Array(Permission)),
    expires_at: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
  },
  { $id: 'ValidateResponse', additionalProperties: false },
);
export type ValidateResponse = Static<typeof ValidateResponse>;
/** Only a platform administrator (or an administrator of the same tenant) may grant. */
export const GrantRequest = Type.Object(
  { tenant_id: TenantId, role: Type.Enum([...roles]), sources: Type.Optional(Permission.properties.sources) },
  { $id: 'GrantRequest', additionalProperties: false },
);
export type GrantRequest = Static<typeof GrantRequest>;
/** `grants` are what `permissions` come of, each as it is revoked. */
export const PermissionsResponse = Type.Object(
  {
    user_id: Type.String(),
    tenant_id: Type.Union([TenantId, Type.Null()]),
    roles: Type.Array(Type.Enum([...roles])),
    permissions: Type.Array(Permission),
    grants: Type.Array(
      Type.Object(
        { tenant_id: TenantId, role: Type.Enum([...roles]), sources: Permission.properties.sources },
        { additionalProperties: false },
      ),
    ),
  },
  { $id: 'PermissionsResponse', additionalProperties: false },
);
export type PermissionsResponse = Static<typeof PermissionsResponse>;

export const ApiKeyRequest = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128 }),
    permissions: Type.Optional(Type.Array(Permission, { maxItems: 64 })),
    expires_in_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650 })),
  },
  { $id: 'ApiKeyRequest', additionalProperties: false },
);
export type ApiKeyRequest = Static<typeof ApiKeyRequest>;
/** `key` is shown once, at creation. It is sent as `X-API-Key` (or as a bearer token) to the gateway. */
export const ApiKeyCreated = Type.Object(
  { key_id: Type.String(), name: Type.String(), key: Type.String(), expires_at: Type.String() },
  { $id: 'ApiKeyCreated', additionalProperties: false },
);
export type ApiKeyCreated = Static<typeof ApiKeyCreated>;
export const ApiKeySummary = Type.Object(
  {
    key_id: Type.String(),
    name: Type.String(),
    created_at: Type.String(),
    expires_at: Type.String(),
    permissions: Type.Array(Permission),
  },
  { $id: 'ApiKeySummary', additionalProperties: false },
);
export const ApiKeyList = Type.Object(
  { keys: Type.Array(ApiKeySummary) },
  { $id: 'ApiKeyList', additionalProperties: false },
);

export const Jwk = Type.Object(
  {
    kty: Type.Literal('EC'),
    crv: Type.Literal('P-256'),
    x: Type.String(),
    y: Type.String(),
    kid: Type.String(),
    alg: Type.Literal('ES256'),
    use: Type.Literal('sig'),
  },
  { $id: 'Jwk', additionalProperties: false },
);
export type Jwk = Static<typeof Jwk>;
/** One key a tenant besides the services' own; a set of this size still fits into a ConfigMap (1 MiB). */
export const jwksKeysMax = 4_096;
export const Jwks = Type.Object(
  { keys: Type.Array(Jwk, { maxItems: jwksKeysMax }) },
  { $id: 'Jwks', additionalProperties: false },
);
export type Jwks = Static<typeof Jwks>;

/** The longest that a token of each kind of subject is signed for, in seconds; one that says more is refused everywhere. */
export const tokenSecondsMax = { user: 720 * 3_600, key: 60, service: 300 } as const;
/** How far apart the clocks of two machines may be set to be: so long a token holds beyond its end. */
export const tokenLeewaySecondsMax = 300;
export type SubjectKind = keyof typeof tokenSecondsMax;

/** Seconds since 1970, within the years that a date has four digits for. */
const Seconds = Type.Integer({ minimum: 0, maximum: 253_402_300_799 });

/**
 * Claims of every token. `iss` must be the issuer that owns the key (`kid`). `generation` counts how often permissions
 * were taken from the subject: the gateway refuses tokens of an older one. Only the gateway signs of users and keys; a
 * service signs of itself, without `permissions`, `platform_admin` and `generation`. A token holds from the moment it is
 * signed, so `nbf` equals `iat`.
 */
export const TokenClaims = Type.Object(
  {
    iss: Type.String(),
    aud: Type.Literal('hybridstore'),
    sub: Type.String({ pattern: '^(user|key|service):[A-Za-z0-9._@-]{1,128}$' }),
    jti: Type.String(),
    iat: Seconds,
    nbf: Seconds,
    exp: Seconds,
    /** Whose key the subject is: bounds by user count all that act for him together. */
    owner: Type.Optional(Type.String({ pattern: '^user:[A-Za-z0-9._@-]{1,128}$' })),
    tenant: Type.Optional(TenantId),
    permissions: Type.Optional(Type.Array(Permission, { maxItems: 64 })),
    platform_admin: Type.Optional(Type.Boolean()),
    generation: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { $id: 'TokenClaims', additionalProperties: false },
);
export type TokenClaims = Static<typeof TokenClaims>;

export function subjectKindOf({ sub }: Pick<TokenClaims, 'sub'>): SubjectKind {
  // The pattern of `sub` knows these kinds only.
  return sub.slice(0, sub.indexOf(':')) as SubjectKind;
}

/** Entries of one list of revocations; what does not fit is covered by `users_issued_until`. */
export const revocationsMax = 4_096;
/**
 * Whose tokens hold no more, for services that check tokens without asking anybody: those of a subject with a lower
 * `generation`, and those of any user that were issued up to `users_issued_until` (seconds since 1970; 0 when `revoked` is
 * whole).
 */
export const Revocations = Type.Object(
  {
    revoked: Type.Array(
      Type.Object(
        { sub: TokenClaims.properties.sub, generation: Type.Integer({ minimum: 1 }) },
        { additionalProperties: false },
      ),
      { maxItems: revocationsMax },
    ),
    users_issued_until: Type.Integer({ minimum: 0 }),
  },
  { $id: 'Revocations', additionalProperties: false },
);
export type Revocations = Static<typeof Revocations>;
export const LoggedOut = Type.Object(
  { user_id: Type.String(), logged_out: Type.Boolean() },
  { $id: 'LoggedOut', additionalProperties: false },
);
export type LoggedOut = Static<typeof LoggedOut>;
export const tokenAudience = 'hybridstore';

const tenantNodeIssuerPrefix = 'tenant-node.';

/**
 * Nodes of different tenants must not be able to speak for each other, so each tenant's nodes are an issuer of their
 * own with a key of their own: `tenant-node.<namespace>.<name>`. Both parts are DNS labels, so the dots are unambiguous.
 */
export function tenantNodeIssuer(tenantId: string): string {
  return `${tenantNodeIssuerPrefix}${tenantId.replace('/', '.')}`;
}

/** The only tenant that an issuer may speak for; undefined for issuers that are not bound to one. */
export function tenantOfIssuer(issuer: string): string | undefined {
  const parts = issuer.startsWith(tenantNodeIssuerPrefix) ? issuer.slice(tenantNodeIssuerPrefix.length).split('.') : [];
  return parts.length === 2 ? parts.join('/') : undefined;
}
