import { readFileSync } from 'node:fs';
import {
  authGateway,
  bodyBounds,
  type Endpoint,
  type ResponseOf,
  type TokenResponse,
  tenantResource,
} from '@hybridstore/contracts';
import { connectKube, type ForwardedPort, forwardPort, loadKubeConfig, secrets } from '@hybridstore/controller-runtime';
import { type CallArguments, type CallOptions, HttpClient, type StreamAnswer } from '@hybridstore/http';
import { HybridStoreError } from '@hybridstore/runtime';
import { noPlatform, type Settings } from './config.ts';
import { readJsonFile } from './read-json-file.ts';
import { usageError } from './usage-error.ts';

/** Credentials of a person, as the file of the platform's administrator holds them. */
type Credentials = { readonly username: string; readonly password: string };

/** One command's way to the platform: the gateway for data, the Kubernetes API for resources. Both open on first use. */
export class Connection {
  readonly settings: Settings;
  readonly #client = new HttpClient({ asksForCompressed: true, connectMsMax: 5_000 });
  #kube: ReturnType<typeof connectKube> | undefined;
  #forwarded: ForwardedPort | undefined;
  #token: string | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  kube(): ReturnType<typeof connectKube> {
    if (this.settings.kubeconfig === undefined) throw noPlatform();
    this.#kube ??= connectKube({ fieldManager: 'hybridstore-cli', kubeconfig: this.settings.kubeconfig });
    return this.#kube;
  }

  /** Address of the gateway: given, known from the data folder, or a forwarded port of its Service in the cluster. */
  async gateway(): Promise<string> {
    if (this.settings.gateway !== undefined) return this.settings.gateway;
    if (this.settings.kubeconfig === undefined) throw noPlatform();
    this.#forwarded ??= await forwardPort(this.kube(), loadKubeConfig(this.settings.kubeconfig), {
      namespace: this.settings.systemNamespace,
      service: 'auth-gateway',
      port: 8080,
    });
    return this.#forwarded.url;
  }

  call<E extends Endpoint>(endpoint: E, ...options: CallArguments<E>): Promise<ResponseOf<E>>;
  async call(endpoint: Endpoint, options: CallOptions<Endpoint> = {}): Promise<unknown> {
    return this.#client.call(await this.gateway(), endpoint, { token: await this.token(), ...options });
  }

  stream<E extends Endpoint>(endpoint: E, ...options: CallArguments<E>): Promise<StreamAnswer>;
  async stream(endpoint: Endpoint, options: CallOptions<Endpoint> = {}): Promise<StreamAnswer> {
    return this.#client.stream(await this.gateway(), endpoint, { token: await this.token(), ...options });
  }

  /** A token for the tenant in question: as given, or from a log-in with the credentials at hand. */
  async token(): Promise<string> {
    this.#token ??= this.settings.token ?? (await this.logIn()).access_token;
    return this.#token;
  }

  /** `namespace/name`, as it is named, or the platform's only one now; undefined where there are several, or none. */
  async tenant(): Promise<string | undefined> {
    if (this.settings.tenant !== undefined || this.settings.kubeconfig === undefined) return this.settings.tenant;
    const { items } = await this.kube().list(tenantResource, { limit: 2 });
    const [first] = items;
    return first && items.length === 1 ? `${first.metadata.namespace}/${first.metadata.name}` : undefined;
  }

  async logIn(): Promise<TokenResponse> {
    const { username, password } = await this.#credentials();
    const isAdministrator = this.settings.flags.username === undefined;
    const tenant = isAdministrator ? await this.tenant() : undefined;
    const body = { username, password, ...(tenant === undefined ? {} : { tenant_id: tenant }) };
    return this.#client.call(await this.gateway(), authGateway.login, { body });
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#kube?.close();
    await this.#forwarded?.close();
  }

  async #credentials(): Promise<Credentials> {
    const { flags, credentialsFile, kubeconfig } = this.settings;
    if (flags.username !== undefined) return { username: flags.username, password: readPassword(flags.passwordFile) };
    if (flags.passwordFile !== undefined)
      throw usageError('--password-file', 'expected --username beside it, found none');
    if (credentialsFile !== undefined)
      return readJsonFile(credentialsFile, 'username and password as JSON') as Credentials;
    if (kubeconfig === undefined) throw noPlatform();
    return this.#administratorOfCluster();
  }

  async #administratorOfCluster(): Promise<Credentials> {
    const secret = await this.kube().get(secrets, {
      namespace: this.settings.systemNamespace,
      name: 'hybridstore-admin',
    });
    const read = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
    return { username: read('username'), password: read('password') };
  }
}

function readPassword(file: string | undefined): string {
  if (file === undefined)
    throw usageError('--password-file', 'expected the file that holds the password of --username, found none');
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new HybridStoreError(
      'invalid_request',
      `--password-file: expected a readable file, found ${file}`,
      {},
      { cause },
    );
  }
}

/** Room for a batch's envelope below the gateway's body bound. */
export const batchBytesMax = bodyBounds.records / 4;
