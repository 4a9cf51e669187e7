import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { checkTenant } from '../domain/verbs/check-tenant.ts';
import { callOf } from './call-of.ts';
import { sendLines } from './check-lines.ts';

/** `POST /admin/check`: lines for each source and log, and the counts at the end. */
export function routeCheckTenant(server: Server, node: TenantNode): void {
  server.route(tenantNode.checkSources, async (_request, reply, context) =>
    sendLines(reply, await checkTenant(node, callOf(context)), context),
  );
}
