import { bodyBytesMaxOf, type Endpoint, type TokenClaims } from '@hybridstore/contracts';
import { type CallContext, fillPath, readBearer, type Server, type UnreadRequest } from '@hybridstore/http';
import { HybridStoreError, isHybridStoreError } from '@hybridstore/runtime';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isKeyText } from '../domain/api-key.ts';
import { forwardedEndpoints, readsOnly } from '../domain/forwarded-endpoint.ts';
import { buildRequestHeaders, buildResponseHeaders } from '../domain/forwarded-headers.ts';
import { upstreamAddress } from '../domain/upstream-address.ts';
import type { AnswerHead, CallOwners, Gateway, Resolved } from '../ports.ts';

export function addForwarding(server: Server, gateway: Gateway): void {
  for (const endpoint of forwardedEndpoints()) {
    server.routeUnread(endpoint, (request, reply, context) => forward(gateway, endpoint, request, reply, context));
  }
}

async function forward(
  gateway: Gateway,
  endpoint: Endpoint,
  request: UnreadRequest<Endpoint>,
  reply: FastifyReply,
  context: CallContext,
): Promise<void> {
  const resolved = isResolved(context.caller) ? context.caller : await resolveCaller(gateway, request, context);
  if (resolved?.service !== undefined)
    throw new HybridStoreError('forbidden', 'services do not call each other through the gateway');
  await gateway.forwarder.forward(
    {
      request: request.raw,
      bodyBytesMax: bodyBytesMaxOf(endpoint),
      service: endpoint.service,
      tenantId: endpoint.service === 'tenant-node' ? resolved?.claims.tenant : undefined,
      owners: ownersOf(gateway, request, resolved?.claims),
      baseUrl: upstreamAddress(gateway.addresses, endpoint.service, resolved?.claims),
      method: endpoint.method,
      path: buildPath(endpoint, request),
      headers: buildRequestHeaders(request.headers, { requestId: context.requestId, token: resolved?.token }),
      isRepeatable: readsOnly(endpoint),
      signal: context.signal,
    },
    (head) => openAnswer(reply, context, head),
  );
}

function ownersOf(gateway: Gateway, request: UnreadRequest<Endpoint>, claims: TokenClaims | undefined): CallOwners {
  return {
    user: claims?.owner ?? claims?.sub,
    tenant: claims?.tenant,
    address: gateway.addressOf(request.raw),
  };
}

/** A user's token crosses as it is; a key is exchanged. */
function isResolved(caller: CallContext['caller']): caller is Resolved {
  return caller !== undefined && !isKeyText(caller.token);
}

/** A public endpoint is forwarded with whatever token holds, and without one that does not: an old token is no obstacle. */
async function resolveCaller(
  gateway: Gateway,
  request: FastifyRequest,
  { caller }: CallContext,
): Promise<Resolved | undefined> {
  if (caller) return gateway.credentials.resolve(caller.token);
  const credential = readBearer(request.headers.authorization);
  if (credential === undefined) return undefined;
  try {
    return await gateway.credentials.resolve(credential);
  } catch (error) {
    if (isHybridStoreError(error, 'unauthenticated')) return undefined;
    throw error;
  }
}

/**
 * The path as the endpoint table spells it, with the checked parameters put in again, so that no odd spelling (`..`,
 * `%2f`, a second slash) means one thing here and another behind. The query goes on as it came.
 */
function buildPath(endpoint: Endpoint, request: UnreadRequest<Endpoint>): string {
  const path = endpoint.params ? fillPath(endpoint.path, request.params) : endpoint.path;
  const url = request.raw.url ?? '';
  const mark = url.indexOf('?');
  return mark < 0 ? path : path + url.slice(mark);
}

/** Takes the answer out of fastify's hands: its bytes go to the client as they come. */
function openAnswer(reply: FastifyReply, context: CallContext, head: AnswerHead): FastifyReply['raw'] {
  reply.hijack();
  reply.raw.on('error', () => {
    // The client or the service broke off in the middle of an answer; the stream is closed, and nobody is left to notify.
  });
  try {
    return reply.raw.writeHead(head.status, {
      // Those of our own hooks, each of which sets one text.
      ...(reply.getHeaders() as Record<string, string>),
      ...buildResponseHeaders(head.headers),
      'x-request-id': context.requestId,
    });
  } catch (error) {
    // A head that HTTP cannot carry: out of fastify's hands, only an end of the connection reaches the client.
    reply.raw.destroy();
    throw error;
  }
}
