import { randomBytes } from 'node:crypto';
import { type Logger, sealJson } from '@hybridstore/runtime';
import { segmentPrefix } from './segment/file-names.ts';
import type { ObjectStore } from './store/ports.ts';

export type SegmentIntentsOptions = {
  readonly store: Pick<ObjectStore, 'createIfAbsent' | 'delete' | 'list'>;
  readonly logId: string;
  readonly logger: Logger;
};

/**
 * Which files without a commit are about to get one. Before a flush or a merge publishes its files it writes down, durably,
 * that it will; afterwards, whatever became of it, it takes that back:
 *
 *     _writing/<log id>-<16 digits>.json     the files `hs-<8 digits of the log id>-<the 16 digits>….parquet`
 *
 * No clock says whether a file is still wanted: while its intent is there it is. One that a dead process left is known by the
 * log's next owner, since two processes never have one log.
 */
export class SegmentIntents {
  readonly #options: SegmentIntentsOptions;
  readonly #active = new Set<string>();

  constructor(options: SegmentIntentsOptions) {
    this.#options = options;
  }

  /** Runs `write`, whose files have names that begin with its argument, and which commits them or gives them up. */
  async during<T>(location: string, write: (filePrefix: string) => Promise<T>): Promise<T> {
    const { store, logId } = this.#options;
    const id = randomBytes(intentDigits / 2).toString('hex');
    const key = `${intentsPrefix(location)}/${logId}-${id}.json`;
    this.#active.add(id);
    try {
      await store.createIfAbsent(key, Buffer.from(sealJson({ log_id: logId, id }, key)));
      return await write(`${segmentPrefix(logId)}${id}`);
    } finally {
      this.#active.delete(id);
      await this.#takeBack(key);
    }
  }

  /** Those that are there, of any node, and whether the process that made them may still be at work. */
  async list(location: string): Promise<readonly SegmentIntent[]> {
    const names = await this.#options.store.list(intentsPrefix(location));
    return names.flatMap((name) => {
      const [, logId, id] = /^([0-9a-f]+)-([0-9a-f]{16})\.json$/.exec(name) ?? [];
      if (logId === undefined || id === undefined) return [];
      const isStale = logId === this.#options.logId && !this.#active.has(id);
      return [{ key: `${intentsPrefix(location)}/${name}`, id, isStale }];
    });
  }

  /** One that stays says only that its files must stay too: the next start of this log finds it stale. */
  async #takeBack(key: string): Promise<void> {
    const { store, logger } = this.#options;
    await store.delete(key).catch((error: unknown) => logger.warn('intent_left', { key, error }));
  }
}

export type SegmentIntent = { readonly key: string; readonly id: string; readonly isStale: boolean };

const intentDigits = 16;

/** The intent that a file was written under; files of before have digits of none. */
export function intentOf(segmentName: string): string {
  return segmentName.slice(segmentPrefix('0'.repeat(32)).length).slice(0, intentDigits);
}

function intentsPrefix(location: string): string {
  return `${location}/_writing`;
}
