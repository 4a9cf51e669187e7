import { createECDH, createHash, createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { Jwk } from '@hybridstore/contracts';
import { HybridStoreError } from './errors.ts';

/**
 * One issuer's ES256 key, derived from its secret, so that a secret is the only thing to keep and every replica of an
 * issuer has the same key. The scalar is 48 bytes of HKDF-SHA-256 (RFC 5869) reduced into [1, n-1], the method with
 * extra random bits of FIPS 186-5 appendix A.2.1; the bias is below 2^-128.
 */
export type SigningKey = {
  readonly issuer: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: Jwk;
};

/** Order of the P-256 group (SEC 2, section 2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const secretBytesMin = 32;
const distinctBytesMin = 12;

/**
 * The P-256 key of an issuer: 48 bytes of HKDF-SHA-256 (RFC 5869) reduced to a scalar in [1, order - 1]; the 16 bytes more
 * than the order has make the bias negligible (FIPS 186-5, A.2.1). The same secret gives each issuer another key.
 */
export function deriveSigningKey(issuer: string, secret: string): SigningKey {
  const wide = Buffer.from(hkdfSync('sha256', secret, 'hybridstore-signing-key', issuer, 48));
  const scalar = (BigInt(`0x${wide.toString('hex')}`) % (order - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex');
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(d);
  const point = ecdh.getPublicKey();
  const coordinates = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  } as const;
  const kid = `${issuer}.${thumbprint(coordinates)}`;
  return {
    issuer,
    kid,
    privateKey: createPrivateKey({ key: { ...coordinates, d: d.toString('base64url') }, format: 'jwk' }),
    publicJwk: { ...coordinates, kid, alg: 'ES256', use: 'sig' },
  };
}

/** First 16 characters of the JWK thumbprint (RFC 7638). */
function thumbprint(jwk: {
  readonly kty: string;
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}): string {
  const canonical = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
  return createHash('sha256').update(canonical).digest('base64url').slice(0, 16);
}

/** A key object to verify with: jsonwebtoken parses a PEM or a Buffer anew for each token. */
export function publicKeyOf(jwk: Jwk): KeyObject {
  return createPublicKey({ key: { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, format: 'jwk' });
}

/** The issuer that a key id speaks for. */
export function issuerOf(kid: string): string {
  return kid.slice(0, Math.max(0, kid.lastIndexOf('.')));
}

/** Refuses a secret that is short or repeats few bytes; `variable` is named in the error, the secret never is. */
export function requireStrongSecret(variable: string, secret: string): string {
  const bytes = Buffer.from(secret);
  const expected = `at least ${secretBytesMin} random bytes (for example the output of: openssl rand -base64 48)`;
  if (bytes.length < secretBytesMin)
    throw new HybridStoreError('invalid_request', `${variable}: expected ${expected}, found ${bytes.length} bytes`, {
      variable,
    });
  if (new Set(bytes).size < distinctBytesMin || /secret|password|change.?me|example|default/i.test(secret)) {
    throw new HybridStoreError('invalid_request', `${variable}: expected ${expected}, found a guessable value`, {
      variable,
    });
  }
  return secret;
}
