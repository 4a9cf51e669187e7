import type { TokenClaims } from '@hybridstore/contracts';
import { JwksTokenVerifier, type TokenVerifier } from '@hybridstore/http';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';

/**
 * Verifies callers of the operator by the key set that the operator publishes itself. The file is a mounted ConfigMap
 * that does not exist before the operator has run for the first time: until then nobody has a valid token.
 */
export class PublishedKeysVerifier implements TokenVerifier {
  readonly #path: string | undefined;
  readonly #clock: Clock;
  #verifier: TokenVerifier | undefined;

  constructor(path: string | undefined, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  verify(token: string): TokenClaims {
    this.#verifier ??= this.#open();
    return this.#verifier.verify(token);
  }

  #open(): TokenVerifier {
    try {
      if (this.#path !== undefined) return new JwksTokenVerifier(this.#path, this.#clock);
    } catch (cause) {
      throw new HybridStoreError('unauthenticated', 'no keys are published yet', {}, { cause });
    }
    throw new HybridStoreError('unauthenticated', 'this process knows no keys', {});
  }
}
