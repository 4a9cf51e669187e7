import type { KubeObject, ListOptions, ListPage, Stored } from '@hybridstore/controller-runtime';
import { kubeError } from '@hybridstore/controller-runtime';

/** Lists that are being read page by page; the oldest is forgotten, as a compaction of etcd forgets a snapshot. */
const openListsMax = 64;

type OpenList = {
  readonly items: readonly Stored<KubeObject>[];
  readonly resourceVersion: string;
};

/** Paged lists: all pages of one list show the objects of one moment. */
export class ListPages {
  readonly #open = new Map<string, OpenList>();
  #count = 0;

  list(options: ListOptions, read: () => readonly Stored<KubeObject>[], revision: number): ListPage<KubeObject> {
    if (options.continueToken !== undefined) return this.#next(options.continueToken, options.limit);
    const list = { items: read(), resourceVersion: String(revision) };
    return this.#page(list, 0, options.limit, undefined);
  }

  /** Throws `gone` when the list was forgotten. */
  #next(token: string, limit: number | undefined): ListPage<KubeObject> {
    const [id = '', offset = ''] = token.split('.');
    const list = this.#open.get(id);
    if (list !== undefined && /^\d+$/.test(offset)) return this.#page(list, Number(offset), limit, id);
    const message =
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.';
    throw kubeError({ reason: 'Expired', message });
  }

  #page(list: OpenList, offset: number, limit: number | undefined, id: string | undefined): ListPage<KubeObject> {
    const { items, resourceVersion } = list;
    const end = limit === undefined || limit <= 0 ? items.length : offset + limit;
    if (end >= items.length) {
      if (id !== undefined) this.#open.delete(id);
      return { items: items.slice(offset), resourceVersion };
    }
    return { items: items.slice(offset, end), resourceVersion, continueToken: `${id ?? this.#keep(list)}.${end}` };
  }

  #keep(list: OpenList): string {
    this.#count += 1;
    const id = `l${this.#count}`;
    this.#open.set(id, list);
    const [oldest] = this.#open.keys();
    if (this.#open.size > openListsMax && oldest !== undefined) this.#open.delete(oldest);
    return id;
  }
}
