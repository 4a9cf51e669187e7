import { authGateway, type TokenClaims } from '@hybridstore/contracts';
import { readBearer, type Server } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { Gateway } from '../ports.ts';
import { originOf } from './caller.ts';

export function addRegister(server: Server, gateway: Gateway): void {
  const count = (result: 'accepted' | 'refused' | 'limited') => gateway.metrics.registrations.inc({ result });
  server.route(authGateway.register, async (request, _reply, { signal, logger }) => {
    try {
      const claims = await readClaims(gateway, request.headers.authorization);
      const { answer, isMade } = await gateway.accounts.register(
        request.body,
        originOf(gateway, request, signal),
        claims,
      );
      count('accepted');
      if (isMade) logger.info('user_registered', { user_id: answer.user_id, tenant: answer.tenant_id });
      return answer;
    } catch (error) {
      count(isHybridStoreError(error, 'overloaded') ? 'limited' : 'refused');
      throw error;
    }
  });
}

/** Who registers somebody, where that is not himself. A token that does not hold counts as none, as on every public endpoint. */
async function readClaims(gateway: Gateway, authorization: string | undefined): Promise<TokenClaims | undefined> {
  const credential = readBearer(authorization);
  if (credential === undefined) return undefined;
  try {
    return await gateway.credentials.verify(credential);
  } catch (error) {
    if (isHybridStoreError(error, 'unauthenticated')) return undefined;
    throw error;
  }
}
