import { authGateway, Revocations, type TokenClaims } from '@hybridstore/contracts';
import { type Clock, Gauge, HybridStoreError, type Logger, type Registry } from '@hybridstore/runtime';
import { type HttpClient, readAll } from './client.ts';
import type { ServiceIdentity } from './tokens.ts';
import { compileValidator } from './validation.ts';

/** With the second for which the gateway holds its answer, a revocation is known everywhere within 5 s. */
const pollMs = 2_000;
const pollTimeoutMs = 2_000;
const listBytesMax = 1024 * 1024;

const checkRevocations = compileValidator(Revocations);

export type RevocationWatchOptions = {
  readonly client: HttpClient;
  readonly identity: ServiceIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly gatewayUrl: string;
};

/**
 * The gateway's list of what was revoked, asked for every two seconds: tokens are checked without asking anybody, so a
 * service learns only from here that one of them holds no more before it expires. While the gateway is away the last list
 * goes on: reads and writes do not depend on it. `hybridstore_revocations_age_seconds` shows how old the list is.
 */
export class RevocationWatch {
  readonly #options: RevocationWatchOptions;
  #generations: ReadonlyMap<string, number> = new Map();
  #usersIssuedUntil = 0;
  #etag: string | undefined;
  #readAtMs: number;
  #isAway = false;
  #stop = new AbortController();
  #cancel: (() => void) | undefined;

  constructor(options: RevocationWatchOptions) {
    this.#options = options;
    const { clock, metrics } = options;
    this.#readAtMs = clock.monotonicMs();
    const ageSeconds = () => (clock.monotonicMs() - this.#readAtMs) / 1_000;
    new Gauge({
      name: 'hybridstore_revocations_age_seconds',
      help: 'Time since the list of revoked tokens was last known to be right',
      registers: [metrics],
      collect() {
        this.set(ageSeconds());
      },
    });
  }

  /** Throws `unauthenticated` for a token that was revoked. */
  requireStanding(claims: TokenClaims): void {
    const generation = this.#generations.get(claims.sub);
    const isOld = claims.iat <= this.#usersIssuedUntil && claims.sub.startsWith('user:');
    if (isOld || (generation !== undefined && (claims.generation ?? 0) < generation))
      throw new HybridStoreError('unauthenticated', 'the token was revoked');
  }

  /** Asks at once, and then two seconds after each answer. */
  start(): void {
    void this.#poll().finally(() => {
      if (!this.#stop.signal.aborted) this.#cancel = this.#options.clock.schedule(pollMs, () => this.start());
    });
  }

  stop(): void {
    this.#stop.abort(new HybridStoreError('unavailable', 'the service is stopping'));
    this.#cancel?.();
  }

  async #poll(): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      await this.#read();
      this.#readAtMs = clock.monotonicMs();
      if (this.#isAway) logger.info('revocations_known_again');
      this.#isAway = false;
    } catch (error) {
      // Said once: the next poll tries again, and the age of the list is a metric.
      if (!this.#isAway && !this.#stop.signal.aborted) logger.warn('revocations_not_read', { error });
      this.#isAway = true;
    }
  }

  async #read(): Promise<void> {
    const { client, identity, gatewayUrl } = this.#options;
    const answer = await client.stream(gatewayUrl, authGateway.revocations, {
      token: identity.token(),
      timeoutMs: pollTimeoutMs,
      signal: this.#stop.signal,
      ...(this.#etag === undefined ? {} : { headers: { 'if-none-match': this.#etag } }),
    });
    const text = (await readAll(answer.body, listBytesMax)).toString('utf8');
    if (answer.status === 304) return;
    const list: unknown = JSON.parse(text);
    if (!checkRevocations.check<Revocations>(list))
      throw new HybridStoreError('unavailable', `the gateway's list of revocations: ${checkRevocations.describe()}`);
    this.#generations = new Map(list.revoked.map(({ sub, generation }) => [sub, generation]));
    this.#usersIssuedUntil = list.users_issued_until;
    const { etag } = answer.headers;
    this.#etag = typeof etag === 'string' ? etag : undefined;
  }
}
