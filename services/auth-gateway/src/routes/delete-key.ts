import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addDeleteKey(server: Server, gateway: Gateway): void {
  server.route(authGateway.deleteKey, async (request, _reply, context) => {
    const { key_id: keyId } = request.params;
    const claims = claimsOf(context);
    await gateway.keys.revoke(claims, keyId);
    gateway.credentials.forget();
    context.logger.info('api_key_revoked', { key_id: keyId, by: claims.sub });
    return { key_id: keyId, revoked: true };
  });
}
