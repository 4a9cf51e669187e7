import type { LoginRequest, Permission, TokenResponse } from '@hybridstore/contracts';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { Accounts, CallOrigin, LoginResult } from './accounts.ts';

/** Signs the token of a log-in. */
export type TokenSigner = (content: {
  readonly userId: string;
  readonly generation: number;
  readonly isPlatformAdmin: boolean;
  readonly tenantId: string | undefined;
  readonly permissions: readonly Permission[];
}) => { readonly token: string; readonly lifetimeSeconds: number };

export type LogInParts = {
  readonly accounts: Pick<Accounts, 'login'>;
  readonly signToken: TokenSigner;
  readonly countLogin: (result: 'ok' | 'refused' | 'locked') => void;
};

/** Exchanges a password for a token. */
export async function logIn(parts: LogInParts, request: LoginRequest, origin: CallOrigin): Promise<TokenResponse> {
  try {
    const result = await parts.accounts.login(request, origin);
    parts.countLogin('ok');
    return answerToken(parts.signToken, result);
  } catch (error) {
    parts.countLogin(isHybridStoreError(error, 'overloaded') ? 'locked' : 'refused');
    throw error;
  }
}

/** The answer that starts a session. */
export function answerToken(signToken: TokenSigner, { user, tenantId, permissions }: LoginResult): TokenResponse {
  const { userId, generation, isPlatformAdmin } = user;
  const { token, lifetimeSeconds } = signToken({ userId, generation, isPlatformAdmin, tenantId, permissions });
  return {
    access_token: token,
    token_type: 'bearer',
    expires_in: lifetimeSeconds,
    user_id: userId,
    tenant_id: tenantId ?? null,
  };
}
