/**
 * Who may call each endpoint, written down a second time: `authority.test.ts` asks every endpoint with every kind of token
 * and compares the answers with this table, never with the `access` of the contracts. An endpoint that is missing here
 * fails the test, so a new one is decided twice.
 *
 *   everybody   no token is needed, and a wrong one is no obstacle
 *   users   users and API keys; where a tenant's node is asked, those of that tenant
 *   read, write, manage   of them those who may do it on some source
 *   platform   the administrator of the platform
 *   a list   these services and nobody else, whatever else a token says
 */
export type Rule = 'everybody' | 'users' | 'read' | 'write' | 'manage' | 'platform' | readonly string[];

/** By `service METHOD path`. */
export const rules: Readonly<Record<string, Rule>> = {
  'auth-gateway POST /auth/register': 'everybody',
  'auth-gateway POST /auth/login': 'everybody',
  'auth-gateway POST /auth/logout': 'users',
  'auth-gateway POST /auth/password': 'users',
  'auth-gateway POST /auth/validate': 'everybody',
  'auth-gateway GET /auth/permissions/:user_id': 'users',
  'auth-gateway POST /auth/permissions/:user_id': 'users',
  'auth-gateway DELETE /auth/permissions/:user_id': 'users',
  'auth-gateway POST /auth/permissions/:user_id/revoke': 'users',
  'auth-gateway POST /auth/keys': 'users',
  'auth-gateway GET /auth/keys': 'users',
  'auth-gateway DELETE /auth/keys/:key_id': 'users',
  'auth-gateway POST /admin/check/users': 'platform',
  'auth-gateway GET /.well-known/jwks.json': 'everybody',
  'auth-gateway GET /internal/revocations': [
    'operation-node',
    'query-interpreter',
    'cbo-engine',
    'metadata-catalog',
    'monitoring',
    'tenant-node',
  ],
  'auth-gateway POST /internal/users': ['auth-gateway'],
  'operation-node POST /query/sql': 'read',
  'operation-node POST /query/dsl': 'read',
  'operation-node GET /queries': 'users',
  'operation-node DELETE /queries/:query_id': 'users',
  'operation-node GET /internal/queries': 'users',
  'operation-node DELETE /internal/queries/:query_id': 'users',
  'cbo-engine POST /optimize/query': 'read',
  'cbo-engine POST /costs/estimate': 'read',
  'cbo-engine GET /stats/execution': 'users',
  'cbo-engine POST /internal/executions': ['operation-node'],
  'metadata-catalog GET /metadata/sources': 'users',
  'metadata-catalog POST /metadata/compact': 'manage',
  'metadata-catalog GET /metadata/stats': 'users',
  'metadata-catalog POST /admin/check/catalog': 'platform',
  'metadata-catalog POST /internal/statistics': 'read',
  'metadata-catalog POST /internal/commits': ['tenant-node'],
  'metadata-catalog PUT /internal/tenants/:namespace/:tenant': ['operator'],
  'metadata-catalog DELETE /internal/tenants/:namespace/:tenant': ['operator'],
  'metadata-catalog PUT /internal/tenants/:namespace/:tenant/sources/:source_id': ['operator'],
  'metadata-catalog GET /internal/tenants/:namespace/:tenant/sources/:source_id': ['operator'],
  'metadata-catalog DELETE /internal/tenants/:namespace/:tenant/sources/:source_id': ['operator'],
  'metadata-catalog PUT /internal/policies/:namespace/:policy': ['operator'],
  'metadata-catalog GET /internal/policies/:namespace/:policy': ['operator'],
  'metadata-catalog DELETE /internal/policies/:namespace/:policy': ['operator'],
  'monitoring GET /health/all': 'everybody',
  'monitoring GET /logs/:service': 'users',
  'monitoring POST /admin/check/logs': 'platform',
  'monitoring GET /grafana/dashboard.json': 'everybody',
  'query-interpreter POST /parse/sql': 'read',
  'query-interpreter POST /parse/places': 'read',
  'query-interpreter POST /parse/dsl': 'read',
  'query-interpreter POST /transform/query': 'read',
  'tenant-node POST /data/write': 'write',
  'tenant-node POST /data/search': 'read',
  'tenant-node POST /data/search/stream': 'read',
  'tenant-node POST /data/aggregate': 'read',
  'tenant-node POST /sources/add': 'manage',
  'tenant-node GET /sources': 'users',
  'tenant-node GET /sources/:source_id/stats': 'read',
  'tenant-node GET /tenant/stats': 'users',
  'tenant-node POST /admin/check': 'manage',
  'tenant-node POST /internal/execute': 'read',
  'tenant-node DELETE /internal/executions/:query_id': ['operation-node'],
  'tenant-node POST /internal/fresh': ['tenant-node'],
  'tenant-node POST /internal/members/join': ['tenant-node'],
  'tenant-node POST /internal/members/call-back': ['tenant-node'],
  'tenant-node POST /internal/batches/owned': ['tenant-node'],
  'tenant-node GET /internal/log/positions': ['tenant-node'],
  'tenant-node GET /internal/members': ['tenant-node'],
  'tenant-node POST /internal/members/give-up': ['operator'],
  'tenant-node GET /tenant/members': 'manage',
  'tenant-node POST /internal/batches/find': ['tenant-node'],
  'tenant-node POST /internal/log/check': ['tenant-node'],
  'tenant-node POST /internal/drain': ['operator'],
  'tenant-node PUT /internal/sources/:source_id': ['operator'],
  'tenant-node DELETE /internal/sources/:source_id': ['operator'],
  'tenant-node GET /internal/sources': ['metadata-catalog'],
  'tenant-node GET /internal/sources/:source_id/stats': ['operator'],
  'tenant-node GET /internal/problems': ['operator'],
  'tenant-node GET /internal/tables/:source_id/snapshot': ['metadata-catalog'],
  'tenant-node POST /internal/tables/:source_id/flush': ['operator'],
  'tenant-node POST /internal/tables/:source_id/compact': ['metadata-catalog'],
};

/** `GET /internal/logs`, which every process serves. */
export const logTailRule: Rule = ['monitoring'];

/** Whose name and rights a token carries: see `claimsOf` in the test. */
export type ClaimsKind = 'own' | 'own, for acme' | 'own, for globex' | "a user's" | 'both';

/** What the signature proves, and whom a token of that signer may name at most. */
export type Signer =
  /** A shared service, or the operator. */
  | { readonly kind: 'service'; readonly name: string }
  /** A node, whose key is bound to its tenant. */
  | { readonly kind: 'node'; readonly tenant: string }
  /** A key that is in the key set under a name that no service has. */
  | { readonly kind: 'nobody' }
  /** A key that is not in the key set of who is asked. */
  | { readonly kind: 'unknown' };

export type Person = {
  readonly tenant?: string;
  readonly isPlatformAdmin?: boolean;
  readonly actions: readonly string[];
};

export type Outcome = 'let in' | 401 | 403;

/** What a user's token that the gateway has signed must get. `tenant` is whose process is asked, if it is one tenant's. */
export function expectedForUser(rule: Rule, person: Person, tenant: string | undefined): Outcome {
  if (rule === 'everybody') return 'let in';
  if (typeof rule !== 'string') return 403;
  if (tenant !== undefined && person.tenant !== tenant) return 403;
  if (rule === 'platform') return person.isPlatformAdmin ? 'let in' : 403;
  return rule === 'users' || person.actions.includes(rule) ? 'let in' : 403;
}

/** What a token must get that a service's key has signed. */
export function expectedForSigner(rule: Rule, signer: Signer, claims: ClaimsKind, tenant: string | undefined): Outcome {
  if (rule === 'everybody') return 'let in';
  if (signer.kind === 'unknown' || signer.kind === 'nobody') return 401;
  const isGateway = signer.kind === 'service' && signer.name === 'auth-gateway';
  if (claims === "a user's" && isGateway)
    return expectedForUser(rule, { tenant: 'default/acme', actions: ['read', 'write', 'manage', 'admin'] }, tenant);
  if (claims === "a user's" || claims === 'both') return 401;
  return signer.kind === 'node'
    ? expectedForNode(rule, signer.tenant, claims, tenant)
    : expectedForService(rule, signer.name, claims, tenant);
}

function expectedForNode(rule: Rule, own: string, claims: ClaimsKind, tenant: string | undefined): Outcome {
  const named = { own, 'own, for acme': 'default/acme', 'own, for globex': 'default/globex' }[claims as string];
  if (named !== own) return 401;
  const isListed = typeof rule !== 'string' && rule.includes('tenant-node');
  return isListed && (tenant === undefined || tenant === own) ? 'let in' : 403;
}

/** A service names the tenant where a tenant's process is asked, and none elsewhere. */
function expectedForService(rule: Rule, name: string, claims: ClaimsKind, tenant: string | undefined): Outcome {
  if (typeof rule === 'string' || !rule.includes(name)) return 403;
  const wanted: ClaimsKind = tenant === undefined ? 'own' : 'own, for acme';
  return claims === wanted ? 'let in' : 403;
}
