import { type Endpoint, endpoints, publicAccess } from '@hybridstore/contracts';
import { createServer } from '@hybridstore/http';
import { createMetrics, silentLogger, systemClock } from '@hybridstore/runtime';

// Every endpoint of the contracts that takes a body, of all services, with the server of the services and handlers that do
// nothing: what a body costs before anybody has looked at it. Open to all, since the measurement is not about tokens.

const [, , host = '127.0.0.1', port = '0'] = process.argv;
const server = createServer({
  service: 'auth-gateway',
  version: '0.0.0',
  logger: silentLogger,
  metrics: createMetrics('bench'),
  clock: systemClock,
  verifier: {
    verify: () => {
      throw new Error('nobody is asked for a token');
    },
  },
  notReadyReasons: () => [],
});
const withBody = Object.values(endpoints).flatMap((table): Endpoint[] =>
  Object.values(table).filter((endpoint) => endpoint.body),
);
for (const endpoint of withBody)
  server.route({ ...endpoint, access: publicAccess }, (_request, reply) => reply.code(204).send());
await server.app.listen({ host, port: Number(port) });
