import { get } from 'node:http';
import type { Container, Probe } from '@hybridstore/controller-runtime';

/** One HTTP probe: true on a status from 200 to 399 within the probe's time-out. */
export function runProbe(probe: Probe, container: Container, address: string): Promise<boolean> {
  const action = probe.httpGet;
  if (!action) return Promise.resolve(true);
  const port =
    typeof action.port === 'number'
      ? action.port
      : (container.ports ?? []).find((one) => one.name === action.port)?.containerPort;
  return new Promise((resolve) => {
    const request = get(
      { host: address, port, path: action.path ?? '/', agent: false, timeout: (probe.timeoutSeconds ?? 1) * 1_000 },
      (response) => {
        response.resume();
        resolve((response.statusCode ?? 0) >= 200 && (response.statusCode ?? 0) < 400);
      },
    );
    request.on('timeout', () => request.destroy());
    // Refused and broken connections are what a probe is there to find.
    request.on('error', () => resolve(false));
  });
}
