import { metadataCatalog } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { type RegisterParts, registerTenant } from '../domain/verbs/register-tenant.ts';
import { requireSame, tenantIdOf } from './parameters.ts';

export function routePutTenant(server: Server, parts: RegisterParts): void {
  server.route(metadataCatalog.putTenant, async ({ params, body }) => {
    requireSame('tenant_id', tenantIdOf(params), body.tenant_id);
    return registerTenant(parts, body);
  });
}
