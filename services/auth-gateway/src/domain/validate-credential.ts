import type { TokenClaims, ValidateResponse } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';

/** Says whether a credential holds, and for what. One that does not is an answer; a store that is away is not. */
export async function validateCredential(
  verify: (credential: string) => Promise<TokenClaims>,
  credential: string,
): Promise<ValidateResponse> {
  try {
    return describe(await verify(credential));
  } catch (error) {
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
