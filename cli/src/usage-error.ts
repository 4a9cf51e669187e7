import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';

/** The command line itself is wrong, whatever the platform would say: exit code 2, and `--help` is the way on. */
export function usageError(field: string, message: string): HybridStoreError {
  return new HybridStoreError('invalid_request', `${field}: ${message}`, { field, is_usage: true });
}

export function isUsageError(error: unknown): boolean {
  return isHybridStoreError(error) && error.details['is_usage'] === true;
}
