import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';
import { claimsOf } from './caller.ts';

export function addListKeys(server: Server, gateway: Gateway): void {
  server.route(authGateway.listKeys, async (_request, _reply, context) => ({
    keys: await gateway.keys.list(claimsOf(context)),
  }));
}
