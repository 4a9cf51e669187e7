import {
  type CatalogSource,
  metadataCatalog,
  type ScanStatistics,
  type StatisticsRequest,
} from '@hybridstore/contracts';
import type { HttpClient } from './client.ts';

export type CatalogClientOptions = {
  readonly client: HttpClient;
  readonly url: string;
  /** Longest wait for one answer. */
  readonly answerMsMax: number;
};

/** The metadata catalog, asked with the token of the user for whom it is asked: it shows what this one may read. */
export class CatalogClient {
  readonly #options: CatalogClientOptions;

  constructor(options: CatalogClientOptions) {
    this.#options = options;
  }

  /** As the catalog knows them. */
  async sources(token: string): Promise<readonly CatalogSource[]> {
    return this.#list(token, {});
  }

  /** The same with the name of this list; undefined where it is still the one under the name that is given. */
  async sourcesIfChanged(
    token: string,
    known: string | undefined,
  ): Promise<{ readonly sources: readonly CatalogSource[]; readonly name: string | undefined } | undefined> {
    const { client, url, answerMsMax } = this.#options;
    const call = { token, timeoutMs: answerMsMax };
    const answer = await client.callIfChanged(url, metadataCatalog.listSources, known, call);
    return answer && { sources: answer.value.sources, name: answer.etag };
  }

  /** As the tenant's nodes know it now; undefined for one that is not there, or that this user may not read. */
  async source(token: string, sourceId: string): Promise<CatalogSource | undefined> {
    return (await this.#list(token, { source_id: sourceId, refresh: 'true' })).at(0);
  }

  async #list(
    token: string,
    query: { readonly source_id?: string; readonly refresh?: 'true' },
  ): Promise<readonly CatalogSource[]> {
    const { client, url, answerMsMax } = this.#options;
    const { sources } = await client.call(url, metadataCatalog.listSources, { token, query, timeoutMs: answerMsMax });
    return sources;
  }

  /** In the order of the request. */
  async statistics(token: string, request: StatisticsRequest): Promise<readonly ScanStatistics[]> {
    const { client, url, answerMsMax } = this.#options;
    const call = { token, body: request, timeoutMs: answerMsMax };
    return (await client.call(url, metadataCatalog.statistics, call)).scans;
  }
}
