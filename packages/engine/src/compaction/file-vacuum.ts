import type { Clock, Logger } from '@hybridstore/runtime';
import type { EngineLimits } from '../engine-limits.ts';
import type { TableState } from '../ports.ts';
import type { SourceTable } from '../source-table.ts';
import type { ObjectStore } from '../store/ports.ts';
import { isExpiredOrphan, judgeFile, type VacuumInput } from './vacuum-table.ts';

export type FileVacuumOptions = {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly logId: string;
  readonly limits: Pick<EngineLimits, 'replacedFileGraceMs' | 'retainSnapshotsHours' | 'orphanGraceMs'>;
};

/** Removes files that no snapshot within the retention and no query of this node needs any more. */
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

  async clean(table: SourceTable): Promise<void> {
    const { store, logId, clock, limits, logger } = this.#options;
    const names = await store.list(table.location);
    // Read after the listing: whatever was committed by then is known to be needed.
    const snapshot = await table.refresh();
    if (!snapshot) return;
    const input: VacuumInput = {
      snapshot,
      pinned: this.#pinnedPaths(table.sourceId),
      logId,
      nowMs: clock.now(),
      retainMs: Math.max(
        limits.replacedFileGraceMs,
        this.#retainMs.get(table.key) ?? limits.retainSnapshotsHours * 3_600_000,
      ),
      orphanGraceMs: limits.orphanGraceMs,
    };
    let removed = 0;
    for (const name of names) if (await this.#removeIfUnneeded(table, name, input)) removed += 1;
    if (removed > 0) logger.info('files_removed', { source: table.sourceId, files: removed });
  }

  async #removeIfUnneeded(table: SourceTable, name: string, input: VacuumInput): Promise<boolean> {
    const { store } = this.#options;
    const judgement = judgeFile(name, input);
    if (judgement === 'keep') return false;
    const key = `${table.location}/${name}`;
    if (judgement === 'orphan') {
      const stat = await store.stat(key);
      if (!stat || !isExpiredOrphan({ name, modifiedAtMs: stat.modifiedAtMs }, input)) return false;
    }
    await store.delete(key);
    return true;
  }

  #pinnedPaths(sourceId: string): ReadonlySet<string> {
    const states = [...this.#pins.keys()].filter((state) => state.sourceId === sourceId);
    return new Set(states.flatMap((state) => state.files.map((file) => file.path)));
  }
}
