import type { KubeObject, Stored } from '../../src/kube/object.ts';
import type { Kube, ListPage, WatchEvent, WatchOptions } from '../../src/kube/ports.ts';

/** A server whose every answer is written by the test: lists by a queue of answers, watches by hand. */
export type Item = Stored<KubeObject>;

export function item(name: string, version: number, labels: Readonly<Record<string, string>> = {}): Item {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: String(version), labels },
  };
}

export interface OpenWatch {
  readonly options: WatchOptions;
  send(event: WatchEvent<KubeObject>): void;
  end(): void;
  fail(error: unknown): void;
}

export class ScriptedKube implements Pick<Kube, 'list' | 'watch'> {
  /** Answers of the next lists, in order; the last one is repeated. */
  lists: (ListPage<KubeObject> | Error)[] = [];
  /** Errors of the next watches; `undefined` opens one. */
  refusals: (Error | undefined)[] = [];
  readonly watches: OpenWatch[] = [];
  listCount = 0;

  list(): Promise<never> {
    this.listCount += 1;
    const answer = this.lists.length > 1 ? this.lists.shift() : this.lists[0];
    return (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)) as Promise<never>; // the test names the type
  }

  watch(_resource: unknown, options: WatchOptions): AsyncIterable<never> {
    const refusal = this.refusals.shift();
    return {
      [Symbol.asyncIterator]: () =>
        (refusal === undefined ? this.#open(options) : failing(refusal)) as AsyncIterator<never>,
    };
  }

  get current(): OpenWatch {
    const watch = this.watches.at(-1);
    if (watch === undefined) throw new Error('no watch was opened');
    return watch;
  }

  #open(options: WatchOptions): AsyncIterator<WatchEvent<KubeObject>> {
    const events: WatchEvent<KubeObject>[] = [];
    let ending: { readonly error?: unknown } | undefined;
    let wake = () => {};
    const end = (how: { readonly error?: unknown }) => {
      ending ??= how;
      wake();
    };
    this.watches.push({
      options,
      send: (event) => {
        events.push(event);
        wake();
      },
      end: () => end({}),
      fail: (error) => end({ error }),
    });
    options.signal?.addEventListener('abort', () => end({}), { once: true });
    const next = async (): Promise<IteratorResult<WatchEvent<KubeObject>>> => {
      for (;;) {
        const event = events.shift();
        if (event !== undefined) return { done: false, value: event };
        if (ending !== undefined) {
          if ('error' in ending) throw ending.error;
          return { done: true, value: undefined };
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    return { next, return: async () => ({ done: true, value: undefined }) };
  }
}

function failing(error: Error): AsyncIterator<never> {
  return { next: () => Promise.reject(error) };
}
