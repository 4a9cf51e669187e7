import { isHybridStoreError, type Logger } from '@hybridstore/runtime';
import type { EngineLimits } from '../engine-limits.ts';
import type { TableState } from '../ports.ts';
import { segmentOwner } from '../segment/file-names.ts';
import type { SegmentIntents } from '../segment-intents.ts';
import type { SourceTable } from '../source-table.ts';
import type { ObjectStore } from '../store/ports.ts';
import type { LogProblem } from '../table-log/read-log.ts';
import type { Snapshot } from '../table-log/snapshot.ts';
import { isExpired, quarantineFile, quarantinePrefix } from './quarantine.ts';
import { judgeFile, type VacuumInput } from './vacuum-table.ts';

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
    try {
      const due = await this.#findDue(table);
      if (due.files.length + due.quarantined.length > 0) await this.#removeProven(table, due);
    } catch (error) {
      if (!isHybridStoreError(error, 'corrupt')) throw error;
      this.#skip(table, [error.message]);
    }
  }

  /** A guess that costs little, since mostly nothing is due: by the snapshot, and without a look at log and intents. */
  async #findDue(table: SourceTable): Promise<Due> {
    const { store, limits } = this.#options;
    const { location } = table;
    const names = (await store.list(location)).filter((name) => segmentOwner(name, this.#options.logId));
    const quarantined = await store.list(quarantinePrefix(location));
    // Read after the listing: whatever was committed by then is known to be needed.
    const snapshot = await table.refresh();
    const others = names.filter((name) => !snapshot?.files.has(name));
    if (!snapshot || others.length + quarantined.length === 0) return { nowMs: 0, files: [], quarantined: [] };
    const nowMs = await store.nowMs();
    const guess = this.#inputFor(table, { nowMs, intents: [], audit: guessAudit(snapshot) });
    const files = await this.#withTimes(table, others);
    return {
      nowMs,
      files: files.filter((file) => judgeFile(file, guess) !== 'keep'),
      quarantined: quarantined.filter((name) => isExpired(name, nowMs, limits.quarantineHours * 3_600_000)),
    };
  }

  async #removeProven(table: SourceTable, { nowMs, files, quarantined }: Due): Promise<void> {
    const { store, intents, logger } = this.#options;
    const { location, sourceId } = table;
    // Before the log: who has taken an intent back by now has committed.
    const listed = await intents.list(location);
    const audit = await table.audit();
    if (!audit) return;
    if (!audit.snapshot) return this.#skip(table, audit.problems.map(describeProblem));
    const live = new Set(audit.snapshot.files.keys());
    const input = this.#inputFor(table, { nowMs, intents: listed, audit: { ...audit, live } });
    const unneeded = files.filter((file) => judgeFile(file, input) !== 'keep');
    for (const { name } of unneeded) await quarantineFile(store, { location, name, nowMs });
    for (const name of quarantined) await store.delete(`${quarantinePrefix(location)}/${name}`);
    for (const intent of listed) if (intent.isStale) await store.delete(intent.key);
    logger.info('files_removed', { source: sourceId, quarantined: unneeded.length, deleted: quarantined.length });
  }

  #inputFor(table: SourceTable, known: Pick<VacuumInput, 'nowMs' | 'intents' | 'audit'>): VacuumInput {
    const { logId, limits } = this.#options;
    const pinned = this.#pinnedPaths(table.sourceId);
    return { ...known, pinned, logId, retainMs: this.#retentionMs(table), orphanGraceMs: limits.orphanGraceMs };
  }

  async #withTimes(table: SourceTable, names: readonly string[]): Promise<readonly TimedFile[]> {
    const found: TimedFile[] = [];
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

type TimedFile = { readonly name: string; readonly modifiedAtMs: number };
type Due = { readonly nowMs: number; readonly files: readonly TimedFile[]; readonly quarantined: readonly string[] };

function guessAudit({ tombstones, files }: Snapshot): VacuumInput['audit'] {
  const removedAtMs = [...tombstones].map(
    ([path, { deletionTimestamp }]) => [path, deletionTimestamp ?? Number.POSITIVE_INFINITY] as const,
  );
  return { live: new Set(files.keys()), removedAtMs: new Map(removedAtMs), isWhole: true };
}

function describeProblem({ key, reason }: LogProblem): string {
  return `${key}: ${reason}`;
}
