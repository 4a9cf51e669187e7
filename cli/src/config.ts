import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { HybridStoreError } from '@hybridstore/runtime';
import { readJsonFile } from './read-json-file.ts';

/** Flags that every command takes; each has a variable beside it. */
export type GlobalFlags = {
  readonly dataDir?: string;
  readonly kubeconfig?: string;
  readonly gateway?: string;
  readonly tenant?: string;
  readonly token?: string;
  readonly username?: string;
  readonly passwordFile?: string;
};

/** Written by `npm start` into its data folder when everything is up. */
export type Endpoints = {
  readonly gateway: string;
  readonly services: Readonly<Record<string, string>>;
  readonly tenants: Readonly<Record<string, { readonly url: string; readonly nodes: readonly string[] }>>;
  readonly kubeconfig: string;
  readonly admin_credentials: string;
};

export type Settings = {
  readonly flags: GlobalFlags;
  readonly kubeconfig: string | undefined;
  readonly endpoints: Endpoints | undefined;
  readonly gateway: string | undefined;
  readonly tenant: string | undefined;
  readonly token: string | undefined;
  readonly credentialsFile: string | undefined;
  /** Where the shared services of a cluster are. */
  readonly systemNamespace: string;
};

export const dataDirDefault = 'hybridstore-data';
const systemNamespaceDefault = 'hybridstore-system';

/**
 * Which platform is meant: the flags, then HYBRIDSTORE_* and KUBECONFIG, then the embedded platform whose data folder is
 * here. An explicit KUBECONFIG wins over a data folder that happens to lie here.
 */
export function readSettings(flags: GlobalFlags, variables: Readonly<NodeJS.ProcessEnv>): Settings {
  const kubeconfig = flags.kubeconfig ?? (flags.dataDir === undefined ? variables['KUBECONFIG'] : undefined);
  const dataDir = resolve(flags.dataDir ?? variables['HYBRIDSTORE_DATA_DIR'] ?? dataDirDefault);
  const endpoints = kubeconfig === undefined || kubeconfig === '' ? readEndpoints(dataDir) : undefined;
  return {
    flags,
    kubeconfig: kubeconfig || endpoints?.kubeconfig,
    endpoints,
    gateway: flags.gateway ?? variables['HYBRIDSTORE_GATEWAY'] ?? endpoints?.gateway,
    tenant: flags.tenant ?? variables['HYBRIDSTORE_TENANT'] ?? onlyTenant(endpoints),
    token: flags.token ?? variables['HYBRIDSTORE_TOKEN'],
    credentialsFile: endpoints?.admin_credentials,
    systemNamespace: variables['HYBRIDSTORE_NAMESPACE'] ?? systemNamespaceDefault,
  };
}

function readEndpoints(dataDir: string): Endpoints | undefined {
  const path = join(dataDir, 'endpoints.json');
  if (!existsSync(path)) return undefined;
  return readJsonFile(path, 'what npm start writes there') as Endpoints;
}

function onlyTenant(endpoints: Endpoints | undefined): string | undefined {
  const tenants = Object.keys(endpoints?.tenants ?? {});
  return tenants.length === 1 ? tenants[0] : undefined;
}

export function noPlatform(): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    'no platform found: start one with npm start, name its folder with --data-dir, or a cluster with KUBECONFIG',
  );
}
