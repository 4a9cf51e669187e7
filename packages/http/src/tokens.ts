import { hash, type KeyObject, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Jwks,
  Jwks as JwksSchema,
  subjectKindOf,
  TokenClaims,
  tenantOfIssuer,
  tokenAudience,
  tokenSecondsMax,
} from '@hybridstore/contracts';
import {
  type Clock,
  HybridStoreError,
  isRecord,
  issuerOf,
  LruCache,
  publicKeyOf,
  type SigningKey,
} from '@hybridstore/runtime';
import jsonwebtoken from 'jsonwebtoken';
import { compileValidator } from './validation.ts';

const tokenBytesMax = 8_192;
const cacheEntriesMax = 10_000;
/** Kept by their whole text, which is found faster than its digest is made: 2 MiB of them at most. */
const recentTokensMax = 256;
const jwksCheckMs = 1_000;
/** How far the clocks of two machines may be apart. */
const leewaySecondsDefault = 60;
const serviceTokenRenewMs = (tokenSecondsMax.service * 1_000) / 2;

const checkJwks = compileValidator(JwksSchema);
const checkClaims = compileValidator(TokenClaims);

/** Verifies a token's text and gives its claims, or throws `unauthenticated`. */
export interface TokenVerifier {
  verify(token: string): TokenClaims;
}

/** Says which sound tokens hold no more; throws `unauthenticated`. */
export interface Standing {
  requireStanding(claims: TokenClaims): void;
}

/**
 * Public keys of all issuers by key id. One algorithm (ES256), `kid` exact, and a key speaks for its own issuer only:
 * a stolen key of one service cannot make tokens of another. The file is read again when it changes (key rotation).
 */
export class JwksTokenVerifier implements TokenVerifier {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #standing: Standing | undefined;
  readonly #leewaySeconds: number;
  readonly #recent = new LruCache<string, TokenClaims>(recentTokensMax);
  readonly #verified = new LruCache<string, TokenClaims>(cacheEntriesMax);
  #jwks: Jwks = { keys: [] };
  #keys = new Map<string, KeyObject>();
  #text: string | undefined;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  /** `leewaySeconds`: how long before its time and after its end a token holds. */
  constructor(path: string, clock: Clock, standing?: Standing, leewaySeconds = leewaySecondsDefault) {
    this.#path = path;
    this.#leewaySeconds = leewaySeconds;
    this.#clock = clock;
    this.#standing = standing;
    this.#refresh();
  }

  /** The keys in force, as they are published. */
  get jwks(): Jwks {
    this.#refresh();
    return this.#jwks;
  }

  verify(token: string): TokenClaims {
    if (token.length > tokenBytesMax) throw refused('token is too long');
    this.#refresh();
    const recent = this.#recent.get(token);
    const digest = recent ? undefined : hash('sha256', token, 'base64');
    const claims = recent ?? this.#verified.get(digest ?? '') ?? this.#verifySignature(token);
    requireTime(claims, this.#clock.now(), this.#leewaySeconds);
    this.#standing?.requireStanding(claims);
    if (digest !== undefined) {
      this.#recent.set(token, claims);
      this.#verified.set(digest, claims);
    }
    return claims;
  }

  #verifySignature(token: string): TokenClaims {
    const kid = readKeyId(token);
    const key = this.#keys.get(kid);
    if (key === undefined) throw refused('token is signed by an unknown key');
    let claims: unknown;
    try {
      claims = jsonwebtoken.verify(token, key, {
        algorithms: ['ES256'],
        audience: tokenAudience,
        ignoreExpiration: true,
        ignoreNotBefore: true,
      });
    } catch (cause) {
      throw refused('token signature or audience does not hold', cause);
    }
    if (!checkClaims.check<TokenClaims>(claims)) throw refused('token claims are not of this platform');
    // Compared here: the library takes every issuer where it is asked for an empty one, which a key id without a dot names.
    if (claims.iss !== issuerOf(kid)) throw refused('token is signed by the key of another issuer');
    requireLifetime(claims);
    return claims;
  }

  #refresh(): void {
    if (this.#clock.monotonicMs() - this.#checkedAtMs < jwksCheckMs) return;
    this.#checkedAtMs = this.#clock.monotonicMs();
    try {
      // Read whole, not judged by its times: a key that was taken out must be out within a second, however it was done.
      const text = readKeys(this.#path);
      if (text === this.#text) return;
      this.#jwks = parseJwks(text, this.#path);
      this.#text = text;
    } catch (error) {
      // A running process goes on with the keys it has: a file that is away or half written must not lock everybody out.
      if (this.#keys.size === 0) throw error;
      return;
    }
    this.#keys = new Map(this.#jwks.keys.map((jwk) => [jwk.kid, publicKeyOf(jwk)]));
    this.#recent.clear();
    this.#verified.clear();
  }
}

/**
 * The key id of a compact JWS (RFC 7515) whose header is exactly `{alg: "ES256", typ: "JWT", kid}`, so that no extension
 * (`crit`, `jwk`, `x5u`) is understood. Parts are canonical base64url, and header and claims are spelled as `JSON.stringify`
 * spells them, which rules out what two parsers may read as two things: doubled members, escapes, numbers in other forms.
 */
function readKeyId(token: string): string {
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every(isCanonicalBase64Url)) throw refused('token is not a compact JWS');
  const header = parsePart(parts[0] ?? '');
  parsePart(parts[1] ?? '');
  const { alg, typ, kid, ...others } = header;
  if (alg !== 'ES256' || typ !== 'JWT' || typeof kid !== 'string' || Object.keys(others).length > 0)
    throw refused('token header: expected exactly alg ES256, typ JWT and kid');
  return kid;
}

function isCanonicalBase64Url(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function parsePart(part: string): Readonly<Record<string, unknown>> {
  const bytes = Buffer.from(part, 'base64url');
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw refused('token holds no JSON', cause);
  }
  if (!isRecord(parsed)) throw refused('token holds no JSON object');
  if (!Buffer.from(JSON.stringify(parsed)).equals(bytes)) throw refused('token is not spelled as it is signed here');
  return { ...parsed };
}

function readKeys(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unreadableKeys(path, cause);
  }
}

function parseJwks(text: string, path: string): Jwks {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw unreadableKeys(path, cause);
  }
  if (!checkJwks.check<Jwks>(parsed))
    throw new HybridStoreError(
      'invalid_request',
      `JWKS_FILE: expected a JWK set of ES256 keys: ${checkJwks.describe()}`,
      { variable: 'JWKS_FILE' },
    );
  return parsed;
}

function unreadableKeys(path: string, cause: unknown): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    `JWKS_FILE: expected a readable JSON file, found ${path}`,
    { variable: 'JWKS_FILE', path },
    { cause },
  );
}

/** What of its times no clock changes: a token that nobody of this platform would have signed never held. */
function requireLifetime(claims: TokenClaims): void {
  const { iat, nbf, exp } = claims;
  if (nbf !== iat || exp <= iat) throw refused('token times: expected nbf to equal iat, and exp to be later');
  const secondsMax = tokenSecondsMax[subjectKindOf(claims)];
  if (exp - iat > secondsMax) throw refused(`token lifetime: expected at most ${secondsMax} s, found ${exp - iat} s`);
}

function requireTime(claims: TokenClaims, nowMs: number, leewaySeconds: number): void {
  const nowSeconds = nowMs / 1_000;
  if (nowSeconds >= claims.exp + leewaySeconds) throw refused('token has expired');
  if (nowSeconds < claims.nbf - leewaySeconds) throw refused('token is not valid yet');
}

function refused(message: string, cause?: unknown): HybridStoreError {
  return new HybridStoreError('unauthenticated', message, {}, { cause });
}

export type TokenContent = Pick<TokenClaims, 'sub' | 'tenant' | 'permissions' | 'platform_admin' | 'generation'>;

/** A signed token of the key's issuer that holds from now on for `lifetimeSeconds`. */
export function signToken(
  key: SigningKey,
  content: TokenContent,
  times: { readonly nowMs: number; readonly lifetimeSeconds: number },
): string {
  const iat = Math.floor(times.nowMs / 1_000);
  const claims = {
    iss: key.issuer,
    aud: tokenAudience,
    jti: randomUUID(),
    iat,
    nbf: iat,
    exp: iat + times.lifetimeSeconds,
    ...content,
  };
  return jsonwebtoken.sign(claims, key.privateKey, { algorithm: 'ES256', keyid: key.kid });
}

/** Tokens with which a service speaks for itself, made anew after half of their 5 minutes. */
export class ServiceIdentity {
  readonly #key: SigningKey;
  readonly #clock: Clock;
  readonly #tokens = new LruCache<string, { readonly token: string; readonly signedAtMs: number }>(cacheEntriesMax);

  constructor(key: SigningKey, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  /**
   * `tenant` names the tenant that the service acts for, where a tenant node must accept the call. The identity of a
   * tenant's nodes always names its own.
   */
  token(actsFor?: string): string {
    const tenant = tenantOfIssuer(this.#key.issuer) ?? actsFor;
    const now = this.#clock.now();
    const held = this.#tokens.get(tenant ?? '');
    // A clock that was set back makes a new one, too: nobody takes a token of the future.
    if (held && now >= held.signedAtMs && now < held.signedAtMs + serviceTokenRenewMs) return held.token;
    const content: TokenContent = { sub: `service:${this.#key.issuer}`, ...(tenant === undefined ? {} : { tenant }) };
    const token = signToken(this.#key, content, { nowMs: now, lifetimeSeconds: tokenSecondsMax.service });
    this.#tokens.set(tenant ?? '', { token, signedAtMs: now });
    return token;
  }
}
