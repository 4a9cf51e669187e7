import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KubeObject, ListOptions, WatchEvent } from '@hybridstore/controller-runtime';
import { toStatus } from '@hybridstore/controller-runtime';
import { toHybridStoreError } from '@hybridstore/runtime';
import type { EmbeddedApiServer } from '../api/api-server.ts';
import type { Kind } from '../api/kind.ts';
import { isCoreEvents, toCoreEvent, toKeptSelection } from './core-events.ts';
import type { ResourcePath } from './request-path.ts';
import { buildTable } from './table.ts';

/** A watch as a stream of JSON lines, with the two ways to begin: from a version, or with everything there is. */
export type WatchCall = {
  readonly api: EmbeddedApiServer;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly path: ResourcePath;
  readonly kind: Kind;
};

export function isWatch(url: URL): boolean {
  return ['true', '1'].includes(url.searchParams.get('watch') ?? '');
}

/** Serves until the reader goes, the time is over or the version is found to be too old. */
export async function serveWatch(call: WatchCall): Promise<void> {
  const { response } = call;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    await pump(call, gone.signal);
    response.end();
  } catch (error) {
    // The protocol sends errors of a watch inside the stream.
    startStream(response);
    response.end(`${JSON.stringify({ type: 'ERROR', object: toStatus(toHybridStoreError(error)) })}\n`);
  }
}

async function pump(call: WatchCall, signal: AbortSignal): Promise<void> {
  const { api, kind, path, url, response } = call;
  const read = (name: string) => url.searchParams.get(name) ?? '';
  const isWhole = ['', '0'].includes(read('resourceVersion')) || read('sendInitialEvents') === 'true';
  const resourceVersion = isWhole ? await replay(call) : read('resourceVersion');
  const seconds = Number(read('timeoutSeconds'));
  const timeout = seconds > 0 ? { timeoutSeconds: seconds } : {};
  const events = api.watch(kind.resource, { ...readSelection(path, url), resourceVersion, signal, ...timeout });
  const iterator = events[Symbol.asyncIterator](); // throws when the version is too old, before the answer begins
  startStream(response);
  for await (const event of { [Symbol.asyncIterator]: () => iterator }) {
    if (event.type !== 'BOOKMARK' || read('allowWatchBookmarks') === 'true') await send(call, event);
  }
}

/** What there is, as additions; a reader who asked for it gets a mark where they end. Gives the version they show. */
async function replay(call: WatchCall): Promise<string> {
  const { api, kind, path, url, response } = call;
  const { items, resourceVersion } = await api.list(kind.resource, readSelection(path, url));
  startStream(response);
  for (const object of items) await send(call, { type: 'ADDED', object });
  if (url.searchParams.get('sendInitialEvents') === 'true') {
    await sendLine(response, {
      type: 'BOOKMARK',
      object: buildBookmark(kind, path, resourceVersion, { 'k8s.io/initial-events-end': 'true' }),
    });
  }
  return resourceVersion;
}

function startStream(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
}

function send({ api, kind, path, request, response }: WatchCall, event: WatchEvent<KubeObject>): Promise<void> {
  if (event.type === 'BOOKMARK')
    return sendLine(response, { type: 'BOOKMARK', object: buildBookmark(kind, path, event.resourceVersion) });
  if (wantsTable(request))
    return sendLine(response, {
      type: event.type,
      object: buildTable(kind, [event.object], {}, api.clock.now()),
    });
  return sendLine(response, {
    type: event.type,
    object: isCoreEvents(path) ? toCoreEvent(event.object) : event.object,
  });
}

function buildBookmark(
  { resource }: Kind,
  { apiVersion }: ResourcePath,
  resourceVersion: string,
  annotations?: Readonly<Record<string, string>>,
): object {
  const metadata = { resourceVersion, creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) };
  return { apiVersion, kind: resource.kind, metadata };
}

async function sendLine(response: ServerResponse, line: object): Promise<void> {
  if (!response.write(`${JSON.stringify(line)}\n`) && !response.destroyed) await drained(response);
}

/** Also when the reader goes away, or the wait would never end. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.once('drain', settle);
    response.once('close', settle);
  });
}

export function readSelection(path: ResourcePath, url: URL): ListOptions {
  const read = (name: string) => url.searchParams.get(name) ?? '';
  const limit = Number(read('limit'));
  // `GET collection/name` with watch is a watch of one object.
  const fieldSelector = path.name === undefined ? read('fieldSelector') : `metadata.name=${path.name}`;
  const selection = {
    ...(path.namespace === undefined ? {} : { namespace: path.namespace }),
    ...(read('labelSelector') === '' ? {} : { labelSelector: read('labelSelector') }),
    ...(fieldSelector === '' ? {} : { fieldSelector }),
    ...(limit > 0 ? { limit } : {}),
    ...(read('continue') === '' ? {} : { continueToken: read('continue') }),
  };
  return isCoreEvents(path) ? toKeptSelection(selection) : selection;
}

/** kubectl asks for lists as it prints them. */
export function wantsTable(request: IncomingMessage): boolean {
  return (request.headers.accept ?? '').includes('as=Table');
}
