/**
 * Which headers cross the gateway. Towards the services: a short list of what they read, and nothing else, so that no
 * header of identity or forwarding (X-Forwarded-*, Forwarded, Via, X-Real-IP, X-User-*, Cookie …) can ever be believed
 * behind it, whatever its name. Towards the client: all but those of one connection (RFC 9110, section 7.6.1) and those
 * that name what runs here.
 */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

const requestHeaders = [
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'idempotency-key',
  'if-match',
  'if-none-match',
  'traceparent',
  'tracestate',
  'x-deadline-ms',
] as const;

const hiddenResponseHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'date',
  'server',
  'via',
  'x-powered-by',
  'x-request-id',
  'set-cookie',
]);

/** Headers of the request to the service: the listed ones, the exchanged token and the request id. */
export function buildRequestHeaders(
  received: Headers,
  call: { readonly requestId: string; readonly token: string | undefined },
): Record<string, string> {
  const sent: Record<string, string> = { 'x-request-id': call.requestId };
  for (const name of requestHeaders) {
    const value = received[name];
    if (typeof value === 'string') sent[name] = value;
  }
  if (call.token !== undefined) sent['authorization'] = `Bearer ${call.token}`;
  return sent;
}

/** Headers of the answer to the client; also without the ones that its Connection header names. */
export function buildResponseHeaders(received: Headers): Record<string, string | string[]> {
  const named = namesIn(received['connection']);
  const sent: Record<string, string | string[]> = {};
  for (const name of Object.keys(received)) {
    const value = received[name];
    if (value !== undefined && !hiddenResponseHeaders.has(name) && !named.includes(name)) sent[name] = value;
  }
  return sent;
}

function namesIn(connection: string | string[] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive') return nothing;
  return String(connection)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
}

const nothing: readonly string[] = [];
