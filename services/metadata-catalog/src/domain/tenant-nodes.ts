import type {
  CompactTableRequest,
  CompactTableResponse,
  FileStatistics,
  SourceSummary,
  TableSnapshot,
} from '@hybridstore/contracts';

export type NodeAddress = { readonly tenantId: string; readonly url: string };
export type NodeCall = { readonly timeoutMs: number; readonly signal?: AbortSignal };

/** `damaged`: sources whose table cannot be read, so nothing more is known of them. */
export type ListedSources = { readonly sources: readonly SourceSummary[]; readonly damaged: readonly string[] };

/** The whole of one table version. */
export type WholeTable = Omit<TableSnapshot, 'files' | 'next_offset' | 'files_total'> & {
  readonly files: readonly FileStatistics[];
};

/** The nodes of tenants as the catalog needs them. Errors are those of the node, or `unavailable`, `deadline_exceeded`. */
export interface TenantNodes {
  /** `not_found` when there is no such tenant. */
  listSources(node: NodeAddress, call: NodeCall): Promise<ListedSources>;
  /** `not_found` when the tenant has no such table; `too_large` when it has more files than the catalog holds. */
  readTable(node: NodeAddress, sourceId: string, call: NodeCall): Promise<WholeTable>;
  /** `conflict` when a path is not live any more. */
  compact(
    node: NodeAddress,
    sourceId: string,
    request: CompactTableRequest,
    call: NodeCall,
  ): Promise<CompactTableResponse>;
}
