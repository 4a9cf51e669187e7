import type { TokenClaims } from '@hybridstore/contracts';
import type { CallContext } from '@hybridstore/http';
import { assert } from '@hybridstore/runtime';
import type { FastifyRequest } from 'fastify';
import type { CallOrigin } from '../domain/accounts.ts';
import type { Gateway } from '../ports.ts';

/** The claims of the caller of an endpoint that is not public. */
export function claimsOf(context: CallContext): TokenClaims {
  assert(context.caller !== undefined, 'the endpoint has a caller');
  return context.caller.claims;
}

/** Whom bounds by address count, and until when he waits for an answer. */
export function originOf(
  { addressOf }: Gateway,
  request: Pick<FastifyRequest, 'raw'>,
  signal: AbortSignal,
): CallOrigin {
  return { address: addressOf(request.raw), signal };
}
