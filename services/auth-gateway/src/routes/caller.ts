import type { TokenClaims } from '@hybridstore/contracts';
import type { CallContext } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';

/** The claims of the caller of an endpoint that is not public. */
export function claimsOf(context: CallContext): TokenClaims {
  assert(context.caller !== undefined, 'the endpoint has a caller');
  return context.caller.claims;
}
