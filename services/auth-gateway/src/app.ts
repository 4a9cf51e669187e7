import cors from '@fastify/cors';
import type { DatabaseChecked, Jwks } from '@hybridstore/contracts';
import { type ClientPaces, createServer, type Server, type ServiceProcess, signToken } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { FastifyRequest } from 'fastify';
import { UndiciForwarder } from './clients/undici-forwarder.ts';
import type { GatewayConfig } from './config.ts';
import { Accounts } from './domain/accounts.ts';
import { isKeyText } from './domain/api-key.ts';
import { ApiKeys } from './domain/api-keys.ts';
import { addressOfConnection, rememberAddresses } from './domain/client-address.ts';
import type { TokenSigner } from './domain/log-in.ts';
import { LoginGuard } from './domain/login-guard.ts';
import type { IsCommonPassword } from './domain/password-rules.ts';
import type { PasswordHasher, RandomSource, UserStore } from './domain/ports.ts';
import { RegistrationLimit } from './domain/registration-limit.ts';
import { RevocationList } from './domain/revocation-list.ts';
import { createGatewayMetrics } from './gateway-metrics.ts';
import type { Forwarder, Gateway } from './ports.ts';
import { addChangePassword } from './routes/change-password.ts';
import { addCheckDatabase } from './routes/check-database.ts';
import { addCreateKey } from './routes/create-key.ts';
import { addDeleteKey } from './routes/delete-key.ts';
import { addForwarding } from './routes/forward.ts';
import { addGrant } from './routes/grant.ts';
import { addJwks } from './routes/jwks.ts';
import { addListKeys } from './routes/list-keys.ts';
import { addLogin } from './routes/login.ts';
import { addLogout } from './routes/logout.ts';
import { addPermissions } from './routes/permissions.ts';
import { addRegister } from './routes/register.ts';
import { addRevocations } from './routes/revocations.ts';
import { addRevoke } from './routes/revoke.ts';
import { addRevokeGrant } from './routes/revoke-grant.ts';
import { addUserStore } from './routes/user-store.ts';
import { addValidate } from './routes/validate.ts';
import { Credentials } from './tokens/credentials.ts';

const headersTimeoutMs = 10_000;
/** 32 MiB in this time are 0.9 Mbit/s; slower clients send smaller batches. */
const requestTimeoutMs = 300_000;
/** 8 KiB/s in, over 10 s; 1 KiB/s out, over a minute, because a full send buffer of the kernel empties in leaps. */
const paces: ClientPaces = {
  body: { windowMs: 10_000, bytesMin: 80 * 1024 },
  answer: { windowMs: 60_000, bytesMin: 60 * 1024 },
};
const connectionsMax = 10_000;
/** More than the calls and uploads that one address may have under way: so one that waits can always make room. */
const connectionsPerAddressMax = 1_024;

/** What of a process the gateway stands on; `process` of main, or parts under test. */
export type GatewayParts = {
  readonly process: Omit<ServiceProcess, 'environment' | 'client' | 'identity' | 'service' | 'verifier'> & {
    readonly verifier: ServiceProcess['verifier'];
    readonly hostsFile?: string | undefined;
  };
  readonly config: GatewayConfig;
  readonly store: UserStore;
  readonly hasher: PasswordHasher;
  readonly isCommonPassword: IsCommonPassword;
  readonly random: RandomSource;
  readonly checkDatabase: () => Promise<DatabaseChecked>;
};

export type GatewayApp = { readonly server: Server; readonly accounts: Accounts; close(): Promise<void> };

/** The gateway, composed; nothing listens yet. */
export function createApp(parts: GatewayParts): GatewayApp {
  const { process, config, store, hasher, isCommonPassword, random } = parts;
  const { clock, verifier, signingKey } = process;
  const metrics = createGatewayMetrics(process.metrics);
  const keys = new ApiKeys(store, clock, random);
  const accounts = new Accounts({
    store,
    hasher,
    guard: new LoginGuard({ clock, random, onHeld: () => metrics.loginsHeld.inc(), gateways: config.gateways }),
    registrations: new RegistrationLimit(clock, random, config.gateways),
    isCommonPassword,
    clock,
    random,
    isOpenToAll: config.selfRegistration,
    registration: config.registration,
  });
  const revocations = new RevocationList(store, clock);
  const credentials = new Credentials({
    verifier,
    revocations,
    signingKey,
    store,
    keys,
    clock,
    userTokenSecondsMax: config.tokenLifetimeSeconds,
  });
  const forwarder = new UndiciForwarder({ clock, metrics, hostsFile: process.hostsFile });
  const server = createServer({
    ...process,
    service: 'auth-gateway',
    verifier: credentials,
    notReadyReasons: () => readyReasons(verifier.jwks, signingKey.kid),
    headersTimeoutMs,
    requestTimeoutMs,
    keepAliveMs: config.keepAliveMs,
    paces,
    connections: {
      max: connectionsMax,
      perAddressMax: connectionsPerAddressMax,
      addressOf: (peerAddress) => addressOfConnection(peerAddress, config.trustedProxies),
    },
  });
  harden(server, config);
  addRoutes(server, {
    accounts,
    keys,
    credentials,
    revocations,
    signToken: createTokenSigner(parts),
    jwks: () => verifier.jwks,
    forwarder: forwarder satisfies Forwarder,
    addresses: config.addresses,
    addressOf: rememberAddresses(config.trustedProxies),
    metrics,
    checkDatabase: parts.checkDatabase,
  });
  const stopping = new AbortController();
  const isHolder = config.userStoreUrl === undefined && config.postgres === undefined;
  // Whoever holds the users lets those ask who do not.
  if (isHolder) addUserStore(server, { store, checkDatabase: parts.checkDatabase });
  else void revocations.keepKnown(stopping.signal);
  const close = async () => {
    stopping.abort();
    await forwarder.close();
  };
  return { server, accounts, close };
}

function addRoutes(server: Server, gateway: Gateway): void {
  addRegister(server, gateway);
  addLogin(server, gateway);
  addLogout(server, gateway);
  addChangePassword(server, gateway);
  addValidate(server, gateway);
  addPermissions(server, gateway);
  addGrant(server, gateway);
  addRevoke(server, gateway);
  addRevokeGrant(server, gateway);
  addCreateKey(server, gateway);
  addListKeys(server, gateway);
  addDeleteKey(server, gateway);
  addJwks(server, gateway);
  addRevocations(server, gateway);
  addCheckDatabase(server, gateway);
  addForwarding(server, gateway);
}

/** What the public may do to a server, bounded, and what browsers may do with its answers. */
function harden(server: Server, config: GatewayConfig): void {
  server.app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(securityHeaders);
    done(presentKeyAsBearer(request));
  });
  if (config.allowedOrigins.length === 0) return;
  server.app.register(cors, {
    origin: [...config.allowedOrigins],
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'accept', 'idempotency-key', 'x-api-key', 'x-request-id'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: 600,
  });
}

/** Strict-Transport-Security is left to whoever ends TLS: over plain HTTP it must not be sent (RFC 6797, section 7.2). */
const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** `X-API-Key` is another spelling of a bearer key; with both headers nobody could say who calls. */
function presentKeyAsBearer(request: FastifyRequest): HybridStoreError | undefined {
  const key = request.headers['x-api-key'];
  if (key === undefined) return undefined;
  const field = 'X-API-Key';
  if (request.headers.authorization !== undefined)
    return new HybridStoreError('invalid_request', `${field}: expected no Authorization header beside it`, { field });
  if (typeof key !== 'string' || !isKeyText(key))
    return new HybridStoreError('unauthenticated', `${field}: expected one key, hsk_…`, { field });
  request.headers.authorization = `Bearer ${key}`;
  return undefined;
}

function createTokenSigner({ process, config }: GatewayParts): TokenSigner {
  const lifetimeSeconds = config.tokenLifetimeSeconds;
  return ({ userId, generation, isPlatformAdmin, tenantId, permissions }) => ({
    token: signToken(
      process.signingKey,
      {
        sub: `user:${userId}`,
        generation,
        permissions: [...permissions],
        ...(tenantId === undefined ? {} : { tenant: tenantId }),
        ...(isPlatformAdmin ? { platform_admin: true } : {}),
      },
      { nowMs: process.clock.now(), lifetimeSeconds },
    ),
    lifetimeSeconds,
  });
}

function readyReasons(jwks: Jwks, kid: string): string[] {
  return jwks.keys.some((key) => key.kid === kid) ? [] : [`JWKS_FILE does not hold this gateway's key ${kid}`];
}
