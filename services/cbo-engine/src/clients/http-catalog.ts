import {
  type CatalogSource,
  metadataCatalog,
  type ScanStatistics,
  type StatisticsRequest,
} from '@hybridstore/contracts';
import type { HttpClient } from '@hybridstore/http';
import type { CatalogPort } from '../domain/ports.ts';

/** A query waits for its cost at most this long; its caller goes on with the plan as written. */
const answerMsMax = 2_000;

export class HttpCatalog implements CatalogPort {
  readonly #client: HttpClient;
  readonly #url: string;

  constructor(client: HttpClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  async sources(token: string): Promise<readonly CatalogSource[]> {
    return (await this.#client.call(this.#url, metadataCatalog.listSources, { token, timeoutMs: answerMsMax })).sources;
  }

  async statistics(token: string, request: StatisticsRequest): Promise<readonly ScanStatistics[]> {
    return (
      await this.#client.call(this.#url, metadataCatalog.statistics, {
        token,
        body: request,
        timeoutMs: answerMsMax,
      })
    ).scans;
  }
}
