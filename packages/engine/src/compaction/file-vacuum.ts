import { isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { EngineLimits } from '../engine-limits.ts';
import type { TableState } from '../ports.ts';
import { segmentOwner } from '../segment/file-names.ts';
import type { SegmentIntents } from '../segment-intents.ts';
import type { SourceTable } from '../source-table.ts';
import type { ObjectStore } from '../store/ports.ts';
import { emptyQuarantine, quarantineFile } from './quarantine.ts';
import { judgeFile } from './vacuum-table.ts';

export type FileVacuumOptions = {
  readonly store: ObjectStore;
  readonly intents: Pick<SegmentIntents, 'list'>;
  readonly logger: Logger;
  readonly logId: string;
  readonly limits: Pick<
    EngineLimits,
    'replacedFileGraceMs' | 'retainSnapshotsHours' | 'orphanGraceMs' | 'quarantineHours'
  >;
  /** Called when a table is left alone because its log is damaged. */
  readonly onSkip: () => void;
};

const problemsMax = 10;

/** Takes away files that no snapshot within the retention and no query of this node needs any more. */
export class FileVacuum {
  readonly #options: FileVacuumOptions;
  readonly #pins = new Map<TableState, number>();
  /** Retention by table, where a compaction policy asked for its own. */
  readonly #retainMs = new Map<string, number>();

  constructor(options: FileVacuumOptions) {
    this.#options = options;
  }

  /** The files of the state stay until all its pins are released. */
  pin(state: TableState): { release(): void } {
    this.#pins.set(state, (this.#pins.get(state) ?? 0) + 1);
    let isReleased = false;
    return {
      release: () => {
        if (isReleased) return;
        isReleased = true;
        const left = (this.#pins.get(state) ?? 1) - 1;
        if (left === 0) this.#pins.delete(state);
        else this.#pins.set(state, left);
      },
    };
  }

  retain(table: SourceTable, retainMs: number): void {
    this.#retainMs.set(table.key, retainMs);
  }

  /**
   * Moves what nobody needs into the quarantine, and deletes what has been there long enough. Does nothing, and says so, when
   * anything of the table's log is not what was written.
   */
  async clean(table: SourceTable): Promise<void> {
    const { store, limits } = this.#options;
    try {
      const moved = await this.#moveUnneeded(table);
      const deleted = await emptyQuarantine(store, table.location, limits.quarantineHours * 3_600_000);
      if (moved + deleted > 0)
        this.#options.logger.info('files_removed', { source: table.sourceId, quarantined: moved, deleted });
    } catch (error) {
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      this.#skip(table, [error.message]);
    }
  }

  async #moveUnneeded(table: SourceTable): Promise<number> {
    const { store, logId, limits, intents } = this.#options;
    const names = (await store.list(table.location)).filter((name) => segmentOwner(name, logId));
    const pinned = this.#pinnedPaths(table.sourceId);
    // Read after the listing: whatever was committed by then is known to be needed.
    const snapshot = await table.refresh();
    const others = names.filter((name) => !snapshot?.files.has(name) && !pinned.has(name));
    if (!snapshot || others.length === 0) return 0;
    const candidates = await this.#withTimes(table, others);
    const input = {
      pinned,
      logId,
      nowMs: await store.nowMs(),
      retainMs: this.#retentionMs(table),
      orphanGraceMs: limits.orphanGraceMs,
    };
    // A guess that costs nothing, since mostly nothing is due: by the snapshot, and without a look at the intents.
    const removedAtMs = new Map(
      [...snapshot.tombstones].map(([path, { deletionTimestamp = Number.POSITIVE_INFINITY }]) => [
        path,
        deletionTimestamp,
      ]),
    );
    const guess = { ...input, intents: [], audit: { live: new Set<string>(), removedAtMs, isWhole: true } };
    const due = candidates.filter((file) => judgeFile(file, guess) !== 'keep');
    if (due.length === 0) return 0;
    const listed = await intents.list(table.location);
    const audit = await table.audit();
    if (!audit?.snapshot) {
      this.#skip(
        table,
        (audit?.problems ?? []).map(({ key, reason }) => `${key}: ${reason}`),
      );
      return 0;
    }
    const live = new Set(audit.snapshot.files.keys());
    const judged = { ...input, intents: listed, audit: { ...audit, live } };
    let moved = 0;
    for (const file of due) {
      if (judgeFile(file, judged) === 'keep') continue;
      await quarantineFile(store, { location: table.location, name: file.name, nowMs: input.nowMs });
      moved += 1;
    }
    for (const intent of listed) if (intent.isStale) await store.delete(intent.key);
    return moved;
  }

  async #withTimes(
    table: SourceTable,
    names: readonly string[],
  ): Promise<{ readonly name: string; readonly modifiedAtMs: number }[]> {
    const found: { readonly name: string; readonly modifiedAtMs: number }[] = [];
    for (const name of names) {
      const stat = await this.#options.store.stat(`${table.location}/${name}`);
      if (stat) found.push({ name, modifiedAtMs: stat.modifiedAtMs });
    }
    return found;
  }

  #retentionMs(table: SourceTable): number {
    const { limits } = this.#options;
    const askedMs = this.#retainMs.get(table.key) ?? limits.retainSnapshotsHours * 3_600_000;
    return Math.max(limits.replacedFileGraceMs, askedMs);
  }

  #skip(table: SourceTable, problems: readonly string[]): void {
    const { logger, onSkip } = this.#options;
    onSkip();
    logger.warn('vacuum_skipped', { source: table.sourceId, problems: problems.slice(0, problemsMax) });
  }

  /** What queries of this node hold of a table. */
  pinnedStates(sourceId: string): readonly TableState[] {
    return [...this.#pins.keys()].filter((state) => state.sourceId === sourceId);
  }

  #pinnedPaths(sourceId: string): ReadonlySet<string> {
    return new Set(this.pinnedStates(sourceId).flatMap((state) => state.files.map((file) => file.path)));
  }
}
