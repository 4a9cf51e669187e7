import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addRevoke(server: Server, gateway: Gateway): void {
  server.route(authGateway.revoke, async (request, _reply, context) => {
    const { user_id: userId } = request.params;
    const claims = claimsOf(context);
    const answer = await gateway.accounts.revoke(claims, userId);
    gateway.credentials.forget();
    context.logger.info('permissions_revoked', { user_id: userId, by: claims.sub });
    return answer;
  });
}
