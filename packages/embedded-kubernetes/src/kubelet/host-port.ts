import { connect, createServer, type Server } from 'node:net';
import { HybridStoreError } from '@hybridstore/runtime';

/**
 * A port of 127.0.0.1 whose connections go to one of a Service's pods in turn: the port that people type. Everything
 * inside the platform talks to pods directly.
 */
export function listenOnHost(
  port: number,
  targets: () => readonly { readonly host: string; readonly port: number }[],
): Promise<Server> {
  let turn = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const ready = targets();
    turn += 1;
    const target = ready[turn % Math.max(1, ready.length)];
    client.on('error', () => client.destroy());
    if (!target) {
      client.destroy();
      return;
    }
    const upstream = connect({ ...target, noDelay: true, allowHalfOpen: true });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(describe(port, error)));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function describe(port: number, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new HybridStoreError(
    'conflict',
    `port ${port} of 127.0.0.1 is in use; end what listens there or choose other ports with --port-offset`,
    { port },
    { cause: error },
  );
}
