import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addRevokeGrant(server: Server, gateway: Gateway): void {
  server.route(authGateway.revokeGrant, async (request, _reply, context) => {
    const { user_id: userId } = request.params;
    const claims = claimsOf(context);
    const { tenant_id: tenantId, role, sources } = request.body;
    const answer = await gateway.accounts.revokeGrant(claims, userId, request.body);
    gateway.credentials.forget();
    context.logger.info('grant_revoked', { user_id: userId, tenant_id: tenantId, role, sources, by: claims.sub });
    return answer;
  });
}
