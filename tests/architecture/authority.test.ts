import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type Endpoint,
  endpoints,
  type Jwks,
  logTail,
  type Permission,
  type ServiceName,
  services,
  tenantNodeIssuer,
} from '@hybridstore/contracts';
import { createServer, JwksTokenVerifier, type Server, signToken, type TokenContent } from '@hybridstore/http';
import {
  createMetrics,
  deriveSigningKey,
  HybridStoreError,
  LogRing,
  type SigningKey,
  silentLogger,
} from '@hybridstore/runtime';
import { createTemporaryFolder, FakeClock, testSecret } from '@hybridstore/test-kit';
import { sharedServiceNames, signingSecretName } from '../../operator/src/resources/names.ts';
import { readSigningSecret } from '../../operator/src/resources/secret.ts';
import { platformIssuers, SigningKeys } from '../../operator/src/shared-services/signing-keys.ts';
import { ApiKeys } from '../../services/auth-gateway/src/domain/api-keys.ts';
import type { UserStore } from '../../services/auth-gateway/src/domain/ports.ts';
import { Credentials } from '../../services/auth-gateway/src/tokens/credentials.ts';
import {
  type ClaimsKind,
  expectedForSigner,
  expectedForUser,
  logTailRule,
  type Outcome,
  type Person,
  type Rule,
  rules,
  type Signer,
} from './authority.ts';
import { readSource, sourceFiles, withoutComments } from './imports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const acme = { namespace: 'default', name: 'acme', uid: 'uid-of-acme' };
const globex = { namespace: 'default', name: 'globex', uid: 'uid-of-globex' };
const acmeId = 'default/acme';

const folder = createTemporaryFolder('authority');
after(() => folder[Symbol.dispose]());
const clock = new FakeClock();

/** Keys and key sets as the operator makes them, in a cluster and in the embedded platform alike. */
const secretsByName = new Map<string, string>();
const keys = new SigningKeys({
  kube: {
    get: () => Promise.reject(new HybridStoreError('not_found', 'nothing is stored yet')),
    create: async (_resource, object) => {
      secretsByName.set(object.metadata.name ?? '', readSigningSecret(object as never) ?? '');
      return object as never;
    },
  },
  namespace: 'hybridstore-system',
  randomBytes: (count) => Buffer.alloc(count, secretsByName.size + 1),
});
await keys.ensure();

const keyOf = (issuer: (typeof platformIssuers)[number]): SigningKey =>
  issuer === 'operator'
    ? keys.operatorKey()
    : deriveSigningKey(issuer, secretsByName.get(signingSecretName(issuer)) ?? '');
const nodeKey = (tenant: typeof acme): SigningKey =>
  deriveSigningKey(tenantNodeIssuer(`${tenant.namespace}/${tenant.name}`), keys.tenantSecret(tenant));

/** Names that no service has, whose keys somebody has put into the key sets all the same. */
const strangers = ['tenant-node', 'grafana', 'tenant-node.acme', 'user:root'].map((name) =>
  deriveSigningKey(name, testSecret(name)),
);

function writeKeySet(name: string, jwks: Jwks): string {
  const path = join(folder.path, name);
  writeFileSync(path, JSON.stringify({ keys: [...jwks.keys, ...strangers.map((key) => key.publicJwk)] }));
  return path;
}
const sharedKeySet = writeKeySet('shared.json', keys.platformJwks([acme, globex]));
const acmeKeySet = writeKeySet('acme.json', keys.tenantJwks(acme));

const everything: readonly Permission[] = [{ sources: ['*'], actions: ['read', 'write', 'manage', 'admin'] }];

// ---- who is asked

type Place = {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly rule: Rule;
  readonly server: Server;
  readonly tenant: string | undefined;
};

const ruleOf = (endpoint: Endpoint): Rule => {
  const rule = rules[`${endpoint.service} ${endpoint.method} ${endpoint.path}`];
  assert.ok(rule, `${endpoint.service} ${endpoint.method} ${endpoint.path} has no rule in authority.ts`);
  return rule;
};

/** Users exist, with no generation behind them: what is asked here is what a token says. */
const store = {
  userById: async (userId: string) => ({ userId, generation: 0, grants: [] }),
  keyById: async (keyId: string) => ({ keyId, expiresAtMs: Number.MAX_SAFE_INTEGER }),
} as unknown as UserStore;

function createKit(service: ServiceName): { readonly server: Server; readonly tenant: string | undefined } {
  const tenant = service === 'tenant-node' ? acmeId : undefined;
  const verifier = new JwksTokenVerifier(tenant === undefined ? sharedKeySet : acmeKeySet, clock);
  const random = { bytes: (count: number) => Buffer.alloc(count), uuid: () => '' };
  const credentials = () =>
    new Credentials({
      verifier,
      signingKey: keyOf('auth-gateway'),
      store,
      keys: new ApiKeys(store, clock, random),
      clock,
      userTokenSecondsMax: 3_600,
    });
  const server = createServer({
    service,
    version: 'test',
    logger: silentLogger,
    metrics: createMetrics(service),
    clock,
    ring: new LogRing(),
    verifier: service === 'auth-gateway' ? credentials() : verifier,
    ...(tenant === undefined ? {} : { tenantId: tenant }),
    notReadyReasons: () => [],
  });
  return { server, tenant };
}

const everyEndpoint = Object.values(endpoints).flatMap((table) => Object.values(table));

/** Every endpoint at its service, the log tail of every process, and what the gateway hands on. */
const places: readonly Place[] = (Object.keys(services) as ServiceName[]).flatMap((service) => {
  const { server, tenant } = createKit(service);
  const own = everyEndpoint.filter((endpoint) => endpoint.service === service);
  const handedOn = service === 'auth-gateway' ? everyEndpoint.filter((endpoint) => endpoint.viaGateway === true) : [];
  // Who is let in gets an answer that no check of authority gives.
  for (const endpoint of [...own, ...handedOn])
    server.routeUnread(endpoint, async (_request, reply) => {
      void reply.code(418).send();
    });
  return [
    ...[...own, ...handedOn].map((endpoint) => ({ endpoint, rule: ruleOf(endpoint) })),
    { endpoint: logTail, rule: logTailRule },
  ].map(({ endpoint, rule }) => ({
    name: `${service}: ${endpoint.method} ${endpoint.path}`,
    endpoint,
    rule,
    server,
    tenant,
  }));
});

async function ask({ server, endpoint }: Place, token: string): Promise<Outcome> {
  const url = endpoint.path.replaceAll(/:([a-z_]+)/g, (_, name: string) => parameters[name] ?? 'x');
  const { statusCode } = await server.app.inject({
    method: endpoint.method,
    url,
    headers: { authorization: `Bearer ${token}` },
  });
  if (statusCode === 401 || statusCode === 403) return statusCode;
  assert.equal(statusCode, endpoint === logTail ? 200 : 418, `${endpoint.method} ${url}`);
  return 'let in';
}

const parameters: Readonly<Record<string, string>> = { query_id: `q-${'0'.repeat(32)}` };

// ---- who asks

const keyed = (what: string, key: SigningKey, signer: Signer) => ({ what, key, signer });
const unknownSecret = testSecret('unknown');

const signers = [
  ...platformIssuers.map((name) => keyed(name, keyOf(name), { kind: 'service', name })),
  keyed("a node of the tenant's own", nodeKey(acme), { kind: 'node', tenant: acmeId }),
  keyed('a node of another tenant', nodeKey(globex), { kind: 'node', tenant: 'default/globex' }),
  ...strangers.map((key) => keyed(`a key of the name ${key.issuer}`, key, { kind: 'nobody' })),
  ...platformIssuers.map((name) =>
    keyed(`an unknown key that says ${name}`, deriveSigningKey(name, unknownSecret), { kind: 'unknown' }),
  ),
  ...platformIssuers.map((name) =>
    keyed(
      `an unknown key under the key id of ${name}`,
      { ...deriveSigningKey(name, unknownSecret), kid: keyOf(name).kid },
      { kind: 'unknown' },
    ),
  ),
  keyed('a node of a tenant that was made anew under its old name', nodeKey({ ...acme, uid: 'uid-of-the-old-one' }), {
    kind: 'unknown',
  }),
];
const claimsKinds: readonly ClaimsKind[] = ['own', 'own, for acme', 'own, for globex', "a user's", 'both'];

function claimsOf(kind: ClaimsKind, issuer: string, ownTenant: string | undefined): readonly TokenContent[] {
  const sub = `service:${issuer}`;
  const rights = { tenant: acmeId, permissions: [...everything] };
  switch (kind) {
    case 'own':
      return [{ sub, ...(ownTenant === undefined ? {} : { tenant: ownTenant }) }];
    case 'own, for acme':
      return [{ sub, tenant: acmeId }];
    case 'own, for globex':
      return [{ sub, tenant: 'default/globex' }];
    case "a user's":
      return [{ sub: 'user:ada', ...rights, generation: 0 }];
    case 'both':
      return [
        { sub, ...rights },
        { sub, ...rights, permissions: [] },
        { sub, platform_admin: true },
        { sub, tenant: acmeId, platform_admin: false },
        { sub, tenant: acmeId, generation: 0 },
        { sub: 'service:ada', ...rights },
      ];
  }
}

/** One content of each kind is enough for keys that open nothing, whatever they sign. */
function contentsOf(kind: ClaimsKind, key: SigningKey, signer: Signer): readonly TokenContent[] {
  const contents = claimsOf(kind, key.issuer, signer.kind === 'node' ? signer.tenant : undefined);
  return signer.kind === 'service' || signer.kind === 'node' ? contents : contents.slice(0, 1);
}

const sign = (key: SigningKey, content: TokenContent) =>
  signToken(key, content, { nowMs: clock.now(), lifetimeSeconds: 60 });

/** A node of the other tenant is not even known to the nodes of this one. */
const signerAt = (signer: Signer, place: Place): Signer =>
  signer.kind === 'node' && place.tenant !== undefined && signer.tenant !== place.tenant ? { kind: 'unknown' } : signer;

const serviceTokens = signers.flatMap(({ what, key, signer }) =>
  claimsKinds.flatMap((kind) =>
    contentsOf(kind, key, signer).map((content) => ({
      what: `${what}, with ${kind} claims (${JSON.stringify(content)})`,
      token: sign(key, content),
      expectedAt: (place: Place) => expectedForSigner(place.rule, signerAt(signer, place), kind, place.tenant),
    })),
  ),
);

const people: readonly [string, TokenContent, Person][] = [
  ...(['read', 'write', 'manage', 'admin'] as const).map((action): [string, TokenContent, Person] => [
    `a user who may ${action}`,
    { sub: 'user:ada', tenant: acmeId, permissions: [{ sources: ['s'], actions: [action] }], generation: 0 },
    { tenant: acmeId, actions: [action] },
  ]),
  ['a user who may nothing', { sub: 'user:ada', tenant: acmeId, permissions: [] }, { tenant: acmeId, actions: [] }],
  ['a user without a tenant', { sub: 'user:ada' }, { actions: [] }],
  [
    'a platform administrator',
    { sub: 'user:root', platform_admin: true, permissions: [] },
    { isPlatformAdmin: true, actions: [] },
  ],
  [
    'a platform administrator in a tenant',
    { sub: 'user:root', platform_admin: true, tenant: acmeId, permissions: [...everything] },
    { isPlatformAdmin: true, tenant: acmeId, actions: ['read', 'write', 'manage', 'admin'] },
  ],
  [
    'a user of another tenant',
    { sub: 'user:eve', tenant: 'default/globex', permissions: [...everything] },
    { tenant: 'default/globex', actions: ['read', 'write', 'manage', 'admin'] },
  ],
  [
    'an API key',
    { sub: 'key:0123456789abcdef', tenant: acmeId, permissions: [{ sources: ['*'], actions: ['read'] }] },
    { tenant: acmeId, actions: ['read'] },
  ],
];

const userTokens = people.map(([what, content, person]) => ({
  what,
  token: sign(keyOf('auth-gateway'), content),
  expectedAt: (place: Place) => expectedForUser(place.rule, person, place.tenant),
}));

/** Signed by the gateway, and still not what it signs. */
const mixedTokens = [
  { sub: 'key:0123456789abcdef', tenant: acmeId, permissions: [...everything], platform_admin: true },
  { sub: 'key:0123456789abcdef', tenant: acmeId, permissions: [...everything], generation: 7 },
  { sub: 'service:operator', tenant: acmeId },
  { sub: `service:${tenantNodeIssuer(acmeId)}`, tenant: acmeId },
].map((content) => ({
  what: `the gateway, of ${JSON.stringify(content)}`,
  token: sign(keyOf('auth-gateway'), content),
  expectedAt: (place: Place): Outcome => (place.rule === 'everybody' ? 'let in' : 401),
}));

const tokens = [...serviceTokens, ...userTokens, ...mixedTokens];

describe('the authority of every issuer at every endpoint', () => {
  it('is asked of every endpoint of the contracts and of every issuer of the platform', () => {
    const names = everyEndpoint.map(({ service, method, path }) => `${service} ${method} ${path}`);
    assert.deepEqual(Object.keys(rules).sort(), names.sort());
    assert.deepEqual([...platformIssuers, 'tenant-node'].sort(), Object.keys(services).sort());
    assert.deepEqual(
      sharedServiceNames.filter((name) => !signers.some(({ what }) => what === name)),
      [],
    );
  });

  for (const place of places)
    it(`is as the table says at ${place.name}`, async () => {
      const differing: string[] = [];
      for (const { what, token, expectedAt } of tokens) {
        const [expected, actual] = [expectedAt(place), await ask(place, token)];
        if (expected !== actual) differing.push(`${what}: expected ${expected}, found ${actual}`);
      }
      assert.deepEqual(differing, []);
      answered += tokens.length;
    });

  let answered = 0;
  it('was answered for every place with every token', (context) => {
    assert.equal(answered, places.length * tokens.length);
    assert.ok(places.length > everyEndpoint.length && signers.length > 25, `${places.length} × ${signers.length}`);
    context.diagnostic(
      `${places.length} places × ${tokens.length} tokens (${signers.length} signers × ${claimsKinds.length} kinds of claims, ` +
        `${userTokens.length + mixedTokens.length} of the gateway's for users) = ${answered} answers`,
    );
  });
});

describe('nothing goes round the check', () => {
  const sources = sourceFiles(root, ['packages', 'services', 'operator', 'scripts', 'cli'])
    .filter((file) => !/(^|\/)test\//.test(file))
    .map((file) => ({ file, text: withoutComments(readSource(root, file)) }));
  const filesWith = (pattern: RegExp) => sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);

  it('since only the server kit gives fastify routes, and only standing ones without a description', () => {
    assert.deepEqual(filesWith(/\b(app|fastify)\.(route|get|head|post|put|patch|delete|options|all)\(/), [
      'packages/http/src/server.ts',
    ]);
    assert.deepEqual(filesWith(/\bFastify\(/), ['packages/http/src/server.ts']);
    const kit = sources.find(({ file }) => file === 'packages/http/src/server.ts')?.text ?? '';
    assert.deepEqual(
      [...kit.matchAll(/\b(?:app\.get|show)\('([^']+)'/g)].map((match) => match[1]),
      ['/health', '/ready', '/metrics', '/openapi.json'],
    );
  });

  it('since who holds the claims of a token has asked callerOf', () => {
    // The engine's verifier is one of segments.
    const verifying = filesWith(/\bverifier\.verify\(/).filter((file) => !file.startsWith('packages/engine/'));
    assert.deepEqual(verifying, [
      'packages/http/src/server.ts',
      'services/auth-gateway/src/tokens/credentials.ts',
      'services/monitoring/src/routes/health-all.ts',
      'operator/src/token-verifier.ts',
    ]);
    assert.deepEqual(
      filesWith(/\bcallerOf\(/).filter((file) => file !== 'packages/http/src/authorize.ts'),
      [
        'packages/http/src/server.ts',
        'services/auth-gateway/src/tokens/credentials.ts',
        'services/monitoring/src/routes/health-all.ts',
      ],
    );
  });

  it('since every endpoint is served by its own service, through the kit', () => {
    const unserved = Object.entries(endpoints).flatMap(([service, table]) =>
      Object.keys(table).filter((name) => {
        const served = new RegExp(`\\bserver\\.route\\(\\s*[a-zA-Z]+\\.${name}\\b`);
        return !sources.some(
          ({ file, text }) => file.startsWith(`services/${service}/src/routes/`) && served.test(text),
        );
      }),
    );
    assert.deepEqual(unserved, []);
  });
});

describe('a list of callers', () => {
  const folders: Readonly<Record<string, readonly string[]>> = { operator: ['operator/src'] };
  // Asked by every process that checks tokens by itself.
  const shared = { revocations: ['packages/http/src/revocation-watch.ts'] };
  // Called by hand and by tests: it commits what is acknowledged, which the operator may ask for in any case.
  const uncalled = ['flush'];

  it('names those whose code calls, and nobody else', () => {
    const calls = (service: string, table: string, name: string) => {
      if (Object.hasOwn(shared, name)) return true;
      const called = new RegExp(`\\b${table}\\.${name}\\b`);
      return sourceFiles(root, folders[service] ?? [`services/${service}/src`])
        .filter((file) => !/\/routes\//.test(file))
        .some((file) => called.test(withoutComments(readSource(root, file))));
    };
    const wrong: string[] = [];
    for (const [service, table] of Object.entries(endpoints))
      for (const [name, { access }] of Object.entries(table)) {
        if (access.kind !== 'service' || uncalled.includes(name)) continue;
        const tableName = service.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
        for (const caller of access.callers)
          if (!calls(caller, tableName, name)) wrong.push(`${service} ${name}: ${caller} does not call it`);
      }
    assert.deepEqual(wrong, []);
  });
});
