import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { answerToken } from '../domain/log-in.ts';
import type { Gateway } from '../ports.ts';
import { claimsOf, originOf } from './caller.ts';

export function addChangePassword(server: Server, gateway: Gateway): void {
  server.route(authGateway.changePassword, async (request, _reply, context) => {
    const origin = originOf(gateway, request, context.signal);
    const result = await gateway.accounts.changePassword(claimsOf(context), request.body, origin);
    gateway.credentials.forget();
    context.logger.info('password_changed', { user_id: result.user.userId });
    return answerToken(gateway.signToken, result);
  });
}
