import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Endpoints = {
  readonly gateway: string;
  readonly services: Readonly<Record<string, string>>;
  readonly tenants: Readonly<Record<string, { readonly url: string; readonly nodes: readonly string[] }>>;
  readonly kubeconfig: string;
  readonly admin_credentials: string;
};

/** Written whole, so that its presence means: everything in it answers. */
export function writeEndpoints(folder: string, endpoints: Endpoints): string {
  const path = join(folder, 'endpoints.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(endpoints, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}
