import { tenantNode } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { TenantNode } from '../domain/node.ts';
import { checkLog } from '../domain/verbs/check-log.ts';
import { callOf } from './call-of.ts';
import { sendLines } from './check-lines.ts';

/** `POST /internal/log/check`: asked by the member that somebody has asked for a check. */
export function routeCheckLog(server: Server, node: TenantNode): void {
  server.route(tenantNode.checkLog, async (_request, reply, context) =>
    sendLines(reply, checkLog(node, callOf(context)), context),
  );
}
