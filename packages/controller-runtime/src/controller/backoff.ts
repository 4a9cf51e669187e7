/** Waiting longer after each failure, with jitter so that many clients of one server do not come back together. */
export type BackoffOptions = {
  readonly baseMs: number;
  readonly capMs: number;
  /** In [0, 1). */
  readonly random: () => number;
};

/** The wait before attempt `failures + 1`: doubles from the base to the cap, then 50 to 100 % of that. */
export function backoffMs(failures: number, { baseMs, capMs, random }: BackoffOptions): number {
  const exponent = Math.min(Math.max(failures - 1, 0), doublingsMax);
  const full = Math.min(baseMs * 2 ** exponent, capMs);
  return full * (0.5 + random() / 2);
}

/** 2^30 base units are beyond any cap; more would overflow. */
const doublingsMax = 30;
