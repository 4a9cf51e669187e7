/** Slow hashes of passwords, off the main loop and a bounded number at a time (`overloaded` beyond). */
export interface PasswordHasher {
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether the password belongs to the hash. Without a hash (an unknown user) it does the same work and says no, so
   * that the time of an answer does not show who exists.
   */
  verify(password: string, hash: string | undefined, signal?: AbortSignal): Promise<boolean>;
  /** Whether a hash is of an old kind and should be made anew at the next successful log-in. */
  isOutdated(hash: string): boolean;
}
