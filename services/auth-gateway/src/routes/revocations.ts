import { hash } from 'node:crypto';
import { authGateway } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import type { Gateway } from '../ports.ts';

export function addRevocations(server: Server, gateway: Gateway): void {
  server.route(authGateway.revocations, async (request, reply) => {
    const revocations = await gateway.revocations.read();
    const etag = `"${hash('sha256', JSON.stringify(revocations), 'base64url')}"`;
    void reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return revocations;
  });
}
