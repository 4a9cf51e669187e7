import { tenantNode } from '@hybridstore/contracts';
import { type HttpClient, isUnknownHost, unknownTenant } from '@hybridstore/http';
import { type TenantCaller, tenantUrl } from '@hybridstore/runtime';
import type { NodeSources, SourceColumns } from '../domain/ports.ts';

export type NodeSourcesParts = {
  readonly client: HttpClient;
  readonly tenantUrlTemplate: string;
  /** Longest wait for one answer. */
  readonly answerMsMax: number;
};

/** A tenant's nodes behind their Service, asked with the caller's own token: they answer with what he may read. */
export class HttpNodeSources implements NodeSources {
  readonly #parts: NodeSourcesParts;

  constructor(parts: NodeSourcesParts) {
    this.#parts = parts;
  }

  async sources({ tenant, token }: TenantCaller): Promise<readonly SourceColumns[]> {
    const { client, tenantUrlTemplate, answerMsMax } = this.#parts;
    const call = { token, timeoutMs: answerMsMax };
    try {
      return (await client.call(tenantUrl(tenantUrlTemplate, tenant), tenantNode.listSources, call)).sources;
    } catch (error) {
      throw isUnknownHost(error) ? unknownTenant(tenant) : error;
    }
  }
}
