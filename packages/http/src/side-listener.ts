import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server as NodeServer, type ServerResponse } from 'node:http';
import { type ErrorBody, errorStatus } from '@hybridstore/contracts';
import { type Environment, toHybridStoreError } from '@hybridstore/runtime';
import { Connections } from './connections.ts';
import { describeListenFailure } from './listen-failure.ts';
import { jsonType, type StandardAnswer, type StandardAnswers } from './standard-answers.ts';

/** Ports beside the main one. Absent: what they serve is on the main port only. */
export type SidePorts = { readonly probe: number | undefined; readonly metrics: number | undefined };

const headerBytesMax = 8 * 1024;
const requestMsMax = 5_000;
const checkMs = 1_000;
/** Few ask here. Whoever opens more pushes out his own, so that the next probe gets in. */
const connectionsMax = 64;

/**
 * PROBE_PORT serves /health and /ready also where nobody but the kubelet can reach them, so that a flooded main port does
 * not get the process killed. METRICS_PORT takes /metrics away from the main port. Both may be the same.
 */
export function readSidePorts(environment: Environment): SidePorts {
  const read = (name: 'PROBE_PORT' | 'METRICS_PORT') =>
    environment.optional(name) === undefined ? undefined : environment.integer(name, { min: 0, max: 65_535 });
  return { probe: read('PROBE_PORT'), metrics: read('METRICS_PORT') };
}

/** Small servers for what the platform itself asks of a process: no tokens, no bodies, no frameworks in between. */
export class SideListeners {
  readonly #servers: NodeServer[] = [];

  /** Ports on which something listens, in the order in which it began. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => {
      const address = server.address();
      return typeof address === 'object' && address ? address.port : 0;
    });
  }

  /** Throws `invalid_request` that names PROBE_PORT or METRICS_PORT when it cannot listen there. */
  async start(
    answers: StandardAnswers,
    ports: SidePorts,
    main: { readonly host: string; readonly port: number },
  ): Promise<void> {
    const { probe, metrics } = ports;
    const isMetricsMoved = metrics !== undefined && metrics !== main.port;
    const isShared = probe !== undefined && probe !== 0 && probe === metrics;
    const probes = { '/health': answers.health, '/ready': answers.ready };
    if (probe !== undefined && probe !== main.port)
      await this.#listen(
        'PROBE_PORT',
        probe,
        main.host,
        isShared ? { ...probes, '/metrics': answers.metrics } : probes,
      );
    if (isMetricsMoved && !isShared)
      await this.#listen('METRICS_PORT', metrics, main.host, { '/metrics': answers.metrics });
    answers.isMetricsMoved = isMetricsMoved;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  async #listen(variable: string, port: number, host: string, routes: Routes): Promise<void> {
    const server = createServer(
      {
        maxHeaderSize: headerBytesMax,
        headersTimeout: requestMsMax,
        requestTimeout: requestMsMax,
        connectionsCheckingInterval: checkMs,
      },
      (request, response) => void serve(routes, request, response),
    );
    const connections = new Connections({
      max: connectionsMax,
      perAddressMax: connectionsMax,
      addressOf: () => undefined,
    });
    connections.watch(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(describeListenFailure(cause, { variable, host, port })));
      server.listen(port, host, resolve);
    });
    this.#servers.push(server);
  }
}

type Routes = Readonly<Record<string, () => Promise<StandardAnswer>>>;

async function serve(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const path = request.url?.split('?')[0] ?? '';
  const route =
    (request.method === 'GET' || request.method === 'HEAD') && Object.hasOwn(routes, path) ? routes[path] : undefined;
  const answer = route
    ? await route().catch((error: unknown) => describeFailure(error))
    : failure(404, 'not_found', `${request.method} ${path} does not exist`);
  // With its length, head and body leave in one packet, and nobody has to read pieces.
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.text),
  });
  response.end(answer.text);
}

function describeFailure(error: unknown): StandardAnswer {
  const { code, message } = toHybridStoreError(error);
  return failure(errorStatus[code], code, message);
}

function failure(status: number, code: ErrorBody['error']['code'], message: string): StandardAnswer {
  const body: ErrorBody = { error: { code, message, details: {}, request_id: randomUUID() } };
  return { status, type: jsonType, text: JSON.stringify(body) };
}
