import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { DeleteOptions, JsonObject, KubeObject, ObjectKey, StatusPatch } from '@hybridstore/controller-runtime';
import { isJsonObject, kubeError, pods, toStatus } from '@hybridstore/controller-runtime';
import { HybridStoreError, type Logger, toHybridStoreError } from '@hybridstore/runtime';
import type { EmbeddedApiServer } from '../api/api-server.ts';
import type { Kind } from '../api/kind.ts';
import { answerReview, reviewKindOf } from './access-review.ts';
import { createServerCertificate } from './certificate.ts';
import { isCoreEvents, keptPath, toCoreEvent } from './core-events.ts';
import { readDiscovery } from './discovery.ts';
import { readOpenApi } from './openapi.ts';
import { isPodMetrics, listPodMetrics, type ReadPodUsage, readPodMetrics } from './pod-metrics.ts';
import { mediaTypeOf, readBody, readOperations, unsupportedPatchType } from './request-body.ts';
import { parseResourcePath, type ResourcePath } from './request-path.ts';
import { isWatch, readSelection, serveWatch, wantsTable } from './serve-watch.ts';
import { buildTable } from './table.ts';

/**
 * The Kubernetes REST paths in front of the embedded API server, so that kubectl, the CLI and the client of a real
 * cluster (api-server/) work against it. Loopback only, with a bearer token: whoever can reach it owns the platform.
 *
 * What a pod printed, newest last. Throws `not_found`.
 */
export type ReadPodLog = (
  pod: Required<ObjectKey>,
  options: { readonly tailLines?: number; readonly previous: boolean },
) => Promise<string>;

export type HttpFrontOptions = {
  readonly api: EmbeddedApiServer;
  readonly token: string;
  readonly logger: Logger;
  readonly readPodLog?: ReadPodLog;
  /** Absent: there is no metrics API. */
  readonly readPodUsage?: ReadPodUsage;
  readonly host?: string;
  readonly port?: number;
};

export type HttpFront = {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** The authority that clients have to trust, in PEM. */
  readonly certificate: string;
  readonly close: () => Promise<void>;
};

const headersMsMax = 10_000;

/** Listens. Throws `unavailable` naming the port when it is taken. */
export async function startHttpFront(options: HttpFrontOptions): Promise<HttpFront> {
  const { api, host = '127.0.0.1', port = 0 } = options;
  const { certificate, key } = createServerCertificate(host, api.clock.now());
  const server = createServer(
    { cert: certificate, key },
    (request, response) => void answer(options, request, response),
  );
  server.headersTimeout = headersMsMax;
  await listen(server, host, port);
  return { url: `https://${host}:${(server.address() as AddressInfo).port}`, certificate, close: () => close(server) }; // a TCP server has an address
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new HybridStoreError(
          'unavailable',
          `the embedded API server cannot listen on ${host}:${port}: ${cause.message}`,
          { host, port },
          { cause },
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
}

/** Watches never end by themselves. */
function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}

type Call = {
  readonly options: HttpFrontOptions;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
};

async function answer(options: HttpFrontOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    await route({ options, request, response, url });
  } catch (error) {
    refuse(options.logger, response, toHybridStoreError(error));
    // The rest of a body that nobody will read must not be taken for the next request.
    if (!request.complete) response.once('finish', () => request.destroy());
  }
}

function refuse(logger: Logger, response: ServerResponse, error: HybridStoreError): void {
  const status = toStatus(error);
  if (error.code === 'internal') logger.error('embedded_request_failed', { error });
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (!response.req.complete) response.setHeader('connection', 'close');
  sendJson(response, status.code ?? 500, status);
}

async function route(call: Call): Promise<void> {
  const { url, response, options } = call;
  if (['/healthz', '/livez', '/readyz'].includes(url.pathname))
    return void response.writeHead(200, { 'content-type': 'text/plain' }).end('ok');
  authenticate(call);
  const kinds = options.api.registry.all();
  const isRead = call.request.method === 'GET';
  const hasMetrics = options.readPodUsage !== undefined;
  const document = isRead ? readDocument(url.pathname, kinds, hasMetrics) : undefined;
  if (document !== undefined) return sendJson(response, 200, document);
  const review = reviewKindOf(url.pathname);
  if (review !== undefined) return answerAccess(call, review);
  const path = parseResourcePath(url.pathname);
  if (path === undefined)
    throw kubeError({ reason: 'NotFound', message: 'the server could not find the requested resource' });
  if (isPodMetrics(path) && options.readPodUsage !== undefined) return answerMetrics(call, path, options.readPodUsage);
  return routeResource(call, path, options.api.registry.find(keptPath(path)));
}

function readDocument(path: string, kinds: readonly Kind[], hasMetrics: boolean): object | undefined {
  return readDiscovery(path, kinds, hasMetrics) ?? readOpenApi(path, kinds);
}

async function answerMetrics(call: Call, path: ResourcePath, readPodUsage: ReadPodUsage): Promise<void> {
  const { request, response, url, options } = call;
  if (request.method !== 'GET' || isWatch(url)) throw methodNotAllowed();
  const metrics =
    path.name === undefined
      ? await listPodMetrics(options.api, readSelection(path, url), readPodUsage)
      : await readPodMetrics(options.api, keyOfPath(path), readPodUsage);
  return sendJson(response, 200, metrics);
}

async function answerAccess({ request, response }: Call, kind: string): Promise<void> {
  if (request.method !== 'POST') throw methodNotAllowed();
  return sendJson(response, 201, answerReview(kind, await readBody(request)));
}

function authenticate({ request, options }: Call): void {
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given), digest(options.token))) return;
  throw kubeError({ reason: 'Unauthorized', message: 'Unauthorized' });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

async function routeResource(call: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const { request, url } = call;
  if (isCoreEvents(path) && !['GET', 'DELETE'].includes(request.method ?? '')) throw methodNotAllowed();
  assertSubresource(path, kind);
  if (path.name === undefined && !['GET', 'POST'].includes(request.method ?? '')) throw methodNotAllowed();
  if (path.subresource !== undefined && request.method === 'DELETE') throw methodNotAllowed();
  switch (request.method) {
    case 'GET':
      if (isWatch(url)) return serveWatch({ api: call.options.api, request, response: call.response, url, path, kind });
      if (path.name === undefined) return list(call, path, kind);
      return path.subresource === 'log' ? readLog(call, path) : get(call, path, kind);
    case 'POST':
      return create(call, path, kind);
    case 'PUT':
      return update(call, path, kind);
    case 'PATCH':
      return patch(call, path, kind);
    case 'DELETE':
      return remove(call, path, kind);
    default:
      throw methodNotAllowed();
  }
}

function assertSubresource({ subresource }: ResourcePath, kind: Kind): void {
  const isServed =
    subresource === undefined ||
    (subresource === 'status' && kind.hasStatus) ||
    (subresource === 'scale' && kind.scale !== undefined) ||
    (subresource === 'log' && kind.resource.plural === pods.plural);
  if (!isServed) throw kubeError({ reason: 'NotFound', message: 'the server could not find the requested resource' });
}

function methodNotAllowed() {
  return kubeError({
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  });
}

async function get({ options, response, request }: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const object = await options.api.get(kind.resource, keyOfPath(path), subresourceOf(path));
  if (wantsTable(request)) return sendJson(response, 200, buildTable(kind, [object], {}, options.api.clock.now()));
  return sendJson(response, 200, isCoreEvents(path) ? toCoreEvent(object) : object);
}

async function list({ options, response, request, url }: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const page = await options.api.list(kind.resource, readSelection(path, url));
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continueToken === undefined ? {} : { continue: page.continueToken }),
  };
  if (wantsTable(request))
    return sendJson(response, 200, buildTable(kind, page.items, metadata, options.api.clock.now()));
  return sendJson(response, 200, {
    kind: `${kind.resource.kind}List`,
    apiVersion: path.apiVersion,
    metadata,
    items: isCoreEvents(path) ? page.items.map(toCoreEvent) : page.items,
  });
}

async function create(call: Call, path: ResourcePath, kind: Kind): Promise<void> {
  // Subresources that are created (`exec`, `portforward`, `eviction`, `binding`, `token`) need a real cluster.
  if (path.name !== undefined)
    throw kubeError({ reason: 'NotFound', message: 'the server could not find the requested resource' });
  const object = withNamespace(path, kind, await readObject(call));
  return sendJson(call.response, 201, await call.options.api.create(kind.resource, object, readWriteOptions(call)));
}

async function update(call: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const object = withNamespace(path, kind, await readObject(call));
  if (object.metadata.name !== path.name) throw badRequest('the name of the object does not match the name on the URL');
  return sendJson(
    call.response,
    200,
    await call.options.api.update(kind.resource, object, { ...readWriteOptions(call), ...subresourceOf(path) }),
  );
}

async function patch(call: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const { request, response, options } = call;
  const { api } = options;
  const key = keyOfPath(path);
  const type = mediaTypeOf(request);
  if (type === 'application/apply-patch+yaml')
    return apply(call, path, kind, (await readBody(request)) as unknown as KubeObject); // checked there
  const writeOptions = { ...readWriteOptions(call), ...subresourceOf(path) };
  switch (type) {
    case 'application/merge-patch+json':
      return sendJson(response, 200, await api.mergePatch(kind.resource, key, await readBody(request), writeOptions));
    case 'application/strategic-merge-patch+json': {
      const changes = (await readBody(request)) as JsonObject; // parsed of JSON
      return sendJson(response, 200, await api.strategicMergePatch(kind.resource, key, changes, writeOptions));
    }
    case 'application/json-patch+json':
      return sendJson(
        response,
        200,
        await api.jsonPatch(kind.resource, key, await readOperations(request), writeOptions),
      );
    default:
      throw unsupportedPatchType(type);
  }
}

async function apply(call: Call, path: ResourcePath, kind: Kind, config: KubeObject): Promise<void> {
  if (!isJsonObject(config.metadata)) throw badRequest('metadata: expected an object');
  const object = withNamespace(
    path,
    kind,
    config.metadata.name === undefined
      ? { ...config, metadata: { ...config.metadata, name: path.name ?? '' } }
      : config,
  );
  if (object.metadata.name !== path.name) throw badRequest('the name of the object does not match the name on the URL');
  const { api } = call.options;
  const options = { ...readWriteOptions(call), force: call.url.searchParams.get('force') === 'true' };
  if (path.subresource === 'status')
    return sendJson(
      call.response,
      200,
      await api.patchStatus(
        kind.resource,
        object as StatusPatch, // checked where it is written
        options,
      ),
    );
  return sendJson(call.response, 200, await api.apply(kind.resource, object, options));
}

async function remove(call: Call, path: ResourcePath, kind: Kind): Promise<void> {
  const body = (await readBody(call.request)) as Pick<
    DeleteOptions,
    'propagationPolicy' | 'preconditions' | 'gracePeriodSeconds'
  >; // checked where used
  const { propagationPolicy, preconditions, gracePeriodSeconds } = body;
  const options = {
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    dryRun: call.url.searchParams.get('dryRun') === 'All',
  };
  const live = await call.options.api.get(kind.resource, keyOfPath(path));
  await call.options.api.delete(kind.resource, keyOfPath(path), options);
  return sendJson(call.response, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: path.name, kind: kind.resource.plural, uid: live.metadata.uid },
  });
}

async function readLog({ options, response, url }: Call, path: ResourcePath): Promise<void> {
  const { namespace, name } = path;
  if (path.plural !== 'pods' || namespace === undefined || name === undefined || options.readPodLog === undefined) {
    throw kubeError({ reason: 'NotFound', message: 'the server could not find the requested resource' });
  }
  const tailLines = Number(url.searchParams.get('tailLines') ?? '');
  const text = await options.readPodLog(
    { namespace, name },
    { previous: url.searchParams.get('previous') === 'true', ...(tailLines > 0 ? { tailLines } : {}) },
  );
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

function keyOfPath({ namespace, name = '' }: ResourcePath): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}

function subresourceOf({ subresource }: ResourcePath): { readonly subresource?: 'status' | 'scale' } {
  if (subresource === undefined) return {};
  if (subresource === 'status' || subresource === 'scale') return { subresource };
  throw kubeError({ reason: 'NotFound', message: 'the server could not find the requested resource' });
}

function withNamespace(path: ResourcePath, kind: Kind, object: KubeObject): KubeObject {
  if (!kind.resource.namespaced || path.namespace === undefined) return object;
  if (object.metadata.namespace !== undefined && object.metadata.namespace !== path.namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...object, metadata: { ...object.metadata, namespace: path.namespace } };
}

function readWriteOptions({ url, request }: Call): { readonly fieldManager: string; readonly dryRun: boolean } {
  const agent = (request.headers['user-agent'] ?? 'unknown').split('/', 1)[0] ?? 'unknown';
  return {
    fieldManager: url.searchParams.get('fieldManager') ?? agent,
    dryRun: url.searchParams.get('dryRun') === 'All',
  };
}

async function readObject(call: Call): Promise<KubeObject> {
  const body = await readBody(call.request);
  if (!isJsonObject(body.metadata)) throw badRequest('metadata: expected an object');
  return body as unknown as KubeObject; // its shape is checked against the kind's schema
}

function badRequest(message: string) {
  return kubeError({ reason: 'BadRequest', message });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const retryAfter = status === 429 || status === 503 ? { 'retry-after': '1' } : {};
  response.writeHead(status, { 'content-type': 'application/json', ...retryAfter }).end(JSON.stringify(body));
}
