import { Counter, type Registry } from '@hybridstore/runtime';

export type FailureLabel = 'unreachable' | 'timeout' | 'broken' | 'overloaded';

/** Everything this service counts beside the request durations of every server. */
export type GatewayMetrics = {
  readonly logins: Counter<'result'>;
  readonly loginsHeld: Counter;
  readonly registrations: Counter<'result'>;
  readonly upstreamFailures: Counter<'upstream' | 'reason'>;
};

export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  return {
    logins: new Counter({
      name: 'hybridstore_gateway_logins_total',
      help: 'Attempts to log in by result: ok, refused (wrong), or locked (to come back later)',
      labelNames: ['result'],
      registers: [registry],
    }),
    loginsHeld: new Counter({
      name: 'hybridstore_gateway_logins_held_total',
      help: 'Attempts from known addresses that waited because of wrong passwords before',
      registers: [registry],
    }),
    registrations: new Counter({
      name: 'hybridstore_gateway_registrations_total',
      // A free and a taken name count as one, here too.
      help: 'Registrations by result: accepted, refused, or limited (to come back later)',
      labelNames: ['result'],
      registers: [registry],
    }),
    upstreamFailures: new Counter({
      name: 'hybridstore_gateway_upstream_failures_total',
      help: 'Forwarded calls that a service did not answer, by service and reason',
      labelNames: ['upstream', 'reason'],
      registers: [registry],
    }),
  };
}
