import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Jwks, type Permission, tenantNodeIssuer, tokenSecondsMax } from '@hybridstore/contracts';
import { ServiceIdentity, signToken, type TokenContent } from '@hybridstore/http';
import { type Clock, deriveSigningKey, type SigningKey } from '@hybridstore/runtime';

/** Keys of all issuers of a platform under test, their JWKS file and tokens on demand. */
export class TestIssuer {
  readonly jwksFile: string;
  readonly #keys: ReadonlyMap<string, SigningKey>;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#clock = clock;
    const nodes = tenants.map((tenant) => keyOf(tenantNodeIssuer(tenant), 'tenant-node'));
    this.#keys = new Map([...issuers.map((name) => keyOf(name, name)), ...nodes].map((key) => [key.issuer, key]));
    this.jwksFile = join(folder, 'jwks.json');
    const jwks: Jwks = { keys: [...this.#keys.values()].map((key) => key.publicJwk) };
    writeFileSync(this.jwksFile, JSON.stringify(jwks));
  }

  userToken(tenant: string, permissions: readonly Permission[] = everything, lifetimeSeconds = 3_600): string {
    return this.sign('auth-gateway', { sub: 'user:test', tenant, permissions: [...permissions] }, lifetimeSeconds);
  }

  /** `tenant` is whom the service acts for; a node always acts for its own. */
  serviceToken(service: string, tenant?: string): string {
    return this.identity(service, tenant).token(tenant);
  }

  identity(service: string, tenant?: string): ServiceIdentity {
    const isNode = service === 'tenant-node' && tenant !== undefined;
    return new ServiceIdentity(this.key(isNode ? tenantNodeIssuer(tenant) : service), this.#clock);
  }

  sign(issuer: string, content: TokenContent, lifetimeSeconds = longestFor(content)): string {
    return signToken(this.key(issuer), content, { nowMs: this.#clock.now(), lifetimeSeconds });
  }

  key(issuer: string): SigningKey {
    const key = this.#keys.get(issuer);
    if (!key) throw new Error(`no key for issuer ${issuer}`);
    return key;
  }
}

/** As long as an hour, where a token of that subject may live so long. */
function longestFor({ sub }: TokenContent): number {
  if (sub.startsWith('service:')) return tokenSecondsMax.service;
  return sub.startsWith('key:') ? tokenSecondsMax.key : 3_600;
}

function keyOf(issuer: string, secretOf: string): SigningKey {
  return deriveSigningKey(issuer, testSecret(secretOf));
}

/** Tenants whose nodes have keys. */
const tenants = ['default/acme', 'default/globex', 'default/left', 'default/right', 'default/other'];
const issuers = [
  'auth-gateway',
  'operation-node',
  'cbo-engine',
  'metadata-catalog',
  'monitoring',
  'query-interpreter',
  'operator',
];

/** The secret from which an issuer's test key is derived; strong enough for a real process to accept it. */
export function testSecret(issuer: string): string {
  return Buffer.from(`${issuer}:0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH`).toString('base64url');
}

/** Every action on every source. */
export const everything: readonly Permission[] = [{ sources: ['*'], actions: ['read', 'write', 'manage', 'admin'] }];
