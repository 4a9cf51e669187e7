import { authGateway, type TokenResponse } from '@hybridstore/contracts';
import type { Server } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { LoginResult } from '../domain/accounts.ts';
import type { Gateway } from '../ports.ts';

export function addLogin(server: Server, gateway: Gateway): void {
  server.route(authGateway.login, async (request, _reply, { signal }) => {
    try {
      const result = await gateway.accounts.login(request.body, signal);
      gateway.metrics.logins.inc({ result: 'ok' });
      return buildAnswer(gateway, result);
    } catch (error) {
      gateway.metrics.logins.inc({ result: isHybridStoreError(error, 'overloaded') ? 'locked' : 'refused' });
      throw error;
    }
  });
}

function buildAnswer(gateway: Gateway, { user, tenantId, permissions }: LoginResult): TokenResponse {
  const { userId, generation, isPlatformAdmin } = user;
  const { token, lifetimeSeconds } = gateway.signToken({ userId, generation, isPlatformAdmin, tenantId, permissions });
  return {
    access_token: token,
    token_type: 'bearer',
    expires_in: lifetimeSeconds,
    user_id: userId,
    tenant_id: tenantId ?? null,
  };
}
