import { readFileSync } from 'node:fs';
import type { BlockList } from 'node:net';
import { type Role, roles, type ServiceName, services, tenantIdPattern } from '@hybridstore/contracts';
import {
  type Environment,
  HybridStoreError,
  readTenantUrlTemplate,
  tenantUrl,
  type VariableName,
  wrongVariable,
} from '@hybridstore/runtime';
import type { RegistrationGrant } from './domain/accounts.ts';
import { parseTrustedProxies } from './domain/client-address.ts';
import { type LegacyUser, parseLegacyUsers } from './domain/legacy-users.ts';
import { passwordCharactersMin } from './domain/password-rules.ts';
import { tokenHoursMax } from './domain/revocation-list.ts';
import type { UpstreamAddresses } from './domain/upstream-address.ts';

/** `require` encrypts and believes whoever answers; `verify-full` checks certificate and host name. */
export const tlsModes = ['disable', 'require', 'verify-full'] as const;

export type PostgresConfig = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tlsMode: (typeof tlsModes)[number];
  /** Certificates of authorities as PEM; undefined: those that Node knows. */
  readonly authorities: string | undefined;
};

export type GatewayConfig = {
  readonly usersPath: string;
  /** Who holds the users; undefined: this process. */
  readonly userStoreUrl: string | undefined;
  /** The database of the users; undefined: they are in no PostgreSQL. */
  readonly postgres: PostgresConfig | undefined;
  /** How many gateways share the bounds on guesses and registrations. */
  readonly gateways: number;
  readonly tokenLifetimeSeconds: number;
  readonly allowedOrigins: readonly string[];
  readonly bcryptRoundsMax: number;
  /** Whether anybody may make a user for himself. */
  readonly selfRegistration: boolean;
  readonly registration: RegistrationGrant | undefined;
  readonly administrator: { readonly username: string; readonly password: string } | undefined;
  readonly legacyUsers: readonly LegacyUser[];
  readonly addresses: UpstreamAddresses;
  /** Whose `X-Forwarded-For` gives a client's address. */
  readonly trustedProxies: BlockList;
  /** Longer than a load balancer keeps its connections (60 s is common): else it may send a request as this side closes. */
  readonly keepAliveMs: number;
};

/** With more of them, five free failures of a name have no share for each. */
export const gatewaysMax = 5;

const upstreams = [
  ['operation-node', 'OPERATION_NODE_URL'],
  ['cbo-engine', 'CBO_ENGINE_URL'],
  ['metadata-catalog', 'METADATA_CATALOG_URL'],
  ['monitoring', 'MONITORING_URL'],
  ['query-interpreter', 'QUERY_INTERPRETER_URL'],
] as const satisfies readonly (readonly [ServiceName, VariableName])[];

/** Reads and checks every variable of this service beside those of every process; a wrong one is refused by name. */
export function readConfig(environment: Environment): GatewayConfig {
  const bcryptRoundsMax = environment.integer('BCRYPT_ROUNDS', { fallback: 12, min: 4, max: 16 });
  return {
    usersPath: environment.text('USERS_PATH', environment.text('DATA_PATH', './data')),
    userStoreUrl: environment.optional('USER_STORE_URL') === undefined ? undefined : environment.url('USER_STORE_URL'),
    postgres: readPostgres(environment),
    gateways: environment.integer('GATEWAY_REPLICAS', { fallback: 1, min: 1, max: gatewaysMax }),
    tokenLifetimeSeconds: Math.round(
      3_600 * environment.number('JWT_EXPIRATION_HOURS', { fallback: 24, min: 0.01, max: tokenHoursMax }),
    ),
    allowedOrigins: environment.list('ALLOWED_ORIGINS').map(requireOrigin),
    bcryptRoundsMax,
    selfRegistration: environment.boolean('SELF_REGISTRATION', true),
    registration: readRegistration(environment),
    administrator: readAdministrator(environment),
    legacyUsers: readLegacyUsers(environment, bcryptRoundsMax),
    addresses: readAddresses(environment),
    trustedProxies: parseTrustedProxies('TRUSTED_PROXIES', environment.list('TRUSTED_PROXIES')),
    keepAliveMs: 1_000 * environment.integer('KEEP_ALIVE_SECONDS', { fallback: 75, min: 1, max: 3_600 }),
  };
}

function readPostgres(environment: Environment): PostgresConfig | undefined {
  const host = environment.optional('POSTGRES_HOST');
  if (host === undefined) return undefined;
  if (!/^[A-Za-z0-9.:-]{1,253}$/.test(host)) throw wrongVariable('POSTGRES_HOST', 'a host name or an address', host);
  const other = environment.optional('USER_STORE_URL');
  if (other !== undefined) throw wrongVariable('USER_STORE_URL', 'none beside POSTGRES_HOST', other);
  const isCaNamed = environment.optional('POSTGRES_CA_FILE') !== undefined;
  return {
    host,
    port: environment.integer('POSTGRES_PORT', { fallback: 5_432, min: 1, max: 65_535 }),
    database: environment.text('POSTGRES_DATABASE', 'hybridstore'),
    user: environment.file('POSTGRES_USER_FILE'),
    password: environment.file('POSTGRES_PASSWORD_FILE'),
    tlsMode: environment.choice('POSTGRES_TLS_MODE', tlsModes, 'verify-full'),
    authorities: isCaNamed ? environment.file('POSTGRES_CA_FILE') : undefined,
  };
}

/** An origin as browsers send it: scheme, host and port, nothing else; `*` would let every page speak for its reader. */
function requireOrigin(origin: string): string {
  const parsed = URL.parse(origin);
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.origin !== origin)
    throw wrongVariable('ALLOWED_ORIGINS', 'origins like https://app.example.com', origin);
  return origin;
}

function readRegistration(environment: Environment): RegistrationGrant | undefined {
  const tenantId = environment.optional('REGISTRATION_TENANT');
  const role = environment.optional('REGISTRATION_ROLE');
  if (tenantId === undefined && role === undefined) return undefined;
  if (tenantId === undefined || !new RegExp(tenantIdPattern).test(tenantId))
    throw wrongVariable('REGISTRATION_TENANT', 'namespace/name of a tenant', tenantId ?? 'nothing');
  return { tenantId, role: environment.choice<Role>('REGISTRATION_ROLE', roles), sources: readSources(environment) };
}

/** Named, so that nobody gives away what will be made later without writing a pattern for it. */
function readSources(environment: Environment): readonly string[] {
  const sources = environment.list('REGISTRATION_SOURCES');
  const isSource = (source: string) => /^[a-z0-9_*]{1,64}$/.test(source);
  if (sources.length === 0 || sources.length > 256 || !sources.every(isSource))
    throw wrongVariable('REGISTRATION_SOURCES', 'ids of sources, or patterns with *', sources.join(',') || 'nothing');
  return sources;
}

function readAdministrator(environment: Environment): GatewayConfig['administrator'] {
  const username = environment.optional('ADMIN_USERNAME');
  if (username === undefined) return undefined;
  if (!/^[A-Za-z0-9._@-]{1,128}$/.test(username))
    throw wrongVariable('ADMIN_USERNAME', '1 to 128 of letters, digits and ._@-', username);
  const password = environment.file('ADMIN_PASSWORD_FILE');
  if (password.length < passwordCharactersMin || password.length > 1_024)
    throw wrongVariable(
      'ADMIN_PASSWORD_FILE',
      `a password of ${passwordCharactersMin} to 1024 characters`,
      `${password.length} characters`,
    );
  return { username, password };
}

function readLegacyUsers(environment: Environment, roundsMax: number): readonly LegacyUser[] {
  const path = environment.optional('LEGACY_USERS_FILE');
  if (path === undefined) return [];
  try {
    return parseLegacyUsers(readFileSync(path, 'utf8'), roundsMax);
  } catch (cause) {
    if (cause instanceof HybridStoreError) throw cause;
    throw wrongVariable('LEGACY_USERS_FILE', 'a readable file', path);
  }
}

function readAddresses(environment: Environment): UpstreamAddresses {
  const urls = upstreams.map(
    ([service, variable]) =>
      [service, requireHttp(variable, environment.url(variable, `http://${service}:${services[service]}`))] as const,
  );
  return { services: Object.fromEntries(urls), tenantUrlTemplate: readTemplate(environment) };
}

function readTemplate(environment: Environment): string {
  const template = readTenantUrlTemplate(environment);
  requireHttp('TENANT_URL_TEMPLATE', tenantUrl(template, 'namespace/name'));
  return template;
}

/** An origin without a path: the gateway keeps the path of the request. */
function requireHttp(variable: string, url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.pathname !== '/' || parsed.search !== '')
    throw wrongVariable(variable, 'a http URL without a path', url);
  return url;
}
