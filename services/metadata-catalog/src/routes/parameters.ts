import { HybridStoreError } from '@hybridstore/runtime';
import type { FastifyRequest } from 'fastify';

/** Path parameters, as the endpoint's schema has checked them. */
export function tenantParam(request: FastifyRequest): string {
  const { namespace, tenant } = request.params as { readonly namespace: string; readonly tenant: string };
  return `${namespace}/${tenant}`;
}

export function sourceParam(request: FastifyRequest): string {
  return (request.params as { readonly source_id: string }).source_id;
}

export function policyParam(request: FastifyRequest): string {
  const { namespace, policy } = request.params as { readonly namespace: string; readonly policy: string };
  return `${namespace}/${policy}`;
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
