import { existsSync } from 'node:fs';
import { createServer, JwksTokenVerifier } from '@hybridstore/http';
import { type Clock, HybridStoreError, type Logger, type LogRing, type Registry } from '@hybridstore/runtime';

export type OperatorServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly logger: Logger;
  readonly ring: LogRing;
  readonly metrics: Registry;
  readonly clock: Clock;
  /** Written once the operator has made the keys; until then no token can hold. */
  readonly jwksFile: string;
  readonly notReadyReasons: () => readonly string[];
};

/** Health, metrics and logs of the operator, which in this place is no pod. */
export async function startOperatorServer(options: OperatorServerOptions): Promise<{ close(): Promise<void> }> {
  let verifier: JwksTokenVerifier | undefined;
  const server = createServer({
    service: 'operator',
    version: '0.1.0',
    ...options,
    verifier: {
      verify: (token) => {
        if (!verifier && !existsSync(options.jwksFile))
          throw new HybridStoreError('unauthenticated', 'no keys are known yet');
        verifier ??= new JwksTokenVerifier(options.jwksFile, options.clock);
        return verifier.verify(token);
      },
    },
  });
  await server.app.listen({ host: options.host, port: options.port });
  return { close: () => server.app.close() };
}
