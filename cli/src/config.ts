import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type PlatformAddresses, platformAddressesFile } from '@hybridstore/contracts';
import { HybridStoreError } from '@hybridstore/runtime';
import { readJsonFile } from './read-json-file.ts';
import { usageError } from './usage-error.ts';

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

export type Settings = {
  readonly flags: GlobalFlags;
  readonly kubeconfig: string | undefined;
  readonly addresses: PlatformAddresses | undefined;
  readonly gateway: string | undefined;
  /** As it is named; otherwise it is the platform's only one (`Connection.tenant()`). */
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
  const addresses = kubeconfig === undefined || kubeconfig === '' ? readAddresses(dataDir) : undefined;
  return {
    flags,
    kubeconfig: kubeconfig || addresses?.kubeconfig,
    addresses,
    gateway: readGateway(flags, variables) ?? addresses?.gateway,
    tenant: flags.tenant ?? variables['HYBRIDSTORE_TENANT'],
    token: flags.token ?? variables['HYBRIDSTORE_TOKEN'],
    credentialsFile: addresses?.admin_credentials,
    systemNamespace: variables['HYBRIDSTORE_NAMESPACE'] ?? systemNamespaceDefault,
  };
}

function readGateway(flags: GlobalFlags, variables: Readonly<NodeJS.ProcessEnv>): string | undefined {
  const variable = 'HYBRIDSTORE_GATEWAY';
  const [name, value] = flags.gateway === undefined ? [variable, variables[variable]] : ['--gateway', flags.gateway];
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw usageError(name, `expected an address such as http://localhost:8080, found ${value}`);
  return value;
}

function readAddresses(dataDir: string): PlatformAddresses | undefined {
  const path = join(dataDir, platformAddressesFile);
  if (!existsSync(path)) return undefined;
  return readJsonFile(path, 'what npm start writes there') as PlatformAddresses;
}

export function noPlatform(): HybridStoreError {
  return new HybridStoreError(
    'invalid_request',
    'no platform found: start one with npm start, name its folder with --data-dir, or a cluster with KUBECONFIG',
  );
}
