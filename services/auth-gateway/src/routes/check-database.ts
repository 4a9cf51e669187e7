import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';

export function addCheckDatabase(server: Server, gateway: Gateway): void {
  server.route(authGateway.checkDatabase, () => gateway.checkDatabase());
}
