import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';

export function addJwks(server: Server, gateway: Gateway): void {
  server.route(authGateway.jwks, () => gateway.jwks());
}
