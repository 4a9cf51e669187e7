import { type ErrorCode, isHybridStoreError } from '@hybridstore/runtime';
import { retryAfterMsOf } from '../kube/errors.ts';

/** What a failed reconcile does next: the one place where error codes become waiting times. */
export type Requeue = {
  readonly code: ErrorCode | 'unknown';
  /** The key's own backoff applies, and never less than this. */
  readonly delayMsMin: number;
  /** Expected in a living cluster: logged quietly. */
  readonly isExpected: boolean;
};

/** Nothing but a change of the object or of the cluster's rules helps; still looked at again, slowly. */
const hopelessDelayMs = 30_000;

export function decideRequeue(error: unknown): Requeue {
  if (!isHybridStoreError(error)) return { code: 'unknown', delayMsMin: 0, isExpected: false };
  const { code } = error;
  switch (code) {
    case 'conflict': // someone wrote first: the cache will show it in a moment
    case 'not_found': // gone between look and write
    case 'gone':
      return { code, delayMsMin: 0, isExpected: true };
    case 'overloaded':
    case 'unavailable':
    case 'deadline_exceeded':
      return { code, delayMsMin: retryAfterMsOf(error) ?? 0, isExpected: true };
    case 'invalid_request':
    case 'forbidden':
    case 'unauthenticated':
    case 'too_large':
      return { code, delayMsMin: hopelessDelayMs, isExpected: false };
    default:
      return { code, delayMsMin: 0, isExpected: false };
  }
}
