import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addCreateKey(server: Server, gateway: Gateway): void {
  server.route(authGateway.createKey, async (request, _reply, context) => {
    const claims = claimsOf(context);
    const key = await gateway.keys.create(claims, request.body);
    context.logger.info('api_key_created', { key_id: key.key_id, expires_at: key.expires_at, by: claims.sub });
    return key;
  });
}
