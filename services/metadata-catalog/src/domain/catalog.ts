import type { CatalogSource, Column, CommitNotice, FileStatistics, SourceDefinition } from '@hybridstore/contracts';
import { documentColumns } from '@hybridstore/contracts';
import {
  assert,
  type Clock,
  isHybridStoreError,
  LatestRun,
  type Logger,
  Semaphore,
  tenantUrl,
} from '@hybridstore/runtime';
import { describeSource } from './catalog-source.ts';
import { type CommitDecision, decideCommit } from './commit-decision.ts';
import type { CatalogStore, StoredSource, TableHead } from './ports.ts';
import { SerialByKey } from './serial-by-key.ts';
import type { TableCache } from './table-cache.ts';
import { TableIndex } from './table-index.ts';
import type { NodeAddress, TenantNodes, WholeTable } from './tenant-nodes.ts';

export type CatalogOptions = {
  readonly store: CatalogStore;
  readonly nodes: TenantNodes;
  readonly tables: TableCache;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tenantUrlTemplate: string;
  /** How long reading a tenant's sources or one table from a node may take. */
  readonly refreshMsMax: number;
};

export type DeclaredSource = { readonly source: CatalogSource; readonly isBehind: boolean };
export type RefreshOptions = { readonly timeoutMs?: number };

const unflushedKeyOfSnapshot = 'snapshot';
const nodesPerSourceMax = 256;
const refreshesRunningMax = 16;
const refreshesWaitingMax = 1_000;
const tablesRefreshedAtOnceMax = 4;
const tenantsRefreshedAtOnceMax = 8;

/**
 * What is known of tables, and how it is brought up to date. The nodes' table logs are the truth: a notice is applied
 * only where it continues what is held, and everything else is answered by reading the table again. Changes of one
 * table run one after the other, so that the store and the prepared index always show the same version.
 */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #changes = new SerialByKey();
  readonly #refreshes = new LatestRun<string>();
  readonly #refreshing = new Semaphore({ running: refreshesRunningMax, waiting: refreshesWaitingMax });

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  async source(tenantId: string, sourceId: string): Promise<CatalogSource | undefined> {
    const source = await this.#options.store.source(tenantId, sourceId);
    return source && describeSource(source);
  }

  /** Sources of a tenant by id. A tenant that was never read is read from its nodes first; `not_found` when there is none. */
  async sources(tenantId: string): Promise<readonly CatalogSource[]> {
    const tenant = await this.#options.store.tenant(tenantId);
    if (tenant === undefined || tenant.lastRefreshAtMs === null) await this.refreshTenant(tenantId);
    return (await this.#options.store.sources(tenantId)).map(describeSource);
  }

  /** The source, read from the tenant's nodes when it is not known yet; undefined when they do not have it. */
  async findSource(
    tenantId: string,
    sourceId: string,
    options: RefreshOptions = {},
  ): Promise<CatalogSource | undefined> {
    const known = await this.#options.store.source(tenantId, sourceId);
    if (known && known.tableVersion !== null) return describeSource(known);
    if (!(await this.#options.store.tenant(tenantId))) await this.refreshTenant(tenantId, options);
    await this.refreshTable(tenantId, sourceId, options);
    return this.source(tenantId, sourceId);
  }

  /** The prepared index of a table, from memory or from the store. */
  async table(tenantId: string, sourceId: string): Promise<TableIndex | undefined> {
    return this.#changes.run(keyOf(tenantId, sourceId), async () => {
      const held = this.#options.tables.get(keyOf(tenantId, sourceId));
      if (held) return held;
      const source = await this.#options.store.source(tenantId, sourceId);
      if (!source) return undefined;
      return this.#prepare(source, await this.#options.store.files(tenantId, sourceId));
    });
  }

  #prepare(
    head: Pick<TableHead, 'tenantId' | 'sourceId' | 'columns' | 'definition'>,
    files: readonly FileStatistics[],
  ) {
    const index = new TableIndex(head, files);
    this.#options.tables.set(keyOf(head.tenantId, head.sourceId), index);
    return index;
  }

  /** Takes a commit notice in. Answers what was done with it and the version that is held now. */
  async takeNotice(
    notice: CommitNotice,
  ): Promise<{ readonly decision: CommitDecision; readonly tableVersion: number }> {
    const { tenant_id: tenantId, source_id: sourceId } = notice;
    const decision = await this.#changes.run(keyOf(tenantId, sourceId), () => this.#applyNotice(notice));
    if (decision === 'reread') await this.refreshTable(tenantId, sourceId);
    const held = await this.#options.store.source(tenantId, sourceId);
    return { decision, tableVersion: held?.tableVersion ?? 0 };
  }

  async #applyNotice(notice: CommitNotice): Promise<CommitDecision> {
    const { store, tables, clock } = this.#options;
    const key = keyOf(notice.tenant_id, notice.source_id);
    const held = await store.source(notice.tenant_id, notice.source_id);
    const decision = decideCommit(held?.tableVersion ?? null, notice);
    const unflushedRows = addReport(held, notice);
    const head = headOfNotice(notice, unflushedRows);
    if (decision === 'ignore') await store.reportUnflushed(notice.tenant_id, notice.source_id, unflushedRows);
    if (decision === 'replace') {
      const files = uniqueFiles(notice.added);
      await store.replaceTable(head, files, clock.now());
      this.#prepare(head, files);
    }
    if (decision === 'apply') {
      const change = { removed: notice.removed, added: uniqueFiles(notice.added) };
      await store.applyChange(head, change, clock.now());
      tables.get(key)?.apply(head, change);
    }
    return decision;
  }

  /** Reads one table from the tenant's nodes. A table that they do not have is forgotten, its declaration is not. */
  async refreshTable(tenantId: string, sourceId: string, options: RefreshOptions = {}): Promise<void> {
    await this.#refreshes.run(keyOf(tenantId, sourceId), () =>
      this.#refreshing.run(() => this.#readTable(tenantId, sourceId, options)),
    );
  }

  async #readTable(tenantId: string, sourceId: string, options: RefreshOptions): Promise<void> {
    const node = await this.address(tenantId);
    const before = await this.#options.store.source(tenantId, sourceId);
    const table = await this.#askForTable(node, sourceId, options);
    await this.#learnTenant(node);
    await this.#changes.run(keyOf(tenantId, sourceId), async () => {
      const now = await this.#options.store.source(tenantId, sourceId);
      if (hasMovedOn(before, now, table)) return;
      if (!table) return this.#forgetTable(tenantId, sourceId);
      const head = headOfTable(tenantId, table);
      const files = uniqueFiles(table.files);
      await this.#options.store.replaceTable(head, files, this.#options.clock.now());
      this.#prepare(head, files);
    });
  }

  /** Undefined when the tenant's nodes have no such table. */
  async #askForTable(node: NodeAddress, sourceId: string, options: RefreshOptions): Promise<WholeTable | undefined> {
    try {
      return await this.#options.nodes.readTable(node, sourceId, {
        timeoutMs: options.timeoutMs ?? this.#options.refreshMsMax,
      });
    } catch (error) {
      if (isHybridStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  /** Compares all sources of a tenant with what its nodes say, and reads the tables that differ. */
  async refreshTenant(tenantId: string, options: RefreshOptions & { readonly force?: boolean } = {}): Promise<void> {
    await this.#refreshes.run(`${tenantId}/*/${options.force === true}`, () => this.#readTenant(tenantId, options));
  }

  async #readTenant(tenantId: string, options: RefreshOptions & { readonly force?: boolean }): Promise<void> {
    const { nodes, store, clock, refreshMsMax, logger } = this.#options;
    const node = await this.address(tenantId);
    const { sources: listed, damaged } = await this.#refreshing.run(() =>
      nodes.listSources(node, { timeoutMs: options.timeoutMs ?? refreshMsMax }),
    );
    await this.#learnTenant(node);
    const held = new Map((await store.sources(tenantId)).map((source) => [source.sourceId, source]));
    const changed = listed.filter((summary) => {
      const source = held.get(summary.source_id);
      const isSame = source?.tableVersion === summary.table_version && source.schemaVersion === summary.schema_version;
      return options.force === true || !isSame;
    });
    const reading = new Semaphore({ running: tablesRefreshedAtOnceMax, waiting: changed.length });
    await Promise.all(
      changed.map((summary) => reading.run(() => this.refreshTable(tenantId, summary.source_id, options))),
    );
    // A table that cannot be read now is there all the same.
    const isListed = new Set([...listed.map((summary) => summary.source_id), ...damaged]);
    for (const sourceId of held.keys()) if (!isListed.has(sourceId)) await this.#forgetUnlisted(tenantId, sourceId);
    await store.markRefreshed(tenantId, clock.now());
    logger.debug('tenant_refreshed', { tenant: tenantId, sources: listed.length, tables_read: changed.length });
  }

  async #forgetUnlisted(tenantId: string, sourceId: string): Promise<void> {
    await this.#changes.run(keyOf(tenantId, sourceId), () => this.#forgetTable(tenantId, sourceId));
  }

  /** What a node no longer has is dropped; a declaration stays, as it was before any node reported the table. */
  async #forgetTable(tenantId: string, sourceId: string): Promise<void> {
    const { store, tables, clock } = this.#options;
    const held = await store.source(tenantId, sourceId);
    if (!held) return;
    if (held.isDeclared && held.tableVersion === null) return;
    await store.deleteSource(tenantId, sourceId);
    tables.delete(keyOf(tenantId, sourceId));
    if (held.isDeclared) await store.declareSource(tenantId, held.definition, held.columns, clock.now());
  }

  /**
   * Idempotent. Of a table that no node has reported, it keeps what is declared. `isBehind`: the table is not known yet, or
   * lacks columns that are declared, or compares their texts by another collation.
   */
  async declareSource(tenantId: string, definition: SourceDefinition): Promise<DeclaredSource> {
    const { store, clock } = this.#options;
    const columns = definition.columns ?? documentColumns;
    return this.#changes.run(keyOf(tenantId, definition.source_id), async () => {
      await store.declareSource(tenantId, definition, columns, clock.now());
      const source = await store.source(tenantId, definition.source_id);
      assert(source, `source ${definition.source_id} vanished while it was declared`);
      const known = new Map(source.columns.map((column) => [column.name, column]));
      const isBehind = source.tableVersion === null || columns.some((column) => !isKnown(column, known));
      return { source: describeSource(source), isBehind };
    });
  }

  async deleteSource(tenantId: string, sourceId: string): Promise<boolean> {
    return this.#changes.run(keyOf(tenantId, sourceId), async () => {
      this.#options.tables.delete(keyOf(tenantId, sourceId));
      return this.#options.store.deleteSource(tenantId, sourceId);
    });
  }

  /** Whether the tenant is new here, has moved, or was never read from its nodes. */
  async registerTenant(tenantId: string, nodeUrl: string): Promise<boolean> {
    const known = await this.#options.store.tenant(tenantId);
    if (known?.nodeUrl !== nodeUrl) await this.#options.store.putTenant(tenantId, nodeUrl);
    return known?.nodeUrl !== nodeUrl || known.lastRefreshAtMs === null;
  }

  async deleteTenant(tenantId: string): Promise<boolean> {
    for (const source of await this.#options.store.sources(tenantId))
      await this.deleteSource(tenantId, source.sourceId);
    return this.#options.store.deleteTenant(tenantId);
  }

  /** Brings every registered tenant up to date; a tenant whose nodes are away is logged and tried again at the next call. */
  async refreshAll(): Promise<void> {
    const tenants = await this.#options.store.tenants();
    const reading = new Semaphore({ running: tenantsRefreshedAtOnceMax, waiting: tenants.length });
    await Promise.all(tenants.map((tenant) => reading.run(() => this.#tryRefreshTenant(tenant.tenantId))));
  }

  async #tryRefreshTenant(tenantId: string): Promise<void> {
    try {
      await this.refreshTenant(tenantId);
    } catch (error) {
      this.#options.logger.warn('tenant_refresh_failed', { tenant: tenantId, error });
    }
  }

  /** Where a tenant's nodes answer: as registered by the operator, else by the template. Never as a notice says: service tokens go there. */
  async address(tenantId: string): Promise<NodeAddress> {
    const tenant = await this.#options.store.tenant(tenantId);
    return { tenantId, url: tenant?.nodeUrl ?? tenantUrl(this.#options.tenantUrlTemplate, tenantId) };
  }

  /** After a lost database a tenant is known again as soon as its nodes have answered. */
  async #learnTenant(node: NodeAddress): Promise<void> {
    if (!(await this.#options.store.tenant(node.tenantId)))
      await this.#options.store.putTenant(node.tenantId, node.url);
  }
}

export function keyOf(tenantId: string, sourceId: string): string {
  return `${tenantId}/${sourceId}`;
}

function isKnown({ name, collation = 'binary' }: Column, columns: ReadonlyMap<string, Column>): boolean {
  const known = columns.get(name);
  return known !== undefined && (known.collation ?? 'binary') === collation;
}

function headOfNotice(notice: CommitNotice, unflushedRows: Readonly<Record<string, number>>): TableHead {
  return {
    tenantId: notice.tenant_id,
    sourceId: notice.source_id,
    definition: notice.definition,
    columns: notice.columns,
    schemaVersion: notice.schema_version,
    tableVersion: notice.table_version,
    committedAt: notice.committed_at,
    unflushedRows,
  };
}

function headOfTable(tenantId: string, table: WholeTable): TableHead {
  return {
    tenantId,
    sourceId: table.source_id,
    definition: table.definition,
    columns: table.columns,
    schemaVersion: table.schema_version,
    tableVersion: table.table_version,
    committedAt: table.committed_at,
    unflushedRows: { [unflushedKeyOfSnapshot]: table.unflushed_rows },
  };
}

/** A path is one file; of two with the same path the later one counts, as in the table log. */
function uniqueFiles(files: readonly FileStatistics[]): readonly FileStatistics[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

/** Whether the catalog learned something newer while the table was being read: later notices, or that the source was dropped. */
function hasMovedOn(
  before: StoredSource | undefined,
  now: StoredSource | undefined,
  table: WholeTable | undefined,
): boolean {
  if (before !== undefined && now === undefined) return true;
  const [heldBefore, heldNow] = [before?.tableVersion ?? null, now?.tableVersion ?? null];
  if (heldNow === null || heldNow === heldBefore) return false;
  return table === undefined || heldNow > table.table_version;
}

/** A snapshot counts for all nodes, so the first notice after it starts the count by node. Nodes without unflushed rows are left out. */
function addReport(held: StoredSource | undefined, notice: CommitNotice): Readonly<Record<string, number>> {
  const others = Object.entries(held?.unflushedRows ?? {}).filter(
    ([node, rows]) => node !== unflushedKeyOfSnapshot && node !== notice.node_url && rows > 0,
  );
  return Object.fromEntries([[notice.node_url, notice.unflushed_rows], ...others].slice(0, nodesPerSourceMax));
}
