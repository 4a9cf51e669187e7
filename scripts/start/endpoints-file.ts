import { join } from 'node:path';
import { writePrivateJson } from './private-file.ts';

export type Endpoints = {
  readonly gateway: string;
  readonly services: Readonly<Record<string, string>>;
  readonly tenants: Readonly<Record<string, { readonly url: string; readonly nodes: readonly string[] }>>;
  readonly kubeconfig: string;
  readonly admin_credentials: string;
};

/** Written whole, so that its presence means: everything in it answers. */
export async function writeEndpoints(folder: string, endpoints: Endpoints): Promise<string> {
  const path = join(folder, 'endpoints.json');
  await writePrivateJson(path, endpoints);
  return path;
}
