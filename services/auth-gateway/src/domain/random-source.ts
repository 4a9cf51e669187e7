/** Where ids and secrets come from; a cryptographic generator outside of tests. */
export interface RandomSource {
  bytes(count: number): Buffer;
  /** A random UUID (RFC 9562, version 4). */
  uuid(): string;
}
