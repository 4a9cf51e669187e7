import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { refuseOnSocket, type SocketRefusal } from './socket-answer.ts';

export type ConnectionBounds = {
  readonly max: number;
  readonly perAddressMax: number;
  /** Whose a connection is. Undefined: many clients', as that of a proxy; it counts in sum only. */
  readonly addressOf: (peerAddress: string | undefined) => string | undefined;
};

type Connection = {
  readonly socket: Socket;
  readonly address: string | undefined;
  /** Exchanges that are not over. */
  readonly underWay: Map<IncomingMessage, ServerResponse>;
};
export type ConnectionEnd = 'displaced' | 'refused' | 'pipelined';
/** In the order in which their waiting began. */
type Line = Set<Connection>;

const displaced: SocketRefusal = {
  status: '503 Service Unavailable',
  code: 'unavailable',
  message: 'too many connections wait; one that waited long had to go',
  retryAfterMs: 1_000,
};
/** Requests that one connection may have under way; who pipelines sends few more than he waits for. */
const pipelinedMax = 64;
/** Refused connections that may wait at a time for their request, to hear why. */
const refusedOpenMax = 256;

/**
 * Bounds the open connections of each address and of all. At a bound the newest comes in and the one goes that has kept
 * this side waiting longest: with no request, half a head, half a body, or an answer that is not taken. So whoever opens connections and withholds what
 * they are for pushes out his own, and a client who says what he wants gets in beside him, even from the same address.
 * Only where every connection has a whole request under way is the newest refused: `isRefused` says so to its request.
 */
export class Connections {
  readonly #bounds: ConnectionBounds;
  readonly #onEnd: (end: ConnectionEnd) => void;
  readonly #waiting: Line = new Set();
  readonly #waitingOf = new Map<string, Line>();
  readonly #openOf = new Map<string, number>();
  readonly #connections = new Map<Socket, Connection>();
  readonly #refused = new Set<Socket>();

  constructor(bounds: ConnectionBounds, onEnd: (end: ConnectionEnd) => void = () => {}) {
    this.#bounds = bounds;
    this.#onEnd = onEnd;
  }

  get open(): number {
    return this.#connections.size;
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#enter(socket));
    server.on('request', (request, response) => this.#begin(request, response));
  }

  #enter(socket: Socket): void {
    const address = this.#bounds.addressOf(socket.remoteAddress);
    const connection: Connection = { socket, address, underWay: new Map() };
    const isMade =
      this.#makeRoom(this.#countOf(address) < this.#bounds.perAddressMax, this.#lineOf(address)) &&
      this.#makeRoom(this.#connections.size < this.#bounds.max, this.#waiting);
    if (!isMade) {
      this.#refuse(socket);
      return;
    }
    this.#connections.set(socket, connection);
    if (address !== undefined) this.#openOf.set(address, this.#countOf(address) + 1);
    this.#wait(connection);
    socket.once('close', () => this.#leave(connection));
  }

  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  #refuse(socket: Socket): void {
    this.#onEnd('refused');
    if (this.#refused.size >= refusedOpenMax) {
      socket.destroy();
      return;
    }
    this.#refused.add(socket);
    socket.once('close', () => this.#refused.delete(socket));
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket);
    if (!connection) return;
    if (connection.underWay.size >= pipelinedMax) {
      this.#onEnd('pipelined');
      connection.socket.destroy();
      return;
    }
    connection.underWay.set(request, response);
    if (!hasBody(request)) this.#work(connection);
    else request.once('end', () => this.#work(connection));
    response.once('prefinish', () => this.#waitUnlessWorking(connection));
    response.once('close', () => {
      connection.underWay.delete(request);
      this.#waitUnlessWorking(connection);
    });
  }

  #waitUnlessWorking(connection: Connection): void {
    if (this.#connections.has(connection.socket) && !isWorking(connection)) this.#wait(connection);
  }

  /** False when there is no room and nobody who could make some. */
  #makeRoom(hasRoom: boolean, line: Line): boolean {
    if (hasRoom) return true;
    for (const connection of line) {
      if (isWorking(connection)) {
        this.#work(connection);
        continue;
      }
      this.#leave(connection);
      this.#onEnd('displaced');
      if (connection.underWay.size === 0) connection.socket.destroy();
      else refuseOnSocket(connection.socket, displaced);
      return true;
    }
    return false;
  }

  #wait(connection: Connection): void {
    const { address } = connection;
    const line = this.#lineOf(address);
    if (address !== undefined) this.#waitingOf.set(address, line);
    for (const one of [this.#waiting, line]) {
      one.delete(connection);
      one.add(connection);
    }
  }

  #work(connection: Connection): void {
    this.#waiting.delete(connection);
    this.#lineOf(connection.address).delete(connection);
  }

  #leave(connection: Connection): void {
    if (!this.#connections.delete(connection.socket)) return;
    this.#work(connection);
    const { address } = connection;
    if (address === undefined) return;
    const left = this.#countOf(address) - 1;
    if (left > 0) this.#openOf.set(address, left);
    else {
      this.#openOf.delete(address);
      this.#waitingOf.delete(address);
    }
  }

  #countOf(address: string | undefined): number {
    return address === undefined ? 0 : (this.#openOf.get(address) ?? 0);
  }

  #lineOf(address: string | undefined): Line {
    return (address === undefined ? undefined : this.#waitingOf.get(address)) ?? new Set();
  }
}

/**
 * Whether this side has something to do: a request is whole, and its answer is not. A body that nobody took has no end
 * that is seen here; its request is whole all the same.
 */
function isWorking({ underWay }: Connection): boolean {
  return [...underWay].some(
    ([request, response]) => (request.complete || !hasBody(request)) && !response.writableEnded,
  );
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
