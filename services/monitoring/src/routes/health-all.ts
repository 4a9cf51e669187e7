import { monitoring, type TokenClaims } from '@hybridstore/contracts';
import { callerOf, readBearer, type Server, type TokenVerifier } from '@hybridstore/http';
import { type Clock, isHybridStoreError } from '@hybridstore/runtime';
import type { HealthBoard } from '../domain/health-board.ts';
import { viewHealth } from '../domain/health-view.ts';
import { waitAtMost } from '../domain/wait-at-most.ts';

/** Who asks waits no longer for processes that do not answer; what was seen of them before is shown. */
const waitMsMax = 3_000;

/** A fresh look (at most a second old): who asks wants to know now. */
export function routeHealthAll(
  server: Server,
  options: { readonly board: HealthBoard; readonly verifier: TokenVerifier; readonly clock: Clock },
): void {
  server.route(monitoring.healthAll, async (request) => {
    await waitAtMost(options.clock, waitMsMax, options.board.refresh());
    return viewHealth(options.board.sightings(), readClaims(options.verifier, request.headers.authorization));
  });
}

/** The endpoint is public: a token that holds shows more, one that does not shows what everybody sees. */
function readClaims(verifier: TokenVerifier, header: string | undefined): TokenClaims | undefined {
  const token = readBearer(header);
  if (token === undefined) return undefined;
  try {
    const caller = callerOf(verifier.verify(token), token);
    return caller.service === undefined ? caller.claims : undefined;
  } catch (error) {
    if (isHybridStoreError(error, 'unauthenticated')) return undefined;
    throw error;
  }
}
