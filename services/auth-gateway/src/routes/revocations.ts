import { authGateway } from '@hybridstore/contracts';
import { answerIfChanged, type Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';

export function addRevocations(server: Server, gateway: Gateway): void {
  server.route(authGateway.revocations, async (request, reply) =>
    answerIfChanged(request, reply, await gateway.revocations.read()),
  );
}
