import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import { type Clock, HybridStoreError, wrongVariable } from '@hybridstore/runtime';
import { KubeConfig } from '@kubernetes/client-node';

/**
 * Who we are to the API server, and how we know that it is the API server: from client-node's KubeConfig (kubeconfig
 * files, in-cluster service accounts, exec and OIDC plugins). Tokens and certificates are rotated under a running
 * process, so what KubeConfig says is asked again every minute, and at once after a 401.
 */
export type TlsOptions = {
  readonly ca?: RequestOptions['ca'];
  readonly cert?: RequestOptions['cert'];
  readonly key?: RequestOptions['key'];
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
};

export type Identity = {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
  /** Changes when connections have to be made anew. */
  readonly tlsId: string;
};

/** client-go rereads token files as often. */
const refreshMs = 60_000;

export class Credentials {
  readonly #config: KubeConfig;
  readonly #clock: Clock;
  #identity: Promise<Identity> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(config: KubeConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
  }

  /** `https://host:port/prefix` of the current context. Throws `invalid_request` when there is none. */
  get server(): string {
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new HybridStoreError('invalid_request', 'kubeconfig: expected a current context with a cluster');
    return server.replace(/\/$/, '');
  }

  current(): Promise<Identity> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#identity !== undefined && nowMs - this.#readAtMs < refreshMs) return this.#identity;
    this.#readAtMs = nowMs;
    const reading = this.#read();
    this.#identity = reading;
    reading.catch(() => this.invalidate()); // the caller sees the error; the next one tries anew
    return reading;
  }

  /** The server did not accept what it was shown. */
  invalidate(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  async #read(): Promise<Identity> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername, auth } = options;
    const basic = typeof auth === 'string' ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
    const tls = dropUndefined({ ca, cert, key, rejectUnauthorized, servername });
    return { headers: { ...basic, ...readHeaders(options) }, tls, tlsId: hashTls(tls) };
  }
}

function readHeaders({ headers }: RequestOptions): Record<string, string> {
  if (headers === undefined || Array.isArray(headers)) return {};
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]);
  return Object.fromEntries(entries);
}

function dropUndefined(tls: { readonly [K in keyof TlsOptions]: TlsOptions[K] | undefined }): TlsOptions {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

function hashTls(tls: TlsOptions): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(tls)) hash.update(`${name}=${String(value)}\n`);
  return hash.digest('hex');
}

/** What client-node falls back to when it finds no configuration at all. */
const nowhere = 'http://localhost:8080';

/**
 * The configuration of these files (as in KUBECONFIG: several are separated by `:`, the first that says something wins),
 * or of the default places: KUBECONFIG, `~/.kube/config`, the service account of the pod we run in. Throws
 * `invalid_request` when a file cannot be read, or when no place has one.
 */
export function loadKubeConfig(paths?: string): KubeConfig {
  if (paths !== undefined) return loadFiles(paths.split(delimiter).filter((path) => path !== ''));
  const config = new KubeConfig();
  config.loadFromDefault();
  if (config.getCurrentCluster()?.server === nowhere)
    throw wrongVariable('KUBECONFIG', "a kubeconfig there, in ~/.kube/config, or a pod's service account", 'none');
  return config;
}

function loadFiles(paths: readonly string[]): KubeConfig {
  const config = new KubeConfig();
  for (const path of paths) {
    const one = new KubeConfig();
    try {
      one.loadFromFile(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      throw wrongVariable('KUBECONFIG', 'a readable kubeconfig file', `${path} (${reason})`);
    }
    one.clusters = without(one.clusters, config.clusters);
    one.users = without(one.users, config.users);
    one.contexts = without(one.contexts, config.contexts);
    config.mergeConfig(one, Boolean(config.currentContext));
  }
  return config;
}

type Named = { readonly name: string };

function without<T extends Named>(entries: readonly T[], known: readonly Named[] | undefined): T[] {
  const names = new Set(known?.map(({ name }) => name));
  return entries.filter(({ name }) => !names.has(name));
}
