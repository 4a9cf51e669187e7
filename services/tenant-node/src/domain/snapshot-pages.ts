import type { FileStatistics } from '@hybridstore/contracts';
import type { Engine, TableState } from '@hybridstore/engine';
import { HybridStoreError, LruCache } from '@hybridstore/runtime';

const filesPerPageMax = 2_000;
const statesMax = 32;

export type SnapshotPage = {
  readonly state: TableState;
  readonly files: readonly FileStatistics[];
  readonly nextOffset: number | undefined;
};

/**
 * One table version in pages of files sorted by path. A reader pins the version of its first page by naming it in the
 * others; versions read lately are kept, an older one is `gone` and the reader starts again.
 */
export class SnapshotPages {
  readonly #engine: Pick<Engine, 'snapshot'>;
  readonly #states = new LruCache<string, TableState>(statesMax);

  constructor(engine: Pick<Engine, 'snapshot'>) {
    this.#engine = engine;
  }

  async read(sourceId: string, place: { readonly offset?: number; readonly version?: number }): Promise<SnapshotPage> {
    const state = await this.#state(sourceId, place.version);
    const offset = place.offset ?? 0;
    const files = state.files.slice(offset, offset + filesPerPageMax);
    const end = offset + files.length;
    return { state, files, nextOffset: end < state.files.length ? end : undefined };
  }

  async #state(sourceId: string, version: number | undefined): Promise<TableState> {
    const kept = version === undefined ? undefined : this.#states.get(`${sourceId}@${version}`);
    if (kept) return kept;
    const newest = await this.#engine.snapshot(sourceId);
    if (version !== undefined && version !== newest.version)
      throw new HybridStoreError(
        'gone',
        `version ${version} of ${sourceId} is not kept; the newest is ${newest.version}`,
        {
          source_id: sourceId,
          version,
          newest: newest.version,
        },
      );
    const sorted = { ...newest, files: [...newest.files].sort((a, b) => (a.path < b.path ? -1 : 1)) };
    this.#states.set(`${sourceId}@${newest.version}`, sorted);
    return sorted;
  }
}
