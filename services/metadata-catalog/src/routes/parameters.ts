import { HybridStoreError } from '@hybridstore/runtime';

export function tenantIdOf(params: { readonly namespace: string; readonly tenant: string }): string {
  return `${params.namespace}/${params.tenant}`;
}

export function policyIdOf(params: { readonly namespace: string; readonly policy: string }): string {
  return `${params.namespace}/${params.policy}`;
}

/** A body that names itself must name what the path names. */
export function requireSame(field: string, expected: string, actual: string): void {
  if (expected === actual) return;
  throw new HybridStoreError('invalid_request', `${field}: expected ${expected} as in the path, found ${actual}`, {
    field,
    expected,
    actual,
  });
}
