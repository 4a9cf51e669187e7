import { randomUUID } from 'node:crypto';
import { type Server as HttpServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type BodyCoding,
  type BodyOf,
  bodyBounds,
  bodyBytesMaxOf,
  type Endpoint,
  type ErrorBody,
  errorStatus,
  jsonDepthMax,
  logTail,
  type ParamsOf,
  type QueryOf,
  type ResponseOf,
  type Sent,
  type ServiceName,
  type TokenClaims,
  takesPackedBody,
} from '@hybridstore/contracts';
import {
  type Clock,
  Counter,
  durationBucketsSeconds,
  Histogram,
  HybridStoreError,
  type Logger,
  type LogRing,
  type Registry,
  retryLater,
  toHybridStoreError,
} from '@hybridstore/runtime';
import type { ValidateFunction } from 'ajv';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';
import { ArrivingBodies, type ArrivingBytes } from './arriving-bodies.ts';
import { type Caller, callerOf, requireAccess } from './authorize.ts';
import { type AdmitBody, admitBody, type BodyPlace, bodyBytes, wholeBytesMax } from './body-admission.ts';
import { type CallContext, RequestContext } from './call-context.ts';
import { compressAnswers } from './compressed-answers.ts';
import { type ConnectionBounds, Connections } from './connections.ts';
import { flattenSchema } from './flatten-schema.ts';
import { askWhetherHalfClosed } from './half-closed.ts';
import { JsonThreads } from './json-threads.ts';
import { lingerBehindAnswer } from './linger.ts';
import { buildOpenApi } from './openapi.ts';
import { PackedBodies, readCodings } from './packed-bodies.ts';
import { parseJson } from './parse-json.ts';
import { methodNotAllowed, ServedMethods } from './served-methods.ts';
import { type ClientPaces, SlowClients } from './slow-clients.ts';
import { refuseOnSocket, type SocketRefusal, slowRequest } from './socket-answer.ts';
import { createStandardAnswers, jsonType, type StandardAnswer, type StandardAnswers } from './standard-answers.ts';
import { createAjv, invalidBody } from './validation.ts';

export type ServerOptions = {
  readonly service: ServiceName;
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly clock: Clock;
  /** May ask a store (the gateway does), hence the promise. */
  readonly verifier: { verify(token: string): TokenClaims | Promise<TokenClaims> };
  readonly ring?: LogRing;
  /** Whose process this is, where it is one tenant's: tokens for others are refused before anything else is read. */
  readonly tenantId?: string;
  /** Reasons why this process is not ready; empty means ready. */
  readonly notReadyReasons: () => readonly string[];
  /** What is wrong although this process is ready: reasons of /ready that keep nobody away. */
  readonly warnings?: () => readonly string[];
  /** Whether this process is about to leave by its own doing, beside the signal that ends it. */
  readonly isLeaving?: () => boolean;
  /** Longest wait for a request's head. 20 s when absent. */
  readonly headersTimeoutMs?: number;
  /** Longest wait for a whole request, head and body. 120 s when absent. */
  readonly requestTimeoutMs?: number;
  /** How long a connection without a request is kept. 5 s when absent. */
  readonly keepAliveMs?: number;
  /** Open connections; 4,096 of whatever address when absent. */
  readonly connections?: ConnectionBounds;
  /** How fast clients have to send bodies and take answers. */
  readonly paces?: ClientPaces;
  /** Bytes of bodies that may be on their way in. */
  readonly arrivingBytes?: ArrivingBytes;
};

/** Fastify's request with the types of an endpoint's schemas, by which it has been checked. */
export type RouteRequest<E extends Endpoint> = FastifyRequest<{
  Params: ParamsOf<E>;
  Querystring: QueryOf<E>;
  // Where a body may be absent, a JSON null counts as none.
  Body: BodyOf<E> | (undefined extends BodyOf<E> ? null : never);
}>;

/** Gives the endpoint's response, or the reply where it has written that itself. */
export type RouteHandler<E extends Endpoint = Endpoint> = (
  request: RouteRequest<E>,
  reply: FastifyReply,
  context: CallContext,
) => Answer<E> | Promise<Answer<E>>;
type Answer<E extends Endpoint> = Sent<ResponseOf<E>> | FastifyReply;

/**
 * `readLarge`: how a body beyond `loopBytesMax` is read; in a thread that checks it, when absent. `readOther`: how one is read
 * that is of another type than JSON, where the endpoint takes such. `admission`: who lets
 * bodies in; when absent, all that are not too large.
 */
export type RouteReading = {
  readonly readLarge?: ReadLarge;
  readonly readOther?: ReadOther;
  readonly admission?: AdmitBody;
};

export type UnreadRequest<E extends Endpoint> = FastifyRequest<{ Params: ParamsOf<E> }>;
/** A handler that gets the body unread, and answers by itself or throws. */
export type UnreadHandler<E extends Endpoint> = (
  request: UnreadRequest<E>,
  reply: FastifyReply,
  context: CallContext,
) => Promise<void>;

export interface Server {
  readonly app: FastifyInstance;
  /** What other listeners of the process may answer too. */
  readonly standard: StandardAnswers;
  /** Registers one endpoint of the contracts: validation, access, metrics and OpenAPI come from its description. */
  route<E extends Endpoint>(endpoint: E, handler: RouteHandler<E>, options?: RouteReading): void;
  /**
   * Registers an endpoint whose body this process hands on unread: the handler takes the bytes from `request.raw`, of any
   * content type, and bounds them itself. Access and path parameters are checked as ever; body and query are not.
   */
  routeUnread<E extends Endpoint>(endpoint: E, handler: UnreadHandler<E>): void;
}

const headerBytesMax = 16 * 1024;
/** A body up to this is parsed where requests are answered: whatever it holds, that takes few milliseconds. */
export const loopBytesMax = 256 * 1024;
const headersTimeoutMsDefault = 20_000;
const requestTimeoutMsDefault = 120_000;
const keepAliveMsDefault = 5_000;
const slowClientCheckMs = 5_000;
/** Who does not close after an answer to what was no request is closed. */
const clientErrorLingerMs = 5_000;
const connectionsDefault: ConnectionBounds = { max: 4_096, perAddressMax: 4_096, addressOf: () => undefined };
/** What of a body that is handed on unread lies here at most while it comes: a part of it, or a small one whole. */
const unreadBytesMax = 64 * 1024;

/** A fastify instance with the platform's bounds and answers; nothing listens yet. Has /health, /ready, /metrics, /openapi.json, /internal/logs. */
export function createServer(options: ServerOptions): Server {
  const methods = new ServedMethods();
  const app = Fastify({
    bodyLimit: bodyBounds.other,
    http: {
      maxHeaderSize: headerBytesMax,
      headersTimeout: options.headersTimeoutMs ?? headersTimeoutMsDefault,
      connectionsCheckingInterval: slowClientCheckMs,
      // Checked by a hook, whose answer has a body.
      requireHostHeader: false,
    },
    routerOptions: { maxParamLength: 300 },
    genReqId: (request) => readRequestId(request.headers['x-request-id']),
    requestTimeout: options.requestTimeoutMs ?? requestTimeoutMsDefault,
    keepAliveTimeout: options.keepAliveMs ?? keepAliveMsDefault,
    forceCloseConnections: 'idle',
    // What still comes in is answered, as its sender may not repeat it; each answer says that the connection ends.
    return503OnClosing: false,
    exposeHeadRoutes: true,
    clientErrorHandler: (error, socket) => answerClientError(error, socket, { clock: options.clock, methods }),
    frameworkErrors: (error, request, reply) => {
      void sendError(options.logger, error, request, reply);
    },
  });
  // Known before a request is made, each has its place in it.
  app.decorateRequest('caller', undefined).decorateRequest('codings', null).decorateRequest('place', undefined);
  const served: Endpoint[] = [];
  const ajv = { body: createAjv(), text: createAjv({ coerceTypes: true }) };
  // Fastify's own types know neither what a schema nor what an error of its validator is: both are ours, and ajv's.
  const checked = new WeakSet<object>();
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const isBody = httpPart === 'body';
    return createCheck(
      () => (isBody ? ajv.body : ajv.text).compile(flattenSchema(schema as object)),
      isBody ? checked : undefined,
    );
  });
  app.setSchemaErrorFormatter((errors, root) => invalidBody(errors as never, root));
  // Answers are built by typed code; serializing by schema would silently drop fields that the schema lacks.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.removeAllContentTypeParsers();
  const threads = new JsonThreads(options);
  app.addHook('onClose', () => threads.close());
  const packed = new PackedBodies();
  // As `addRoute` has set the config; and bytes, because the parser asks for a buffer.
  type Parsed = (error: Error | null, value?: unknown) => void;
  const parse = (request: FastifyRequest, body: unknown, done: Parsed, read: (bytes: Buffer) => unknown) => {
    const { codings, caller, place } = request as ArrivedRequest;
    const { bodyLimit: bytesMax } = request.routeOptions;
    const packing = { codings, bytesMax, claims: caller?.claims, socket: request.raw.socket };
    const readAny = () => (codings.length === 0 ? read(body as Buffer) : packed.read(body as Buffer, packing, read));
    settle(
      (error, value?: unknown) => done(error ?? null, value),
      () => (place ? place.during<unknown>(readAny) : readAny()),
    );
  };
  const note = (value: unknown) => {
    if (typeof value === 'object' && value !== null) checked.add(value);
    return value;
  };
  const takeType = (type: string) => {
    if (app.hasContentTypeParser(type)) return;
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (request, body, done) => {
      const { readOther, types } = request.routeOptions.config as unknown as RouteConfig;
      if (readOther && types.includes(type))
        parse(request, body, done, (bytes) => readOther(bytes, { type, query: request.query }).then(note));
      else done(wrongType(types));
    });
  };
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const config = request.routeOptions.config as unknown as RouteConfig;
    parse(request, body, done, (bytes: Buffer) => {
      if (bytes.length <= loopBytesMax)
        return parseJson(bytes, { depthMax: jsonDepthMax, keepsNumbers: config.keepsNumbers });
      const large = config.readLarge ? config.readLarge(bytes) : readLarge(threads, bytes, config);
      return large.then(note);
    });
  });
  app.setErrorHandler((error, request, reply) => {
    lingerBehindAnswer(request.raw, options.clock);
    return sendError(options.logger, error, request, reply);
  });
  app.setNotFoundHandler((request, reply) =>
    sendError(options.logger, methods.refusal(request.method, pathOf(request)), request, reply),
  );
  app.addHook('onRoute', ({ method, url }) => {
    if (!url.includes('*')) for (const one of [method].flat()) methods.add(one, url);
  });
  app.addHook('onRequest', (request, _reply, done) => settle(done, () => requireOneHost(request.raw)));
  // Before the body is read, and whatever fastify thinks of the method.
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (request.is404) done(methods.refusal(request.method, pathOf(request)));
    else done();
  });
  listenToOddRequests(app.server, methods);
  observeRequests(app, options);
  compressAnswers(app, (request) => (request.routeOptions.config as Partial<RouteConfig>)?.holdsSecret !== true);
  const bodies = boundClients(app, options);
  const unread: Route[] = [];
  // A scope of its own, because content type parsers belong to a scope. Its routes are known when the server gets ready.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const route of unread) addRoute(scope, options, bodies, route);
  });
  const server: Server = {
    app,
    standard: createStandardAnswers(options),
    route: (endpoint, handler, reading) => {
      served.push(endpoint);
      for (const type of Object.keys(endpoint.takes ?? {})) takeType(type);
      addRoute(app, options, bodies, { endpoint, handler, schema: buildSchema(endpoint), ...reading });
    },
    routeUnread: (endpoint, handler) => {
      served.push(endpoint);
      unread.push({ endpoint, handler, schema: endpoint.params ? { params: endpoint.params } : {}, isUnread: true });
    },
  };
  addStandardRoutes(server, options, served);
  return server;
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

/** Two names leave open whose request it is, and every proxy in between may choose another one. */
function requireOneHost(request: IncomingMessage): void {
  const { rawHeaders: headers } = request;
  let found = 0;
  for (let index = 0; index < headers.length; index += 2) if (isHost(headers[index]!)) found += 1;
  if (found === 1 || (found === 0 && request.httpVersion === '1.0')) return;
  throw new HybridStoreError('invalid_request', `Host: expected once, found ${found} times`, {
    field: 'Host',
    expected: 'one header',
    actual: `${found}`,
  });
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}

/** What Node keeps from the handlers of requests, or ends on its own. */
function listenToOddRequests(server: HttpServer, methods: ServedMethods): void {
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('connect', (request, socket) => {
    refuseOnSocket(socket, describeRefusal(methodNotAllowed(request.method ?? 'CONNECT', methods.methods())));
  });
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
}

type RouteConfig = {
  readonly holdsSecret: boolean;
  readonly keepsNumbers: boolean;
  readonly bodySchema: { readonly name: string; readonly schema: object } | undefined;
  readonly readLarge?: ReadLarge | undefined;
  readonly readOther?: ReadOther | undefined;
  /** Of bodies, besides JSON. */
  readonly types: readonly string[];
};
/** Reads and checks a body that is too large for the main loop. What it gives is handed to the handler as it is. */
export type ReadLarge = (body: Buffer) => Promise<object>;
/** Reads and checks a body of another type than JSON. What it gives is handed to the handler as it is. */
export type ReadOther = (body: Buffer, as: { readonly type: string; readonly query: unknown }) => Promise<object>;
type Route = {
  readonly endpoint: Endpoint;
  readonly handler: AnyHandler;
  readonly schema: object;
  readonly readLarge?: ReadLarge | undefined;
  readonly readOther?: ReadOther | undefined;
  readonly admission?: AdmitBody | undefined;
  readonly isUnread?: boolean;
};

/** In a turn of its own: the handler's work begins in the next one. */
async function readLarge(threads: JsonThreads, body: Buffer, config: RouteConfig): Promise<unknown> {
  const { bodySchema, keepsNumbers } = config;
  await threads.check(body, { depthMax: jsonDepthMax, keepsNumbers, ...(bodySchema ? { schema: bodySchema } : {}) });
  const value = keepsNumbers ? parseJson(body, { depthMax: jsonDepthMax, keepsNumbers }) : parsePlainly(body);
  await nextTurn();
  return value;
}

function parsePlainly(body: Buffer): unknown {
  return JSON.parse(body.toString());
}

/**
 * What fastify asks of one part of a request. The schema is compiled when the first one comes: those of all routes
 * are two fifths of what a start takes, and most processes meet only some of them. A body that a thread has `checked` is
 * not looked at again.
 */
function createCheck(compile: () => ValidateFunction, checked: WeakSet<object> | undefined) {
  let validate: ValidateFunction | undefined;
  // Fastify asks for the errors only of what did not fit.
  const check = (value: unknown): boolean => {
    if (typeof value === 'object' && value !== null && checked?.has(value)) return true;
    validate ??= compile();
    const fits = validate(value) === true;
    Object.assign(check, { errors: validate.errors });
    return fits;
  };
  return check;
}
/** A handler of any endpoint: only the endpoint's own schemas say what its request holds. */
type AnyHandler = (request: never, reply: FastifyReply, context: CallContext) => unknown;

function buildSchema(endpoint: Endpoint): object {
  return {
    ...(endpoint.params ? { params: endpoint.params } : {}),
    ...(endpoint.query ? { querystring: endpoint.query } : {}),
    ...(endpoint.body ? { body: buildBodySchema(endpoint.body) } : {}),
  };
}

function describeBodySchema({ method, path }: Endpoint, body: TSchema): RouteConfig['bodySchema'] {
  return { name: `${method} ${path}`, schema: flattenSchema(body) };
}

/** Fastify shows an absent body to the validator as null. */
function buildBodySchema(body: TSchema): object {
  return Type.IsOptional(body) ? { anyOf: [body, { type: 'null' }] } : body;
}

function addRoute(
  app: FastifyInstance,
  options: ServerOptions,
  bodies: ArrivingBodies,
  { endpoint, handler, schema, readLarge, readOther, admission, isUnread = false }: Route,
): void {
  const bodyLimit = bodyBytesMaxOf(endpoint);
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit,
    schema,
    config: {
      holdsSecret: endpoint.holdsSecret === true,
      keepsNumbers: endpoint.keepsNumbers === true,
      bodySchema: endpoint.body && describeBodySchema(endpoint, endpoint.body),
      readLarge,
      readOther,
      types: Object.keys(endpoint.takes ?? {}),
    } satisfies RouteConfig,
    attachValidation: false,
    // Before the body is read: who may not call cannot make this process parse 32 MB.
    onRequest: (request, reply, done) => {
      const enter = (caller: Caller | undefined) => {
        const codings = isUnread
          ? noCodings
          : readCodings(request.headers['content-encoding'], takesPackedBody(endpoint));
        const arrived = request as ArrivedRequest;
        arrived.caller = caller;
        arrived.codings = codings;
        const arrive = () => bodies.enter(request.raw, caller?.claims, isUnread ? unreadBytesMax : bodyLimit);
        if (!admission) return arrive();
        const bytesMax = bodyBytes(request.raw, bodyLimit, codings.length > 0);
        // One that is too large is refused for that.
        if (bytesMax < admission.bytesMin || bytesMax > bodyLimit) return arrive();
        if (bytesMax <= wholeBytesMax) arrive();
        return admitBody(request, reply, { caller, bytesMax, admit: admission.admit }).then((place) => {
          arrived.place = place;
          if (bytesMax > wholeBytesMax) arrive();
        });
      };
      settle<void>(done, () => {
        const caller = authenticate(request, options, endpoint);
        return caller instanceof Promise ? caller.then(enter) : enter(caller);
      });
    },
    // Gives fastify nothing: for a promise of a reply it would watch the end of every answer.
    handler: (request, reply) => {
      const { caller, place } = request as ArrivedRequest;
      const context = new RequestContext(request, reply, { caller, logger: options.logger, clock: options.clock });
      // Fastify has checked the request against the schemas that the handler's types are read from.
      const handle = () => handler(request as never, reply, context);
      answerWith(reply, endpoint.status ?? 200, () => (place ? place.during<unknown>(handle) : handle()));
    },
  });
}

/** Sends what a handler gives or throws, unless it has answered by itself. */
function answerWith(reply: FastifyReply, status: number, handle: () => unknown): void {
  const fail = (error: unknown) => {
    if (!reply.sent) void reply.send(error instanceof Error ? error : toHybridStoreError(error));
  };
  const send = (answer: unknown) => {
    if (reply.sent || answer === reply) return;
    try {
      void reply.code(status).send(answer);
    } catch (error) {
      fail(error);
    }
  };
  try {
    const answer = handle();
    if (answer instanceof Promise) answer.then(send, fail);
    else send(answer);
  } catch (error) {
    fail(error);
  }
}

/** What `onRequest` leaves on a request that has passed it. */
type Arrived = {
  caller: Caller | undefined;
  codings: readonly BodyCoding[];
  place: BodyPlace | undefined;
};
const noCodings: readonly BodyCoding[] = [];
type ArrivedRequest = FastifyRequest & Arrived;

/** A promise only where the verifier has to ask. */
function authenticate(
  request: FastifyRequest,
  { verifier, tenantId }: Pick<ServerOptions, 'verifier' | 'tenantId'>,
  { access }: Endpoint,
): Caller | undefined | Promise<Caller> {
  // A public endpoint must work for a caller whose old token has expired (login, validate).
  if (access.kind === 'public') return undefined;
  const token = readBearer(request.headers.authorization);
  if (token === undefined) {
    const found = request.headers.authorization === undefined ? 'nothing' : 'another scheme';
    throw new HybridStoreError('unauthenticated', `Authorization: expected "Bearer <token>", found ${found}`, {
      field: 'Authorization',
    });
  }
  const admit = (claims: TokenClaims) => {
    const caller = callerOf(claims, token);
    requireAccess(caller, access, tenantId);
    return caller;
  };
  const claims = verifier.verify(token);
  return claims instanceof Promise ? claims.then(admit) : admit(claims);
}

type Done<T> = (error?: Error, value?: T) => void;

/** Ends a hook with what the work gives or throws; at once where that waits for nothing, which saves each request its turns. */
function settle<T>(done: Done<T>, work: () => T | Promise<T>): void {
  let value: T | Promise<T>;
  try {
    value = work();
  } catch (error) {
    done(toHybridStoreError(error));
    return;
  }
  if (value instanceof Promise)
    value.then(
      (later) => done(undefined, later),
      (error: unknown) => done(toHybridStoreError(error)),
    );
  else done(undefined, value);
}

/** The token of an Authorization header, if it holds one. */
export function readBearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer ([^\s]+)$/i.exec(header)?.[1];
}

function readRequestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(header) ? header : randomUUID();
}

/** Maps every error to HTTP, here and nowhere else. No stack and no cause leaves the process. */
export function sendError(logger: Logger, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toHybridStoreError(isCutOff(thrown, request) ? cutOff() : fromFastify(thrown, request));
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
  const { allow, accepted } = error.details;
  if (Array.isArray(allow)) void reply.header('allow', allow.join(', '));
  if (status === 415 && Array.isArray(accepted))
    void reply.header('accept-encoding', accepted.join(', ') || 'identity');
  const body: ErrorBody = {
    error: { code: error.code, message: error.message, details: { ...error.details }, request_id: request.id },
  };
  // It may come in place of an answer that was to be compressed.
  void reply.removeHeader('content-encoding');
  return reply
    .code(status)
    .header('x-request-id', request.id)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

/**
 * Answers what Node's parser refuses before a request exists: broken, oversized or slow heads. The socket gets the platform's
 * error shape, with the status that says which, and is closed.
 */
function answerClientError(
  error: ClientError,
  socket: Socket,
  { clock, methods }: { readonly clock: Clock; readonly methods: ServedMethods },
): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else refuseOnSocket(socket, describeClientError(error, methods), { clock, lingerMs: clientErrorLingerMs });
}

type ClientError = Error & { readonly code?: string; readonly rawPacket?: unknown };

function describeClientError({ code, rawPacket }: ClientError, methods: ServedMethods): SocketRefusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: '431 Request Header Fields Too Large',
        code: 'too_large',
        message: `headers: expected at most ${headerBytesMax} bytes`,
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return slowRequest;
    case 'HPE_INVALID_METHOD': {
      const method = readUnknownMethod(rawPacket);
      if (method !== undefined) return describeRefusal(methodNotAllowed(method, methods.methods()));
      break;
    }
  }
  return { status: '400 Bad Request', code: 'invalid_request', message: 'not a valid HTTP/1.1 request' };
}

const startLineBytesMax = 1_024;

/** The method of a request line that is one, but for a method that the parser does not know. */
function readUnknownMethod(packet: unknown): string | undefined {
  const start = Buffer.isBuffer(packet) ? packet.toString('latin1', 0, startLineBytesMax) : '';
  return /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) [!-~]+ HTTP\/1\.[01]\r?\n/.exec(start)?.[1];
}

function describeRefusal({ code, message, details }: HybridStoreError): SocketRefusal {
  const status = errorStatus[code];
  return { status: `${status} ${STATUS_CODES[status]}`, code, message, details };
}

/** The client left before its body had ended. Nobody reads the answer; it must not count, or be logged, as a fault of ours. */
function isCutOff(thrown: unknown, request: FastifyRequest): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET' && !request.raw.complete;
}

function cutOff(): HybridStoreError {
  return new HybridStoreError('invalid_request', 'body: the client left before its end', { field: 'body' });
}

/** What a body is answered that is larger than its endpoint takes. */
export function bodyTooLarge(bytesMax: number): HybridStoreError {
  return new HybridStoreError('too_large', `body: expected at most ${bytesMax} bytes, found a larger one`, {
    field: 'body',
    bytes_max: bytesMax,
  });
}

function wrongType(types: readonly string[]): HybridStoreError {
  const expected = ['application/json', ...types].join(' or ');
  return new HybridStoreError('invalid_request', `Content-Type: expected ${expected}`, {
    field: 'Content-Type',
    expected,
  });
}

/** Fastify's own refusals, by their codes. */
function fromFastify(thrown: unknown, request: FastifyRequest): unknown {
  if (thrown instanceof HybridStoreError || !(thrown instanceof Error) || !('code' in thrown)) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge(request.routeOptions.bodyLimit);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return wrongType((request.routeOptions.config as Partial<RouteConfig> | undefined)?.types ?? []);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new HybridStoreError('invalid_request', 'Content-Length: does not match the body', {
        field: 'Content-Length',
      });
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new HybridStoreError('invalid_request', 'the path holds a part that is too long', { field: 'path' });
    case 'FST_ERR_BAD_URL':
      return new HybridStoreError('invalid_request', 'the path is not a valid URL', { field: 'path' });
    default:
      return thrown;
  }
}

/** Connections, the pace of clients and what is on its way in; each bounded whoever calls and whatever for. */
function boundClients(app: FastifyInstance, options: ServerOptions): ArrivingBodies {
  const ended = new Counter({
    name: 'hybridstore_http_connections_ended_total',
    help: 'Connections ended for want of room or for their slowness, by reason',
    labelNames: ['reason'],
    registers: [options.metrics],
  });
  const { clock, paces } = options;
  const connections = new Connections(options.connections ?? connectionsDefault, (reason) => ended.inc({ reason }));
  const slow = new SlowClients(
    clock,
    () => connections.allUnderWay(),
    (reason) => ended.inc({ reason }),
    paces,
  );
  connections.watch(app.server);
  app.server.on('connection', (socket: Socket) => {
    socket.once('end', () => {
      for (const response of connections.underWay(socket)) askWhetherHalfClosed(response, clock);
    });
  });
  app.server.on('request', (request, response) => {
    slow.noteRequest();
    if (request.socket.readableEnded) askWhetherHalfClosed(response, clock);
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!connections.isRefused(request.raw.socket)) {
      done();
      return;
    }
    void reply.header('connection', 'close');
    done(retryLater('overloaded', 'too many connections with a request under way', 1_000));
  });
  app.addHook('onClose', async () => slow.close());
  return new ArrivingBodies(options.arrivingBytes);
}

function observeRequests(app: FastifyInstance, options: ServerOptions): void {
  const durations = new Histogram({
    name: 'hybridstore_http_request_duration_seconds',
    help: 'Time from request to answer',
    labelNames: ['method', 'route', 'status'],
    buckets: durationBucketsSeconds,
    registers: [options.metrics],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    durations.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    void reply.header('x-request-id', request.id);
    done(null, payload);
  });
}

function addStandardRoutes(server: Server, options: ServerOptions, served: readonly Endpoint[]): void {
  const { standard } = server;
  const askToConnectAnew = (reply: FastifyReply) => {
    if (standard.isLeaving || options.isLeaving?.()) void reply.header('connection', 'close');
  };
  // Answers that a route writes by itself have the headers of this hook, and those of none that comes later.
  server.app.addHook('onRequest', (_request, reply, done) => {
    askToConnectAnew(reply);
    done();
  });
  server.app.addHook('onSend', (_request, reply, payload, done) => {
    askToConnectAnew(reply);
    done(null, payload);
  });
  const show = (path: string, answer: () => Promise<StandardAnswer>) =>
    server.app.get(path, async (_request, reply) => {
      const { status, type, text } = await answer();
      return reply.code(status).type(type).send(text);
    });
  show('/health', standard.health);
  show('/ready', standard.ready);
  show('/metrics', async () => {
    if (standard.isMetricsMoved) throw new HybridStoreError('not_found', 'GET /metrics does not exist');
    return standard.metrics();
  });
  let openApi: string | undefined;
  server.app.get('/openapi.json', async (_request, reply) => {
    // Anybody may ask, and the routes are all there before anybody can: it is built once.
    openApi ??= JSON.stringify(buildOpenApi(options.service, options.version, served));
    return reply.type(jsonType).send(openApi);
  });
  if (options.ring) {
    const ring = options.ring;
    server.route(logTail, (request) => {
      const { after, boot } = request.query;
      return ring.tail(after, boot);
    });
  }
}
