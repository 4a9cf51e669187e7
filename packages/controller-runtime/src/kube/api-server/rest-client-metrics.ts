import { Counter, type Registry } from '@hybridstore/runtime';

/** Figures of the client, under the names of client-go's (k8s.io/client-go tools/metrics). */
export type RestClientMetrics = {
  /** `code` is the status of the answer, or `<error>` where none came. */
  readonly requests: Counter<'code' | 'host' | 'method'>;
};

export function createRestClientMetrics(registry: Registry): RestClientMetrics {
  return {
    requests: new Counter({
      name: 'rest_client_requests_total',
      help: 'Requests to the API server by the status of their answer, watches among them',
      labelNames: ['code', 'host', 'method'],
      registers: [registry],
    }),
  };
}
