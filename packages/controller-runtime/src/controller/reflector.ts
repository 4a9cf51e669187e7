import type { Clock, Logger } from '@hybridstore/runtime';
import { isHybridStoreError } from '@hybridstore/runtime';
import { isExpired, retryAfterMsOf } from '../kube/errors.ts';
import type { KubeObject, Stored } from '../kube/object.ts';
import { type Kube, listAll, type Selection, type WatchEvent } from '../kube/ports.ts';
import { formatGroupResource, type Resource } from '../kube/resource.ts';
import { backoffMs } from './backoff.ts';
import type { MachineMetrics } from './machine-metrics.ts';

/**
 * Keeps a cache equal to the server's objects of one kind, through lost connections, expired versions and refusals.
 *
 *   list (paged) ──► replace the cache ──► watch from the list's version ──► events, bookmarks
 *        ▲                                      │        ▲      │
 *        └──────── 410: version expired ────────┘        └──────┘ ended, silent or failed: resume from the last version
 *
 * Between failures it waits: the server's Retry-After or a jittered, growing backoff, whichever is longer.
 * A watch that is silent for longer than the server's bookmarks can explain is cut (a dead connection says nothing).
 * Source of the idea: client-go tools/cache/reflector.go.
 */
export interface ReflectorSink<T extends KubeObject> {
  /** The whole list at a version. */
  replace(objects: readonly Stored<T>[], version: string): void;
  put(object: Stored<T>): void;
  remove(object: Stored<T>): void;
  advance(version: string): void;
}

export type ReflectorOptions<T extends KubeObject> = {
  readonly kube: Pick<Kube, 'list' | 'watch'>;
  readonly resource: Resource<T>;
  readonly selection?: Selection;
  readonly sink: ReflectorSink<T>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics?: MachineMetrics;
};

/** Servers are asked to end a watch after 5 to 10 minutes, at random, so that not all are renewed together. */
export const watchSecondsMin = 300;
/** Bookmarks come about every minute; two lost ones and a half mean the connection is dead. */
export const watchSilenceMsMax = 150_000;
const backoffBaseMs = 800;
const backoffCapMs = 30_000;
/** A watch that ends sooner and reported nothing counts as a failure, or a server that ends all at once would be hammered. */
const watchMsMin = 1_000;

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #name: string;
  #version: string | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#name = formatGroupResource(options.resource);
  }

  /** Runs until the signal aborts. Errors are waited out, never thrown. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        else await this.#watch(this.#version, signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { kube, resource, selection, sink } = this.#options;
    const { items, resourceVersion } = await listAll(kube, resource, { ...selection, signal });
    this.#failures = 0;
    this.#version = resourceVersion;
    sink.replace(items, resourceVersion);
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { kube, resource, selection, clock, random } = this.#options;
    const watchdog = new Watchdog(clock, signal);
    const startedMs = clock.monotonicMs();
    const timeoutSeconds = Math.round(watchSecondsMin * (1 + random()));
    try {
      for await (const event of kube.watch(resource, {
        ...selection,
        resourceVersion,
        timeoutSeconds,
        signal: watchdog.signal,
      })) {
        watchdog.reset();
        this.#failures = 0;
        this.#take(event);
      }
    } finally {
      watchdog.stop();
    }
    if (signal.aborted) return;
    this.#options.metrics?.watchRestarts.inc({
      resource: this.#name,
      reason: watchdog.signal.aborted ? 'silent' : 'ended',
    });
    const isBarren = this.#version === resourceVersion && clock.monotonicMs() - startedMs < watchMsMin;
    if (isBarren) await this.#pause(0, signal);
  }

  #take(event: WatchEvent<T>): void {
    const { sink } = this.#options;
    if (event.type === 'BOOKMARK') {
      this.#version = event.resourceVersion;
      sink.advance(event.resourceVersion);
      return;
    }
    this.#version = event.object.metadata.resourceVersion;
    if (event.type === 'DELETED') sink.remove(event.object);
    else sink.put(event.object);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const hadExpired = isExpired(error);
    const wasWatching = this.#version !== undefined;
    if (hadExpired) this.#version = undefined;
    const code = isHybridStoreError(error) ? error.code : 'internal';
    if (wasWatching) this.#options.metrics?.watchRestarts.inc({ resource: this.#name, reason: code });
    this.#options.logger.warn(wasWatching ? 'watch_failed' : 'list_failed', { resource: this.#name, code, error });
    // The first expiry is normal life; a server whose every list expires is waited for.
    if (hadExpired && wasWatching) return;
    await this.#pause(retryAfterMsOf(error) ?? 0, signal);
  }

  async #pause(delayMsMin: number, signal: AbortSignal): Promise<void> {
    this.#failures += 1;
    const { clock, random } = this.#options;
    const delayMs = Math.max(
      delayMsMin,
      backoffMs(this.#failures, { baseMs: backoffBaseMs, capMs: backoffCapMs, random }),
    );
    await clock.sleep(delayMs, signal).catch(() => {}); // an abort is seen by the loop
  }
}

/** Aborts its signal when nothing resets it in time, or with the parent. */
class Watchdog {
  readonly #clock: Clock;
  readonly #parent: AbortSignal;
  readonly #controller = new AbortController();
  #cancel: () => void;

  constructor(clock: Clock, parent: AbortSignal) {
    this.#clock = clock;
    this.#parent = parent;
    parent.addEventListener('abort', this.#abort, { once: true });
    if (parent.aborted) this.#abort();
    this.#cancel = clock.schedule(watchSilenceMsMax, this.#abort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  reset(): void {
    this.#cancel();
    this.#cancel = this.#clock.schedule(watchSilenceMsMax, this.#abort);
  }

  stop(): void {
    this.#cancel();
    this.#parent.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => this.#controller.abort();
}
