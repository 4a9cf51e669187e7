import { authGateway, type TokenClaims, type ValidateResponse } from '@hybridstore/contracts';
import { readBearer, type Server } from '@hybridstore/http';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import type { Gateway } from '../ports.ts';

export function addValidate(server: Server, gateway: Gateway): void {
  server.route(authGateway.validate, async (request) => {
    const credential = request.body?.token ?? readBearer(request.headers.authorization);
    if (credential === undefined)
      throw new HybridStoreError('invalid_request', 'token: expected one in the body or the Authorization header', {
        field: 'token',
      });
    return validate(gateway, credential);
  });
}

async function validate(gateway: Gateway, credential: string): Promise<ValidateResponse> {
  try {
    return describe(await gateway.credentials.verify(credential));
  } catch (error) {
    // A token that does not hold is an answer here; a store that is away is not.
    if (isHybridStoreError(error, 'unauthenticated')) return { valid: false, reason: error.message };
    throw error;
  }
}

function describe(claims: TokenClaims): ValidateResponse {
  return {
    valid: true,
    subject: claims.sub,
    tenant_id: claims.tenant ?? null,
    permissions: claims.permissions ?? [],
    expires_at: new Date(claims.exp * 1_000).toISOString(),
  };
}
