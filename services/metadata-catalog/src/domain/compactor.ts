import type { CompactionResult, CompactTableResponse } from '@hybridstore/contracts';
import { type Clock, HybridStoreError, isHybridStoreError, type Logger, Semaphore } from '@hybridstore/runtime';
import { type Catalog, keyOf } from './catalog.ts';
import {
  batchGroups,
  type CompactionBounds,
  type CompactionGroup,
  decideCompaction,
  forcedBounds,
} from './compaction-decision.ts';
import type { CatalogStore } from './ports.ts';
import type { TenantNodes } from './tenant-nodes.ts';

export type CompactorOptions = {
  readonly catalog: Catalog;
  readonly store: CatalogStore;
  readonly nodes: TenantNodes;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the merge of one request may take on the node. */
  readonly compactionMsMax: number;
  /** Tables merged at the same moment over all tenants. */
  readonly concurrentMax: number;
  readonly onResult: (result: CompactionResult) => void;
};

export type CompactionOrder = {
  readonly tenantId: string;
  readonly sourceId: string;
  readonly policyId: string;
  readonly bounds: CompactionBounds;
  readonly retainSnapshotsHours: number;
  readonly force: boolean;
};

type Merged = Pick<CompactionResult, 'files_before' | 'files_after' | 'bytes_before' | 'bytes_after' | 'table_version'>;

const bytesPerRequestMax = 4 * 1024 ** 3;
const tablesWaitingMax = 10_000;
/** Another writer may have replaced files since they were listed; a second conflict in a row is left to the next run. */
const attemptsMax = 2;
const nothing: Merged = { files_before: 0, files_after: 0, bytes_before: 0, bytes_after: 0, table_version: null };

/** Has tables merged by their nodes. A table is merged by one order at a time; failures become results, never exceptions of a run. */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #busy = new Set<string>();
  readonly #running: Semaphore;

  constructor(options: CompactorOptions) {
    this.#options = options;
    this.#running = new Semaphore({ running: options.concurrentMax, waiting: tablesWaitingMax });
  }

  /** What `compact` would do now, as a result in state `planned` or `nothing_to_do`. */
  async plan(order: CompactionOrder): Promise<CompactionResult> {
    const groups = await this.#decide(order);
    if (groups.length === 0) return { source_id: order.sourceId, state: 'nothing_to_do', ...nothing };
    const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
    const files = groups.reduce((sum, group) => sum + group.paths.length, 0);
    return {
      source_id: order.sourceId,
      state: 'planned',
      files_before: files,
      files_after: groups.length,
      bytes_before: bytes,
      bytes_after: bytes,
      table_version: null,
    };
  }

  async compact(order: CompactionOrder): Promise<CompactionResult> {
    const key = keyOf(order.tenantId, order.sourceId);
    if (this.#busy.has(key)) return failedResult(order, new HybridStoreError('conflict', 'the table is being merged'));
    this.#busy.add(key);
    const startedAtMs = this.#options.clock.now();
    try {
      const result = await this.#running.run(() => this.#attempt(order));
      if (result.state !== 'nothing_to_do') await this.#record(order, startedAtMs, result);
      this.#options.onResult(result);
      return result;
    } finally {
      this.#busy.delete(key);
    }
  }

  async #attempt(order: CompactionOrder): Promise<CompactionResult> {
    let merged = nothing;
    for (let attempt = 1; ; attempt += 1) {
      try {
        for (const batch of batchGroups(await this.#decide(order), bytesPerRequestMax))
          merged = addMerged(merged, await this.#merge(order, batch));
        if (merged === nothing) return { source_id: order.sourceId, state: 'nothing_to_do', ...nothing };
        return { source_id: order.sourceId, state: 'done', ...merged };
      } catch (error) {
        if (attempt < attemptsMax && (await this.#reread(order, error))) continue;
        this.#options.logger.warn('compaction_failed', { tenant: order.tenantId, source: order.sourceId, error });
        return failedResult(order, error, merged);
      }
    }
  }

  async #decide(order: CompactionOrder): Promise<readonly CompactionGroup[]> {
    const table = await this.#options.catalog.table(order.tenantId, order.sourceId);
    return decideCompaction(table?.files ?? [], order.force ? forcedBounds(order.bounds) : order.bounds);
  }

  async #merge(order: CompactionOrder, batch: readonly CompactionGroup[]): Promise<CompactTableResponse> {
    const { catalog, nodes, compactionMsMax } = this.#options;
    const request = {
      groups: batch.map((group) => ({ paths: [...group.paths] })),
      file_bytes_max: order.bounds.fileBytesMax,
      retain_snapshots_hours: order.retainSnapshotsHours,
    };
    const node = await catalog.address(order.tenantId);
    const response = await nodes.compact(node, order.sourceId, request, { timeoutMs: compactionMsMax });
    await this.#catchUp(order, response.table_version);
    return response;
  }

  /** The node's notice of this commit may be late or lost. */
  async #catchUp(order: CompactionOrder, tableVersion: number): Promise<void> {
    const source = await this.#options.catalog.source(order.tenantId, order.sourceId);
    if (source && source.table_version >= tableVersion) return;
    try {
      await this.#options.catalog.refreshTable(order.tenantId, order.sourceId);
    } catch (error) {
      // The merge itself is committed; the next notice or refresh brings the catalog up to it.
      this.#options.logger.warn('refresh_after_compaction_failed', { source: order.sourceId, error });
    }
  }

  /** Whether the failure was a conflict and the table has been read again since. */
  async #reread(order: CompactionOrder, error: unknown): Promise<boolean> {
    if (!isHybridStoreError(error, 'conflict')) return false;
    try {
      await this.#options.catalog.refreshTable(order.tenantId, order.sourceId);
      return true;
    } catch (refreshError) {
      this.#options.logger.warn('refresh_after_conflict_failed', { source: order.sourceId, error: refreshError });
      return false;
    }
  }

  async #record(order: CompactionOrder, startedAtMs: number, result: CompactionResult): Promise<void> {
    const { tenantId, policyId } = order;
    const endedAtMs = this.#options.clock.now();
    await this.#options.store.recordRun({ tenantId, policyId, startedAtMs, endedAtMs, result });
    this.#options.logger.info('compaction_ended', { tenant: tenantId, policy: policyId, ...result });
  }
}

function addMerged(sum: Merged, response: CompactTableResponse): Merged {
  return {
    files_before: sum.files_before + response.files_before,
    files_after: sum.files_after + response.files_after,
    bytes_before: sum.bytes_before + response.bytes_before,
    bytes_after: sum.bytes_after + response.bytes_after,
    table_version: response.table_version,
  };
}

/** With what was merged before the failure. */
export function failedResult(order: CompactionOrder, error: unknown, merged: Merged = nothing): CompactionResult {
  const message = error instanceof HybridStoreError ? `${error.code}: ${error.message}` : 'internal error';
  return { source_id: order.sourceId, state: 'failed', ...merged, error: message.slice(0, 1_000) };
}
