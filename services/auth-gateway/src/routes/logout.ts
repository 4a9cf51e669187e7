import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addLogout(server: Server, gateway: Gateway): void {
  server.route(authGateway.logout, async (_request, _reply, context) => {
    const userId = await gateway.accounts.logout(claimsOf(context));
    gateway.credentials.forget();
    context.logger.info('user_logged_out', { user_id: userId });
    return { user_id: userId, logged_out: true };
  });
}
