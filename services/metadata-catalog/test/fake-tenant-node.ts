import {
  type Column,
  type CompactTableRequest,
  type CompactTableResponse,
  type FileStatistics,
  type SourceDefinition,
  tenantNode,
} from '@hybridstore/contracts';
import { createServer, JwksTokenVerifier, type Server } from '@hybridstore/http';
import { HybridStoreError, Registry, silentLogger } from '@hybridstore/runtime';
import type { FakeClock, TestIssuer } from '@hybridstore/test-kit';

export type FakeTable = {
  definition: SourceDefinition;
  columns: Column[];
  schemaVersion: number;
  version: number;
  files: FileStatistics[];
  unflushedRows: number;
};

/** A tenant's node on loopback that keeps its tables in memory and speaks the real protocol. */
export class FakeTenantNode {
  readonly tables = new Map<string, FakeTable>();
  readonly compactions: { readonly sourceId: string; readonly request: CompactTableRequest }[] = [];
  readonly tenantId: string;
  pageFilesMax = 1_000;
  snapshotsRead = 0;
  listsRead = 0;
  /** Tables that cannot be read. */
  damaged: string[] = [];
  /** Runs before each compaction; may throw, or change tables. */
  beforeCompaction: (sourceId: string) => Promise<void> | void = () => {};
  beforeSnapshot: (sourceId: string) => Promise<void> | void = () => {};
  readonly #server: Server;

  constructor(tenantId: string, issuer: TestIssuer, clock: FakeClock) {
    this.tenantId = tenantId;
    this.#server = createServer({
      service: 'tenant-node',
      tenantId,
      version: 'test',
      logger: silentLogger,
      metrics: new Registry(),
      clock,
      verifier: new JwksTokenVerifier(issuer.jwksFile, clock),
      notReadyReasons: () => [],
    });
    this.#addRoutes();
  }

  async start(): Promise<string> {
    await this.#server.app.listen({ host: '127.0.0.1', port: 0 });
    const address = this.#server.app.server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  async stop(): Promise<void> {
    await this.#server.app.close();
  }

  put(sourceId: string, table: Partial<FakeTable> = {}): FakeTable {
    const columns = table.columns ?? [{ name: 'id', type: 'bigint' }];
    const whole: FakeTable = {
      definition: { source_id: sourceId, columns },
      columns,
      schemaVersion: 1,
      version: 0,
      files: [],
      unflushedRows: 0,
      ...table,
    };
    this.tables.set(sourceId, whole);
    return whole;
  }

  #table(sourceId: string): FakeTable {
    const table = this.tables.get(sourceId);
    if (!table) throw new HybridStoreError('not_found', `no source ${sourceId}`, { source_id: sourceId });
    return table;
  }

  #addRoutes(): void {
    const tenantOf = (tenant: string | undefined) => {
      if (tenant !== this.tenantId) throw new HybridStoreError('forbidden', 'foreign tenant');
    };
    this.#server.route(tenantNode.allSources, (_request, _reply, { caller }) => {
      tenantOf(caller?.claims.tenant);
      this.listsRead += 1;
      return {
        sources: [...this.tables].map(([sourceId, table]) => ({
          source_id: sourceId,
          definition: table.definition,
          columns: table.columns,
          schema_version: table.schemaVersion,
          table_version: table.version,
        })),
        ...(this.damaged.length === 0 ? {} : { damaged: this.damaged }),
      };
    });
    this.#server.route(tenantNode.snapshot, async (request, _reply, { caller }) => {
      tenantOf(caller?.claims.tenant);
      const { source_id: sourceId } = request.params;
      const { offset = 0 } = request.query;
      this.snapshotsRead += 1;
      const table = this.#table(sourceId);
      const answer = {
        tenant_id: this.tenantId,
        source_id: sourceId,
        definition: table.definition,
        columns: table.columns,
        schema_version: table.schemaVersion,
        table_version: table.version,
        committed_at: '2026-01-01T00:00:00.000Z',
        files_total: table.files.length,
        files: table.files.slice(offset, offset + this.pageFilesMax),
        next_offset: offset + this.pageFilesMax < table.files.length ? offset + this.pageFilesMax : null,
        unflushed_rows: table.unflushedRows,
      };
      await this.beforeSnapshot(sourceId);
      return answer;
    });
    this.#server.route(tenantNode.compact, async (request, _reply, { caller }) => {
      tenantOf(caller?.claims.tenant);
      const { source_id: sourceId } = request.params;
      const body = request.body;
      await this.beforeCompaction(sourceId);
      const answer = mergeFiles(this.#table(sourceId), body);
      this.compactions.push({ sourceId, request: body });
      return answer;
    });
  }
}

function mergeFiles(table: FakeTable, request: CompactTableRequest): CompactTableResponse {
  const live = new Map(table.files.map((file) => [file.path, file]));
  const merged: FileStatistics[] = [];
  let before = { files: 0, bytes: 0 };
  for (const group of request.groups) {
    const files = group.paths.map((path) => {
      const file = live.get(path);
      if (!file) throw new HybridStoreError('conflict', `${path} is not live`);
      live.delete(path);
      return file;
    });
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    before = { files: before.files + files.length, bytes: before.bytes + bytes };
    merged.push({
      ...files[0]!,
      path: `merged-${table.version}-${merged.length}.parquet`,
      bytes,
      rows: files.reduce((sum, file) => sum + file.rows, 0),
    });
  }
  table.files = [...live.values(), ...merged];
  table.version += 1;
  return {
    table_version: table.version,
    files_before: before.files,
    files_after: merged.length,
    bytes_before: before.bytes,
    bytes_after: before.bytes,
  };
}
