import {
  type CompactTableRequest,
  type CompactTableResponse,
  type FileStatistics,
  type QueryOf,
  type TableSnapshot,
  tenantNode,
} from '@hybridstore/contracts';
import { type HttpClient, isUnknownHost, type ServiceIdentity, unknownTenant } from '@hybridstore/http';
import { type Clock, HybridStoreError } from '@hybridstore/runtime';
import type { ListedSources, NodeAddress, NodeCall, TenantNodes, WholeTable } from '../domain/tenant-nodes.ts';

const pagesMax = 10_000;
const filesMax = 200_000;

/** Tenant nodes over HTTP, with this service's own token for the tenant that is called. */
export class HttpTenantNodes implements TenantNodes {
  readonly #client: HttpClient;
  readonly #identity: ServiceIdentity;
  readonly #clock: Clock;

  constructor(client: HttpClient, identity: ServiceIdentity, clock: Clock) {
    this.#client = client;
    this.#identity = identity;
    this.#clock = clock;
  }

  async listSources(node: NodeAddress, call: NodeCall): Promise<ListedSources> {
    try {
      const answer = await this.#client.call(node.url, tenantNode.allSources, this.#options(node, call));
      return { sources: answer.sources, damaged: answer.damaged ?? [] };
    } catch (error) {
      throw isUnknownHost(error) ? unknownTenant(node.tenantId) : error;
    }
  }

  /** All pages of the version that the first page names. */
  async readTable(node: NodeAddress, sourceId: string, call: NodeCall): Promise<WholeTable> {
    const endMs = this.#clock.monotonicMs() + call.timeoutMs;
    const first = await this.#readPage(node, sourceId, {}, call);
    requireTenant(first, node);
    const files: FileStatistics[] = [...first.files];
    let offset = first.next_offset;
    for (let page = 1; offset !== null; page += 1) {
      if (page >= pagesMax || files.length > filesMax) throw tooLarge(sourceId, first.files_total);
      const query = { version: first.table_version, offset };
      const timeoutMs = Math.max(1, Math.ceil(endMs - this.#clock.monotonicMs()));
      const next = await this.#readPage(node, sourceId, query, { ...call, timeoutMs });
      files.push(...next.files);
      offset = next.next_offset;
    }
    if (files.length !== first.files_total)
      throw new HybridStoreError(
        'corrupt',
        `source ${sourceId}: ${first.files_total} files announced, ${files.length} received`,
      );
    return { ...first, files };
  }

  #readPage(
    node: NodeAddress,
    sourceId: string,
    query: QueryOf<typeof tenantNode.snapshot>,
    call: NodeCall,
  ): Promise<TableSnapshot> {
    const options = { ...this.#options(node, call), params: { source_id: sourceId }, query };
    return this.#client.call(node.url, tenantNode.snapshot, options);
  }

  compact(
    node: NodeAddress,
    sourceId: string,
    request: CompactTableRequest,
    call: NodeCall,
  ): Promise<CompactTableResponse> {
    const options = { ...this.#options(node, call), params: { source_id: sourceId }, body: request };
    return this.#client.call(node.url, tenantNode.compact, options);
  }

  #options(node: NodeAddress, call: NodeCall) {
    return {
      token: this.#identity.token(node.tenantId),
      timeoutMs: call.timeoutMs,
      ...(call.signal ? { signal: call.signal } : {}),
    };
  }
}

/** A wrong address must not let one tenant's table pass for another's. */
function requireTenant(table: TableSnapshot, node: NodeAddress): void {
  if (table.tenant_id === node.tenantId) return;
  throw new HybridStoreError('conflict', `${node.url} is not a node of tenant ${node.tenantId}`, {
    tenant: node.tenantId,
  });
}

function tooLarge(sourceId: string, files: number): HybridStoreError {
  return new HybridStoreError('too_large', `source ${sourceId}: expected at most ${filesMax} files, found ${files}`, {
    source_id: sourceId,
    files_max: filesMax,
  });
}
