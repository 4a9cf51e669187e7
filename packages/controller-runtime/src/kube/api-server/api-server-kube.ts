import type { Clock } from '@hybridstore/runtime';
import type { KubeConfig } from '@kubernetes/client-node';
import { errorFromAnswer, kubeError } from '../errors.ts';
import { EventRecorder } from '../event-recorder.ts';
import { isJsonObject } from '../json.ts';
import { type KubeObject, keyOf, type ObjectKey, type Stored } from '../object.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  EventInput,
  GetOptions,
  Kube,
  ListOptions,
  ListPage,
  StatusPatch,
  UpdateOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '../ports.ts';
import { buildResourcePath, type Resource } from '../resource.ts';
import type { RestClientMetrics } from './rest-client-metrics.ts';
import { Transport, type TransportRequest } from './transport.ts';

/** The port `Kube` on a real API server, over its REST API. Source: Kubernetes API concepts (kubernetes.io/docs). */
export type ApiServerKubeOptions = {
  readonly config: KubeConfig;
  /** Also the User-Agent, which the API server logs. */
  readonly fieldManager: string;
  /** Who reports Events, as `example.com/operator`; the field manager without one. */
  readonly reportingController?: string;
  /** Names this process in Events; the field manager without one. */
  readonly instance?: string;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly metrics?: RestClientMetrics;
};

export class ApiServerKube implements Kube {
  readonly fieldManager: string;
  readonly #transport: Transport;
  readonly #recorder: EventRecorder;

  constructor({ config, clock, random, fieldManager, metrics, ...names }: ApiServerKubeOptions) {
    const { reportingController: controller = fieldManager, instance = fieldManager } = names;
    this.fieldManager = fieldManager;
    this.#transport = new Transport({
      config,
      clock,
      userAgent: fieldManager,
      ...(metrics === undefined ? {} : { metrics }),
    });
    this.#recorder = new EventRecorder({ kube: this, clock, random, controller, instance });
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options: GetOptions = {}): Promise<Stored<T>> {
    const path = objectPath(resource, key, options.subresource);
    return asObject<T>(await this.#transport.request({ method: 'GET', path, ...signalOf(options) }));
  }

  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ListPage<T>> {
    const { namespace, labelSelector, fieldSelector, limit, continueToken } = options;
    const path = buildResourcePath(resource, namespace === undefined ? {} : { namespace });
    const query = { labelSelector, fieldSelector, limit, continue: continueToken };
    return readList(resource, await this.#transport.request({ method: 'GET', path, query, ...signalOf(options) }));
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = options;
    const path = buildResourcePath(resource, namespace === undefined ? {} : { namespace });
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds,
    };
    try {
      for await (const line of this.#transport.stream({ method: 'GET', path, query, ...signalOf(options) }))
        yield readEvent<T>(line);
    } catch (error) {
      if (options.signal?.aborted !== true) throw error; // an aborted watch just ends
    }
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<Stored<T>> {
    const { namespace } = object.metadata;
    const path = buildResourcePath(resource, namespace === undefined ? {} : { namespace });
    return this.#write(options, { method: 'POST', path, body: object });
  }

  update<T extends KubeObject>(resource: Resource<T>, object: T, options: UpdateOptions = {}): Promise<Stored<T>> {
    return this.#write(options, {
      method: 'PUT',
      path: objectPath(resource, keyOf(object), options.subresource),
      body: object,
    });
  }

  apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions = {}): Promise<Stored<T>> {
    return this.#apply(objectPath(resource, keyOf(object)), object, options);
  }

  patchStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: StatusPatch,
    options: ApplyOptions = {},
  ): Promise<Stored<T>> {
    const { apiVersion, kind, metadata, status } = object;
    const { name = '', namespace, resourceVersion } = metadata;
    const identity = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const patch: StatusPatch = { apiVersion, kind, metadata: identity, status };
    return this.#apply(objectPath(resource, keyOf(object), 'status'), patch, options);
  }

  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Readonly<Record<string, unknown>>,
    options: UpdateOptions = {},
  ): Promise<Stored<T>> {
    const path = objectPath(resource, key, options.subresource);
    return this.#write(options, { method: 'PATCH', path, body: patch, contentType: 'application/merge-patch+json' });
  }

  async delete(resource: Resource, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const { propagationPolicy = 'Background', preconditions, gracePeriodSeconds, dryRun } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy,
      ...(preconditions === undefined ? {} : { preconditions }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(dryRun === true ? { dryRun: ['All'] } : {}),
    };
    await this.#transport.request({ method: 'DELETE', path: objectPath(resource, key), body, ...signalOf(options) });
  }

  createEvent(event: EventInput): Promise<void> {
    return this.#recorder.record(event);
  }

  /** Ends idle connections and watches. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  #apply<T extends KubeObject>(path: string, object: KubeObject, options: ApplyOptions): Promise<Stored<T>> {
    const query = options.force === true ? { force: true } : {};
    return this.#write(options, {
      method: 'PATCH',
      path,
      query,
      body: object,
      contentType: 'application/apply-patch+yaml',
    });
  }

  async #write<T extends KubeObject>(options: WriteOptions, request: TransportRequest): Promise<Stored<T>> {
    const query = {
      ...request.query,
      fieldManager: options.fieldManager ?? this.fieldManager,
      fieldValidation: 'Strict',
      dryRun: options.dryRun === true ? 'All' : undefined,
    };
    return asObject<T>(await this.#transport.request({ ...request, query, ...signalOf(options) }));
  }
}

function objectPath(resource: Resource, key: ObjectKey, subresource?: 'status' | 'scale'): string {
  if (key.name === '') throw kubeError({ reason: 'BadRequest', message: 'name or generateName is required' });
  const path = buildResourcePath(resource, key);
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function signalOf({ signal }: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

/** The server is trusted to answer objects of the kind that was asked for. */
function asObject<T extends KubeObject>(body: unknown): Stored<T> {
  if (isJsonObject(body) && isJsonObject(body.metadata)) return body as unknown as Stored<T>; // see above
  throw kubeError({ reason: 'ServiceUnavailable', message: 'expected an object with metadata from the API server' });
}

function readList<T extends KubeObject>(resource: Resource<T>, body: unknown): ListPage<T> {
  if (!isJsonObject(body) || !isJsonObject(body.metadata) || !Array.isArray(body.items ?? [])) {
    throw kubeError({ reason: 'ServiceUnavailable', message: 'expected a list from the API server' });
  }
  const items = (body.items ?? []) as unknown as Stored<T>[]; // see asObject
  const { resourceVersion, continue: continueToken } = body.metadata;
  return {
    // Items of built-in kinds come without their kind.
    items: items.map((item) => ({ ...item, apiVersion: resource.apiVersion, kind: resource.kind })),
    resourceVersion: String(resourceVersion ?? ''),
    ...(typeof continueToken === 'string' && continueToken !== '' ? { continueToken } : {}),
  };
}

function readEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const event: unknown = JSON.parse(line);
  if (!isJsonObject(event) || !isJsonObject(event.object))
    throw kubeError({ reason: 'ServiceUnavailable', message: 'expected a watch event from the API server' });
  const object = event.object as unknown as Stored<T>; // see asObject
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: object.metadata.resourceVersion };
    default: {
      const { code } = event.object;
      throw errorFromAnswer(typeof code === 'number' ? code : 500, event.object);
    }
  }
}
