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
  /** All, and those of its address where that counts. */
  readonly groups: readonly Group[];
  /** Answers that are not over, or whose requests are not. */
  readonly underWay: Set<ServerResponse>;
};
/** Open connections; those of `waiting` in the order in which that began, among them some that work meanwhile. */
type Group = { open: number; readonly waiting: Set<Connection> };
export type ConnectionEnd = 'displaced' | 'refused' | 'pipelined';

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
  readonly #all: Group = { open: 0, waiting: new Set() };
  readonly #ofAddress = new Map<string, Group>();
  readonly #connections = new Map<Socket, Connection>();
  readonly #refused = new Set<Socket>();

  constructor(bounds: ConnectionBounds, onEnd: (end: ConnectionEnd) => void = () => {}) {
    this.#bounds = bounds;
    this.#onEnd = onEnd;
  }

  get open(): number {
    return this.#all.open;
  }

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.#enter(socket));
    server.on('request', (request, response) => {
      const connection = this.#connections.get(request.socket);
      if (connection) this.#begin(connection, response);
    });
  }

  isRefused(socket: Socket): boolean {
    return this.#refused.has(socket);
  }

  /** Answers of a connection that are not over, or whose requests are not. */
  underWay(socket: Socket): Iterable<ServerResponse> {
    return this.#connections.get(socket)?.underWay ?? [];
  }

  /** As `underWay`, of all connections. */
  *allUnderWay(): Iterable<ServerResponse> {
    for (const { underWay } of this.#connections.values()) yield* underWay;
  }

  #enter(socket: Socket): void {
    const address = this.#bounds.addressOf(socket.remoteAddress);
    const own = address === undefined ? undefined : (this.#ofAddress.get(address) ?? { open: 0, waiting: new Set() });
    const isMade =
      (!own || this.#makeRoom(own, this.#bounds.perAddressMax)) && this.#makeRoom(this.#all, this.#bounds.max);
    if (!isMade) {
      this.#refuse(socket);
      return;
    }
    if (address !== undefined && own) this.#ofAddress.set(address, own);
    const connection = {
      socket,
      address,
      groups: own ? [this.#all, own] : [this.#all],
      underWay: new Set<ServerResponse>(),
    };
    this.#connections.set(socket, connection);
    for (const group of connection.groups) group.open += 1;
    wait(connection);
    socket.once('close', () => this.#leave(connection));
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

  #begin(connection: Connection, response: ServerResponse): void {
    const { socket, underWay } = connection;
    if (underWay.size >= pipelinedMax) {
      this.#onEnd('pipelined');
      socket.destroy();
      return;
    }
    underWay.add(response);
    response.on('prefinish', () => this.#waitUnlessWorking(connection));
    response.on('close', () => {
      const { req: request } = response;
      const end = () => {
        underWay.delete(response);
        this.#waitUnlessWorking(connection);
      };
      // An answer may be over long before the body that came with its request.
      if (request.complete || request.destroyed) end();
      else request.once('close', end);
    });
  }

  #waitUnlessWorking(connection: Connection): void {
    if (this.#connections.has(connection.socket) && !isWorking(connection)) wait(connection);
  }

  /** False when there is no room and nobody who could make some. */
  #makeRoom({ open, waiting }: Group, openMax: number): boolean {
    if (open < openMax) return true;
    for (const connection of waiting) {
      if (isWorking(connection)) {
        // It waits again when it has answered.
        stopWaiting(connection);
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

  #leave(connection: Connection): void {
    const { socket, address, groups } = connection;
    if (!this.#connections.delete(socket)) return;
    stopWaiting(connection);
    for (const group of groups) group.open -= 1;
    if (address !== undefined && this.#ofAddress.get(address)?.open === 0) this.#ofAddress.delete(address);
  }
}

function wait(connection: Connection): void {
  for (const { waiting } of connection.groups) {
    waiting.delete(connection);
    waiting.add(connection);
  }
}

function stopWaiting(connection: Connection): void {
  for (const { waiting } of connection.groups) waiting.delete(connection);
}

/**
 * Whether this side has something to do: a request is whole, and its answer is not. A body that nobody took has no end
 * that is seen here; its request is whole all the same.
 */
function isWorking({ underWay }: Connection): boolean {
  for (const { req, writableEnded } of underWay) if (!writableEnded && (req.complete || !hasBody(req))) return true;
  return false;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
