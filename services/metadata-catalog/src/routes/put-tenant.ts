import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import type { Catalog } from '../domain/catalog.ts';
import type { RefreshLoop } from '../domain/refresh-loop.ts';
import { requireSame, tenantIdOf } from './parameters.ts';

/** Idempotent. A tenant that is new here, or has moved, is read from its nodes in the background. */
export function routePutTenant(server: Server, catalog: Catalog, refreshLoop: RefreshLoop): void {
  server.route(metadataCatalog.putTenant, async (request) => {
    const tenantId = tenantIdOf(request.params);
    const body = request.body;
    requireSame('tenant_id', tenantId, body.tenant_id);
    const nodeUrl = readNodeUrl(body.node_url);
    const hasChanged = await catalog.registerTenant(tenantId, nodeUrl);
    if (hasChanged) refreshLoop.refreshSoon(tenantId);
    return { tenant_id: tenantId, node_url: nodeUrl };
  });
}

function readNodeUrl(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/$/, '');
  throw new HybridStoreError('invalid_request', 'node_url: expected a http URL', {
    field: 'node_url',
    expected: 'a http URL',
  });
}
