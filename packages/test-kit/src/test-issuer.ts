import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Jwks, Permission } from '@hybridstore/contracts';
import { ServiceIdentity, signToken, type TokenContent } from '@hybridstore/http';
import { type Clock, deriveSigningKey, type SigningKey } from '@hybridstore/runtime';

/** Keys of all issuers of a platform under test, their JWKS file and tokens on demand. */
export class TestIssuer {
  readonly jwksFile: string;
  readonly #keys: ReadonlyMap<string, SigningKey>;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#clock = clock;
    this.#keys = new Map(issuers.map((issuer) => [issuer, deriveSigningKey(issuer, testSecret(issuer))]));
    this.jwksFile = join(folder, 'jwks.json');
    const jwks: Jwks = { keys: [...this.#keys.values()].map((key) => key.publicJwk) };
    writeFileSync(this.jwksFile, JSON.stringify(jwks));
  }

  userToken(tenant: string, permissions: readonly Permission[] = everything, lifetimeSeconds = 3_600): string {
    return this.sign('auth-gateway', { sub: 'user:test', tenant, permissions: [...permissions] }, lifetimeSeconds);
  }

  serviceToken(service: string, tenant?: string): string {
    return this.identity(service).token(tenant);
  }

  identity(service: string): ServiceIdentity {
    return new ServiceIdentity(this.#key(service), this.#clock);
  }

  sign(issuer: string, content: TokenContent, lifetimeSeconds = 3_600): string {
    return signToken(this.#key(issuer), content, { nowMs: this.#clock.now(), lifetimeSeconds });
  }

  #key(issuer: string): SigningKey {
    const key = this.#keys.get(issuer);
    if (!key) throw new Error(`no key for issuer ${issuer}`);
    return key;
  }
}

const issuers = [
  'auth-gateway',
  'operation-node',
  'tenant-node',
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
