import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addPermissions(server: Server, gateway: Gateway): void {
  server.route(authGateway.permissions, (request, _reply, context) => {
    const { user_id: userId } = request.params;
    return gateway.accounts.permissions(claimsOf(context), userId);
  });
}
