import type { TenantRegistration } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../catalog.ts';
import type { RefreshLoop } from '../refresh-loop.ts';

export type RegisterParts = { readonly catalog: Catalog; readonly refreshLoop: RefreshLoop };

/** Idempotent. A tenant that is new here, or has moved, is read from its nodes in the background. */
export async function registerTenant(
  { catalog, refreshLoop }: RegisterParts,
  registration: TenantRegistration,
): Promise<TenantRegistration> {
  const tenantId = registration.tenant_id;
  const nodeUrl = readNodeUrl(registration.node_url);
  const hasChanged = await catalog.registerTenant(tenantId, nodeUrl);
  if (hasChanged) refreshLoop.refreshSoon(tenantId);
  return { tenant_id: tenantId, node_url: nodeUrl };
}

function readNodeUrl(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/$/, '');
  throw new HybridStoreError('invalid_request', 'node_url: expected a http URL', {
    field: 'node_url',
    expected: 'a http URL',
  });
}
