import { hash } from 'node:crypto';
import { type TokenClaims, tokenSecondsMax } from '@hybridstore/contracts';
import { type Caller, callerOf, signToken, type TokenVerifier } from '@hybridstore/http';
import { type Clock, HybridStoreError, LruCache, type SigningKey, SingleFlight } from '@hybridstore/runtime';
import { isKeyText } from '../domain/api-key.ts';
import type { ApiKeys, KeyPrincipal } from '../domain/api-keys.ts';
import type { UserStore } from '../domain/ports.ts';

/** How long the store's word holds; with it a revocation works here within a second, on every replica. */
const checkedMs = 1_000;
const keyTokenRenewMs = 45_000;
const entriesMax = 10_000;

/** Who a credential stands for, and the token with which the services behind the gateway are called. */
export type Resolved = Caller;

type KeyEntry = {
  readonly principal: KeyPrincipal;
  readonly resolved: Resolved;
  readonly checkedAtMs: number;
  readonly signedAtMs: number;
  readonly renewAtMs: number;
};
type Standing = { readonly generation: number | undefined; readonly checkedAtMs: number };

/**
 * What the public may present: a user's token, or an API key (`hsk_…`), which is exchanged for an ES256 token of 60 s, so
 * that no service but this one ever sees a key. Beyond the signature, the gateway asks its store whether the subject still
 * stands: tokens older than the last revocation of their user, and keys that were revoked, are refused. So is a user's
 * token that lives longer than this gateway signs one for: where JWT_EXPIRATION_HOURS is lowered, longer ones end.
 *
 * Deliberately not here: service tokens pass as they are (only /internal/logs takes them).
 */
export class Credentials {
  readonly #verifier: TokenVerifier;
  readonly #signingKey: SigningKey;
  readonly #store: UserStore;
  readonly #keys: ApiKeys;
  readonly #clock: Clock;
  readonly #userTokenSecondsMax: number;
  readonly #exchanged = new LruCache<string, KeyEntry>(entriesMax);
  readonly #standings = new LruCache<string, Standing>(entriesMax);
  readonly #flights = new SingleFlight<string, Resolved>();

  constructor(options: {
    readonly verifier: TokenVerifier;
    readonly signingKey: SigningKey;
    readonly store: UserStore;
    readonly keys: ApiKeys;
    readonly clock: Clock;
    /** The longest that this gateway signs a user's token for. */
    readonly userTokenSecondsMax: number;
  }) {
    this.#verifier = options.verifier;
    this.#signingKey = options.signingKey;
    this.#store = options.store;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#userTokenSecondsMax = options.userTokenSecondsMax;
  }

  async verify(credential: string): Promise<TokenClaims> {
    return (await this.resolve(credential)).claims;
  }

  /** `unauthenticated` for whatever does not hold. */
  async resolve(credential: string): Promise<Resolved> {
    if (isKeyText(credential)) return this.#resolveKey(credential);
    const caller = callerOf(this.#verifier.verify(credential), credential);
    await this.#requireStanding(caller.claims);
    return caller;
  }

  /** Asks the store anew for everybody: called where permissions were taken away. */
  forget(): void {
    this.#exchanged.clear();
    this.#standings.clear();
  }

  async #resolveKey(text: string): Promise<Resolved> {
    const digest = hash('sha256', text, 'base64');
    const held = this.#exchanged.get(digest);
    const now = this.#clock.now();
    if (held && isFresh(held, now) && isCurrent(held, now)) return held.resolved;
    return this.#flights.run(digest, () => this.#exchange(text, digest));
  }

  async #exchange(text: string, digest: string): Promise<Resolved> {
    const held = this.#exchanged.get(digest);
    this.#exchanged.delete(digest);
    const principal = await this.#keys.identify(text);
    const now = this.#clock.now();
    const isSame = held && isCurrent(held, now) && JSON.stringify(held.principal) === JSON.stringify(principal);
    const entry = isSame ? { ...held, checkedAtMs: now } : this.#sign(principal, now);
    this.#exchanged.set(digest, entry);
    return entry.resolved;
  }

  #sign(principal: KeyPrincipal, nowMs: number): KeyEntry {
    const content = {
      sub: `key:${principal.keyId}`,
      owner: `user:${principal.userId}`,
      tenant: principal.tenantId,
      permissions: [...principal.permissions],
    };
    const leftSeconds = Math.ceil((principal.expiresAtMs - nowMs) / 1_000);
    const lifetimeSeconds = Math.min(tokenSecondsMax.key, leftSeconds);
    const token = signToken(this.#signingKey, content, { nowMs, lifetimeSeconds });
    return {
      principal,
      resolved: callerOf(this.#verifier.verify(token), token),
      checkedAtMs: nowMs,
      signedAtMs: nowMs,
      renewAtMs: Math.min(nowMs + keyTokenRenewMs, principal.expiresAtMs),
    };
  }

  async #requireStanding(claims: TokenClaims): Promise<void> {
    const [kind, id = ''] = splitSubject(claims.sub);
    if (kind === 'service') return;
    if (kind === 'user' && claims.exp - claims.iat > this.#userTokenSecondsMax)
      throw new HybridStoreError('unauthenticated', 'the token lives longer than any that is signed here');
    const held = this.#standings.get(claims.sub);
    const isKnown = held !== undefined && isFresh(held, this.#clock.now());
    const generation = isKnown ? held.generation : await this.#readGeneration(kind, id);
    if (!isKnown) this.#standings.set(claims.sub, { generation, checkedAtMs: this.#clock.now() });
    if (generation === undefined || (claims.generation ?? 0) < generation)
      throw new HybridStoreError('unauthenticated', 'the token was revoked');
  }

  /** Undefined when the subject does not exist (any more). Keys have no generations: they are there or not. */
  async #readGeneration(kind: string, id: string): Promise<number | undefined> {
    if (kind === 'key') return (await this.#keys.exists(id)) ? 0 : undefined;
    return (await this.#store.userById(id))?.generation;
  }
}

/** Of a clock that was set back nothing is fresh: a revocation must not wait until it has caught up. */
function isFresh({ checkedAtMs }: Pick<Standing, 'checkedAtMs'>, nowMs: number): boolean {
  return nowMs >= checkedAtMs && nowMs < checkedAtMs + checkedMs;
}

function isCurrent({ signedAtMs, renewAtMs }: KeyEntry, nowMs: number): boolean {
  return nowMs >= signedAtMs && nowMs < renewAtMs;
}

function splitSubject(subject: string): readonly [string, string] {
  const colon = subject.indexOf(':');
  return [subject.slice(0, colon), subject.slice(colon + 1)];
}
