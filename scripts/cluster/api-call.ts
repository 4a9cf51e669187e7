import { Agent, request } from 'node:https';
import { readCredentials } from './kubeconfig.ts';
import type { ClusterLayout } from './layout.ts';

const requestTimeoutMs = 10_000;

/**
 * A call of the API server by the cluster's own small processes, with nothing but Node: the answer as JSON. Rejects for
 * any status but 200. A body is sent as a merge patch.
 */
export type ApiCall = (method: 'GET' | 'PATCH', path: string, body?: object) => Promise<unknown>;

/** Calls with the certificate `name` over kept connections. */
export function createApiCall(layout: ClusterLayout, name: string): ApiCall {
  const { authority, certificate, key } = readCredentials(layout, name);
  const agent = new Agent({ ca: authority, cert: certificate, key, keepAlive: true });
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/merge-patch+json' };
      const options = { method, agent, headers, timeout: requestTimeoutMs };
      const outgoing = request(new URL(path, layout.apiServerUrl), options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`));
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)));
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
}
