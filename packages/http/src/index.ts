export { acceptedType } from './accepted-type.ts';
export { answerIfChanged } from './answer-if-changed.ts';
export { type Caller, callerOf, requireAccess, tenantCallerOf } from './authorize.ts';
export type { AdmitBody, ArrivingBody } from './body-admission.ts';
export { createBodyThreads, shareBytes } from './body-threads.ts';
export type { CallContext } from './call-context.ts';
export { CatalogClient } from './catalog-client.ts';
export {
  type CallArguments,
  type CallInput,
  type CallOptions,
  type CallSettings,
  createAgent,
  fillPath,
  HttpClient,
  type HttpClientOptions,
  isUnknownHost,
  readAll,
  type StreamAnswer,
  unknownTenant,
} from './client.ts';
export { finish, type LeavingTimes, leave, readLeavingTimes } from './leave.ts';
export { buildOpenApi } from './openapi.ts';
export { parseJson } from './parse-json.ts';
export { RevocationWatch } from './revocation-watch.ts';
export {
  bodyTooLarge,
  createServer,
  loopBytesMax,
  type ReadLarge,
  type ReadOther,
  type RouteHandler,
  type RouteRequest,
  readBearer,
  type Server,
  type ServerOptions,
  type UnreadHandler,
  type UnreadRequest,
} from './server.ts';
export {
  createServiceProcess,
  jwtSecret,
  listen,
  listenAt,
  runMain,
  type ServiceProcess,
  serviceSecret,
} from './service-process.ts';
export { readSidePorts, type SidePorts } from './side-listener.ts';
export type { ClientPaces } from './slow-clients.ts';
export { JwksTokenVerifier, ServiceIdentity, signToken, type TokenContent, type TokenVerifier } from './tokens.ts';
export { isTransportFailure, wasNothingSent } from './transport-failure.ts';
export { compileValidator, invalidBody, type Validator } from './validation.ts';
