import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';

export function addRegister(server: Server, gateway: Gateway): void {
  server.route(authGateway.register, async (request, _reply, { signal, logger }) => {
    const user = await gateway.accounts.register(request.body, signal);
    logger.info('user_registered', { user_id: user.user_id, tenant: user.tenant_id });
    return user;
  });
}
