import { hash } from 'node:crypto';
import { type Revocations, type TokenClaims, tokenSecondsMax } from '@hybridstore/contracts';
import { type Caller, callerOf, signToken, type TokenVerifier } from '@hybridstore/http';
import {
  type Clock,
  HybridStoreError,
  isHybridStoreError,
  LruCache,
  type SigningKey,
  SingleFlight,
} from '@hybridstore/runtime';
import { isKeyText } from '../domain/api-key.ts';
import type { ApiKeys, KeyPrincipal } from '../domain/api-keys.ts';
import type { UserStore } from '../domain/ports.ts';
import type { RevocationList } from '../domain/revocation-list.ts';

/** How long the store's word holds; with it a revocation works here within a second, on every replica. */
const checkedMs = 1_000;
const keyTokenRenewMs = 45_000;
/**
 * How long what was known of a credential goes on while the store gives no answer: longer than a process on a volume takes
 * to be replaced. What the list of revocations names does not go on. It is read every second, nothing can be revoked while
 * the store is down, and a store that ends takes no revocation in its last two seconds; so one is late only where the store
 * dies, or this gateway is cut off from it, within a second of it: until the store answers, after so long at the latest.
 */
export const storeAwayMsMax = 120_000;
/** A credential of which nothing is known here waits so long for the store. */
export const firstLookMsMax = 5_000;
const firstLookPauseMs = 200;
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
  readonly #revocations: Pick<RevocationList, 'lastKnown'> | undefined;
  readonly #exchanged = new LruCache<string, KeyEntry>(entriesMax);
  readonly #standings = new LruCache<string, Standing>(entriesMax);
  /** What was looked up before holds only while the store is away. */
  #forgottenAtMs = Number.NEGATIVE_INFINITY;
  readonly #flights = new SingleFlight<string, Resolved>();

  constructor(options: {
    readonly verifier: TokenVerifier;
    readonly signingKey: SigningKey;
    readonly store: UserStore;
    readonly keys: ApiKeys;
    readonly clock: Clock;
    /** The longest that this gateway signs a user's token for. */
    readonly userTokenSecondsMax: number;
    /** Says what was revoked while the store is away; without it a token that is new here waits for the store. */
    readonly revocations?: Pick<RevocationList, 'lastKnown'>;
  }) {
    this.#verifier = options.verifier;
    this.#signingKey = options.signingKey;
    this.#store = options.store;
    this.#keys = options.keys;
    this.#clock = options.clock;
    this.#userTokenSecondsMax = options.userTokenSecondsMax;
    this.#revocations = options.revocations;
  }

  async verify(credential: string): Promise<TokenClaims> {
    if (isKeyText(credential)) return (await this.#resolveKey(credential)).claims;
    const { claims } = callerOf(this.#verifier.verify(credential), credential);
    const standing = this.#requireStanding(claims);
    // Asked within the last second: there is nothing to wait for.
    if (standing) await standing;
    return claims;
  }

  /** `unauthenticated` for whatever does not hold. */
  async resolve(credential: string): Promise<Resolved> {
    if (isKeyText(credential)) return this.#resolveKey(credential);
    return callerOf(await this.verify(credential), credential);
  }

  /** Asks the store anew for everybody: called where permissions were taken away. */
  forget(): void {
    this.#forgottenAtMs = this.#clock.now();
  }

  async #resolveKey(text: string): Promise<Resolved> {
    const digest = hash('sha256', text, 'base64');
    const held = this.#exchanged.get(digest);
    const now = this.#clock.now();
    if (held && this.#isFresh(held) && isCurrent(held, now)) return held.resolved;
    return this.#flights.run(digest, () => this.#exchange(text, digest));
  }

  async #exchange(text: string, digest: string): Promise<Resolved> {
    const held = this.#exchanged.get(digest);
    this.#exchanged.delete(digest);
    const answer = await this.#ask(
      () => this.#keys.identify(text),
      () => (held && this.#stillStands(held) ? held : undefined),
    );
    const now = this.#clock.now();
    if ('checkedAtMs' in answer) return this.#goOn(digest, answer, now);
    const principal = answer;
    const isSame = held && isCurrent(held, now) && JSON.stringify(held.principal) === JSON.stringify(principal);
    const entry = isSame ? { ...held, checkedAtMs: now } : this.#sign(principal, now);
    this.#exchanged.set(digest, entry);
    return entry.resolved;
  }

  /** Without the store: the token is signed anew, the store's word stays as old as it is. */
  #goOn(digest: string, held: KeyEntry, nowMs: number): Resolved {
    if (held.principal.expiresAtMs <= nowMs)
      throw new HybridStoreError('unauthenticated', 'the API key is unknown, expired or revoked');
    const { checkedAtMs } = held;
    const entry = isCurrent(held, nowMs) ? held : { ...this.#sign(held.principal, nowMs), checkedAtMs };
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

  /** A promise only where the store has to be asked. */
  #requireStanding(claims: TokenClaims): Promise<void> | undefined {
    const [kind, id = ''] = splitSubject(claims.sub);
    if (kind === 'service') return undefined;
    if (kind === 'user' && claims.exp - claims.iat > this.#userTokenSecondsMax)
      throw new HybridStoreError('unauthenticated', 'the token lives longer than any that is signed here');
    const held = this.#standings.get(claims.sub);
    if (!held || !this.#isFresh(held))
      return this.#askStanding(claims, kind, id, held).then((asked) => requireGeneration(claims, asked));
    requireGeneration(claims, held);
    return undefined;
  }

  #askStanding(claims: TokenClaims, kind: string, id: string, held: Standing | undefined): Promise<Standing> {
    return this.#ask(
      async () => {
        const standing = { generation: await this.#readGeneration(kind, id), checkedAtMs: this.#clock.now() };
        this.#standings.set(claims.sub, standing);
        return standing;
      },
      () => this.#listedStanding(claims, kind, held),
    );
  }

  /**
   * Without the store: what the list names, else what was known. A user's token needs no more than the list: it was signed
   * of somebody who exists. Whether a key is there is known only of those that were seen.
   */
  #listedStanding({ sub, iat }: TokenClaims, kind: string, held: Standing | undefined): Standing | undefined {
    const list = this.#revocations?.lastKnown(storeAwayMsMax);
    const isHeld = held !== undefined && isStillKnown(held, this.#clock.now());
    if (list === undefined || !(isHeld || kind === 'user')) return undefined;
    if (kind === 'user' && iat <= list.users_issued_until) return undefined;
    if (isHeld && held.generation === undefined) return held;
    const generation = Math.max(generationIn(list, sub), (isHeld ? held.generation : undefined) ?? 0);
    return { generation, checkedAtMs: this.#clock.now() };
  }

  /** Without the store: neither the key nor anything of its maker was revoked since the store was asked. */
  #stillStands({ principal, ...entry }: KeyEntry): boolean {
    const list = this.#revocations?.lastKnown(storeAwayMsMax);
    if (list === undefined || !isStillKnown(entry, this.#clock.now())) return false;
    const { keyId, userId, makerGeneration } = principal;
    return generationIn(list, `key:${keyId}`) === 0 && generationIn(list, `user:${userId}`) <= makerGeneration;
  }

  #isFresh(looked: Pick<Standing, 'checkedAtMs'>): boolean {
    return looked.checkedAtMs > this.#forgottenAtMs && isFresh(looked, this.#clock.now());
  }

  /** What the store says. While it is away, what is known already; where nothing is, it is awaited for a while. */
  async #ask<Told, Known>(ask: () => Promise<Told>, known: () => Known | undefined): Promise<Told | Known> {
    const endMs = this.#clock.monotonicMs() + firstLookMsMax;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isAway(error)) throw error;
        const fallback = known();
        if (fallback !== undefined) return fallback;
        if (this.#clock.monotonicMs() + firstLookPauseMs >= endMs) throw error;
      }
      await this.#clock.sleep(firstLookPauseMs);
    }
  }

  /** Undefined when the subject does not exist (any more). Keys have no generations: they are there or not. */
  async #readGeneration(kind: string, id: string): Promise<number | undefined> {
    if (kind === 'key') return (await this.#keys.exists(id)) ? 0 : undefined;
    return (await this.#store.userById(id))?.generation;
  }
}

function requireGeneration(claims: TokenClaims, { generation }: Standing): void {
  if (generation === undefined || (claims.generation ?? 0) < generation)
    throw new HybridStoreError('unauthenticated', 'the token was revoked');
}

/** Of a clock that was set back nothing is fresh: a revocation must not wait until it has caught up. */
function isFresh({ checkedAtMs }: Pick<Standing, 'checkedAtMs'>, nowMs: number): boolean {
  return nowMs >= checkedAtMs && nowMs < checkedAtMs + checkedMs;
}

/** Tokens of an older generation hold no more; 0 where the list does not name the subject. */
function generationIn({ revoked }: Revocations, sub: string): number {
  return revoked.find((one) => one.sub === sub)?.generation ?? 0;
}

function isStillKnown({ checkedAtMs }: Pick<Standing, 'checkedAtMs'>, nowMs: number): boolean {
  return nowMs >= checkedAtMs && nowMs < checkedAtMs + storeAwayMsMax;
}

/** The store gives no answer, in contrast to one that refuses. */
function isAway(error: unknown): boolean {
  return isHybridStoreError(error, 'unavailable') || isHybridStoreError(error, 'deadline_exceeded');
}

function isCurrent({ signedAtMs, renewAtMs }: KeyEntry, nowMs: number): boolean {
  return nowMs >= signedAtMs && nowMs < renewAtMs;
}

function splitSubject(subject: string): readonly [string, string] {
  const colon = subject.indexOf(':');
  return [subject.slice(0, colon), subject.slice(colon + 1)];
}
