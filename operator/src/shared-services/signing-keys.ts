import { hkdfSync } from 'node:crypto';
import { type Jwk, type Jwks, jwksKeysMax, type ServiceName, tenantNodeIssuer } from '@hybridstore/contracts';
import type { Kube } from '@hybridstore/controller-runtime';
import { getOrNothing, isAlreadyExists, type Secret, secrets } from '@hybridstore/controller-runtime';
import { deriveSigningKey, HybridStoreError, LruCache, type SigningKey, SingleFlight } from '@hybridstore/runtime';
import { sharedServiceLabels } from '../resources/labels.ts';
import {
  adminSecretName,
  sharedServiceNames,
  signingSecretName,
  type TenantKey,
  tenantIdOf,
  tenantMasterSecretName,
} from '../resources/names.ts';
import { buildAdminSecret, buildSigningSecret, readSigningSecret } from '../resources/secret.ts';

/**
 * Every issuer has a secret of its own, made once and kept in a Secret; from it comes its ES256 key (signing-key.ts).
 *
 *   Secret <service>-signing-key      random, one a service
 *   Secret tenant-node-master-key     random; each tenant's secret is derived from it and from the Tenant's uid, so all
 *                                     public keys follow from the list of tenants
 *
 * Deliberately left out: rotation in steps. A deleted Secret is a new key: tokens of the old one end with it.
 */
export type TenantIdentity = TenantKey & { readonly uid: string };

const secretBytes = 48;
const derivedKeysMax = 16_384;

export type SigningKeysOptions = {
  readonly kube: Pick<Kube, 'get' | 'create'>;
  readonly namespace: string;
  /** Cryptographically random. */
  readonly randomBytes: (count: number) => Buffer;
};

export class SigningKeys {
  readonly #options: SigningKeysOptions;
  readonly #secrets = new Map<string, string>();
  readonly #keys = new LruCache<string, SigningKey>(derivedKeysMax);
  readonly #first = new SingleFlight<'ensure', void>();
  #isReady = false;
  #version = 0;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** Changes whenever a secret does. */
  get version(): number {
    return this.#version;
  }

  /** Makes the secrets that are missing; one that was deleted while this process runs comes back with its old text. */
  async ensure(): Promise<void> {
    for (const issuer of platformIssuers) await this.#ensureSecret(signingSecretName(issuer), issuer);
    await this.#ensureSecret(tenantMasterSecretName, 'operator');
    await this.#ensureAdmin();
  }

  /** Reads or makes the secrets once; afterwards `ensure` of the shared services' pass keeps them. */
  async ready(): Promise<void> {
    if (this.#isReady) return;
    await this.#first.run('ensure', () => this.ensure());
    this.#isReady = true;
  }

  /** The operator's own key. The caller has called `ensure` before. */
  operatorKey(): SigningKey {
    return this.#platformKey('operator');
  }

  /** The secret's text for the nodes of one Tenant object; another object of the same name gets another one. */
  tenantSecret(tenant: TenantIdentity): string {
    const master = this.#required(tenantMasterSecretName);
    const info = `${tenantIdOf(tenant)}/${tenant.uid}`;
    return Buffer.from(hkdfSync('sha256', master, 'hybridstore-tenant-node', info, secretBytes)).toString('base64url');
  }

  /** What the nodes of a tenant accept: the platform's services and each other. */
  tenantJwks(tenant: TenantIdentity): Jwks {
    return { keys: [...this.#platformJwks(), this.#tenantJwk(tenant)] };
  }

  /** What the shared services accept. Throws `too_large` beyond what fits into a ConfigMap. */
  platformJwks(tenants: readonly TenantIdentity[]): Jwks {
    const keys = [...this.#platformJwks(), ...tenants.map((tenant) => this.#tenantJwk(tenant))];
    if (keys.length > jwksKeysMax)
      throw new HybridStoreError('too_large', `${tenants.length} tenants: expected at most ${jwksKeysMax} keys`, {
        keys: keys.length,
        keys_max: jwksKeysMax,
      });
    return { keys };
  }

  #platformJwks(): readonly Jwk[] {
    return platformIssuers.map((issuer) => this.#platformKey(issuer).publicJwk);
  }

  #tenantJwk(tenant: TenantIdentity): Jwk {
    const issuer = tenantNodeIssuer(tenantIdOf(tenant));
    return this.#derive(`${issuer}/${tenant.uid}`, issuer, () => this.tenantSecret(tenant)).publicJwk;
  }

  #platformKey(issuer: ServiceName): SigningKey {
    return this.#derive(issuer, issuer, () => this.#required(signingSecretName(issuer)));
  }

  #derive(id: string, issuer: string, secret: () => string): SigningKey {
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const key = deriveSigningKey(issuer, secret());
    this.#keys.set(id, key);
    return key;
  }

  #required(name: string): string {
    const secret = this.#secrets.get(name);
    if (secret === undefined) throw new HybridStoreError('unavailable', `the signing secret ${name} is not read yet`);
    return secret;
  }

  async #ensureSecret(name: string, issuer: ServiceName): Promise<void> {
    const { kube, namespace, randomBytes } = this.#options;
    const secret = this.#secrets.get(name) ?? randomBytes(secretBytes).toString('base64url');
    const wanted = buildSigningSecret({ name, namespace, labels: sharedServiceLabels(issuer), owners: [], secret });
    const stored = await this.#getOrCreate(kube, wanted);
    const text = readSigningSecret(stored);
    if (text === undefined)
      throw new HybridStoreError('conflict', `Secret ${namespace}/${name} holds no "secret"`, { reason: 'NameTaken' });
    if (this.#secrets.get(name) === text) return;
    this.#secrets.set(name, text);
    this.#keys.clear();
    this.#version += 1;
  }

  async #ensureAdmin(): Promise<void> {
    const { kube, namespace, randomBytes } = this.#options;
    const password = randomBytes(24).toString('base64url');
    await this.#getOrCreate(kube, buildAdminSecret(namespace, sharedServiceLabels('auth-gateway'), password));
  }

  /** By name, never by a list: the operator has no right to list Secrets. */
  async #getOrCreate(kube: Pick<Kube, 'get' | 'create'>, wanted: Secret): Promise<Secret> {
    const key = { namespace: this.#options.namespace, name: wanted.metadata.name ?? adminSecretName };
    const stored = await getOrNothing(kube, secrets, key);
    if (stored !== undefined) return stored;
    try {
      return await kube.create(secrets, wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return await kube.get(secrets, key);
    }
  }
}

/** Issuers with a key of the platform; `operator` besides the shared services. */
export const platformIssuers = [...sharedServiceNames, 'operator'] as const satisfies readonly ServiceName[];
