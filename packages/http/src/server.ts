import { randomUUID } from 'node:crypto';
import {
  bodyBytesMax,
  type Endpoint,
  type ErrorBody,
  errorStatus,
  jsonDepthMax,
  logTail,
  type ServiceName,
} from '@hybridstore/contracts';
import {
  type Clock,
  durationBucketsSeconds,
  Histogram,
  HybridStoreError,
  type Logger,
  type LogRing,
  type Registry,
  toHybridStoreError,
} from '@hybridstore/runtime';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Caller, callerOf, requireAccess } from './authorize.ts';
import { buildOpenApi } from './openapi.ts';
import { type JsonBounds, parseJson } from './parse-json.ts';
import type { TokenVerifier } from './tokens.ts';
import { createAjv, invalidBody } from './validation.ts';

export type ServerOptions = {
  readonly service: ServiceName;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly verifier: TokenVerifier;
  readonly ring?: LogRing;
  /** Reasons why this process is not ready; empty means ready. */
  readonly notReadyReasons: () => readonly string[];
  readonly bodyBytesMax?: number;
};

/** What a route gets beside fastify's request. `caller` is absent on public endpoints without a token. */
export type CallContext = {
  readonly caller: Caller | undefined;
  readonly requestId: string;
  readonly logger: Logger;
  /** Aborted when the client goes away or the caller's `x-deadline-ms` has passed. */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller leaves for the answer, when it said so. */
  readonly deadlineMs: number | undefined;
};

export type RouteHandler = (request: FastifyRequest, reply: FastifyReply, context: CallContext) => unknown;

export type Server = {
  readonly app: FastifyInstance;
  /** Registers one endpoint of the contracts: validation, access, metrics and OpenAPI come from its description. */
  route(endpoint: Endpoint, handler: RouteHandler): void;
};

const headerBytesMax = 16 * 1024;
const deadlineMsMax = 3_600_000;
const jsonBounds: JsonBounds = { depthMax: jsonDepthMax };

/** A fastify instance with the house's bounds and answers; nothing listens yet. Has /health, /ready, /metrics, /openapi.json, /internal/logs. */
export function createServer(options: ServerOptions): Server {
  const app = Fastify({
    bodyLimit: options.bodyBytesMax ?? bodyBytesMax,
    http: { maxHeaderSize: headerBytesMax },
    routerOptions: { maxParamLength: 300 },
    genReqId: (request) => readRequestId(request.headers['x-request-id']),
    requestTimeout: 120_000,
    keepAliveTimeout: 5_000,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    exposeHeadRoutes: false,
  });
  const served: Endpoint[] = [];
  const ajv = { body: createAjv(), text: createAjv({ coerceTypes: true }) };
  app.setValidatorCompiler(({ schema, httpPart }) =>
    (httpPart === 'body' ? ajv.body : ajv.text).compile(schema as object),
  );
  app.setSchemaErrorFormatter((errors, root) => invalidBody(errors as never, root));
  // Answers are built by typed code; serializing by schema would silently drop fields that the schema lacks.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer, jsonBounds));
    } catch (error) {
      done(error as Error);
    }
  });
  app.setErrorHandler((error, request, reply) => sendError(options.logger, error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendError(
      options.logger,
      new HybridStoreError('not_found', `${request.method} ${request.url.split('?')[0]} does not exist`),
      request,
      reply,
    ),
  );
  observeRequests(app, options);
  const server: Server = { app, route: (endpoint, handler) => addRoute(app, options, served, endpoint, handler) };
  addStandardRoutes(server, options, served);
  return server;
}

function addRoute(
  app: FastifyInstance,
  options: ServerOptions,
  served: Endpoint[],
  endpoint: Endpoint,
  handler: RouteHandler,
): void {
  served.push(endpoint);
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    schema: {
      ...(endpoint.params ? { params: endpoint.params } : {}),
      ...(endpoint.query ? { querystring: endpoint.query } : {}),
      ...(endpoint.body ? { body: endpoint.body } : {}),
    },
    attachValidation: false,
    // Before the body is read: who may not call cannot make this process parse 32 MB.
    onRequest: async (request) => {
      (request as RequestWithCaller).caller = authenticate(request, options.verifier, endpoint);
    },
    handler: async (request, reply) => {
      const context = createContext(request, reply, options);
      const answer = await handler(request, reply, context);
      if (reply.sent || answer === reply) return reply;
      return reply.code(endpoint.status ?? 200).send(answer);
    },
  });
}

type RequestWithCaller = FastifyRequest & { caller?: Caller | undefined };

function authenticate(request: FastifyRequest, verifier: TokenVerifier, endpoint: Endpoint): Caller | undefined {
  const header = request.headers.authorization;
  if (header === undefined) {
    if (endpoint.access.kind === 'public') return undefined;
    throw new HybridStoreError('unauthenticated', 'Authorization: expected "Bearer <token>", found nothing', {
      field: 'Authorization',
    });
  }
  const token = /^Bearer ([^\s]+)$/i.exec(header)?.[1];
  if (token === undefined)
    throw new HybridStoreError('unauthenticated', 'Authorization: expected "Bearer <token>"', {
      field: 'Authorization',
    });
  // A public endpoint must work for a caller whose old token has expired (login, validate).
  if (endpoint.access.kind === 'public') return undefined;
  const caller = callerOf(verifier.verify(token), token);
  requireAccess(caller, endpoint.access);
  return caller;
}

function createContext(request: FastifyRequest, reply: FastifyReply, options: ServerOptions): CallContext {
  const caller = (request as RequestWithCaller).caller;
  const deadlineMs = readDeadline(request.headers['x-deadline-ms']);
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new HybridStoreError('unavailable', 'the client went away'));
  });
  const signal =
    deadlineMs === undefined ? gone.signal : AbortSignal.any([gone.signal, AbortSignal.timeout(deadlineMs)]);
  const tenant = caller?.claims.tenant;
  return {
    caller,
    requestId: request.id,
    deadlineMs,
    signal,
    logger: options.logger.with({ request_id: request.id, ...(tenant === undefined ? {} : { tenant }) }),
  };
}

function readDeadline(header: string | string[] | undefined): number | undefined {
  const value = Number(header);
  return header === undefined || !Number.isInteger(value) || value <= 0 ? undefined : Math.min(value, deadlineMsMax);
}

function readRequestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(header) ? header : randomUUID();
}

/** Maps every error to HTTP, here and nowhere else. No stack and no cause leaves the process. */
export function sendError(logger: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toHybridStoreError(fromFastify(thrown));
  const status = errorStatus[error.code];
  if (status >= 500 && error.code !== 'unavailable' && error.code !== 'deadline_exceeded') {
    logger.error('request_failed', {
      request_id: request.id,
      method: request.method,
      path: request.url.split('?')[0],
      error: error.cause ?? error,
    });
  }
  const retryAfterMs = error.details['retry_after_ms'];
  if (typeof retryAfterMs === 'number')
    void reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  if (error.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer');
  const body: ErrorBody = {
    error: { code: error.code, message: error.message, details: { ...error.details }, request_id: request.id },
  };
  return reply
    .code(status)
    .header('x-request-id', request.id)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

/** Fastify's own refusals, by their codes. */
function fromFastify(thrown: unknown): unknown {
  if (thrown instanceof HybridStoreError || !(thrown instanceof Error) || !('code' in thrown)) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HybridStoreError('too_large', 'body: larger than this endpoint takes', { field: 'body' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new HybridStoreError('invalid_request', 'Content-Type: expected application/json', {
        field: 'Content-Type',
        expected: 'application/json',
      });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new HybridStoreError('invalid_request', 'Content-Length: does not match the body', {
        field: 'Content-Length',
      });
    case 'FST_ERR_BAD_URL':
      return new HybridStoreError('invalid_request', 'the path is not a valid URL', { field: 'path' });
    default:
      return thrown;
  }
}

function observeRequests(app: FastifyInstance, options: ServerOptions): void {
  const durations = new Histogram({
    name: 'hybridstore_http_request_duration_seconds',
    help: 'Time from request to answer',
    labelNames: ['method', 'route', 'status'],
    buckets: durationBucketsSeconds,
    registers: [options.metrics],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    durations.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
  });
  app.addHook('onSend', async (request, reply) => {
    void reply.header('x-request-id', request.id);
  });
}

function addStandardRoutes(server: Server, options: ServerOptions, served: readonly Endpoint[]): void {
  server.app.get('/health', async () => ({ status: 'ok', service: options.service, version: options.version }));
  server.app.get('/ready', async (_request, reply) => {
    const reasons = options.notReadyReasons();
    return reply
      .code(reasons.length === 0 ? 200 : 503)
      .send({ ready: reasons.length === 0, service: options.service, reasons });
  });
  server.app.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.metrics()),
  );
  server.app.get('/openapi.json', async () => buildOpenApi(options.service, options.version, served));
  if (options.ring) {
    const ring = options.ring;
    server.route(logTail, (request) => ring.tail((request.query as { after?: number }).after ?? 0));
  }
}
