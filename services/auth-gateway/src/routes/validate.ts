import { authGateway } from '@hybridstore/contracts';
import { readBearer, type Server } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import { validateCredential } from '../domain/validate-credential.ts';
import type { Gateway } from '../ports.ts';

export function addValidate(server: Server, gateway: Gateway): void {
  server.route(authGateway.validate, async (request) => {
    const credential = request.body?.token ?? readBearer(request.headers.authorization);
    if (credential === undefined)
      throw new HybridStoreError('invalid_request', 'token: expected one in the body or the Authorization header', {
        field: 'token',
      });
    return validateCredential((text) => gateway.credentials.verify(text), credential);
  });
}
