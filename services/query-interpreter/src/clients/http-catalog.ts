import { type CatalogSource, metadataCatalog } from '@hybridstore/contracts';
import type { HttpClient } from '@hybridstore/http';
import type { CatalogPort } from '../domain/ports.ts';

const answerMsMax = 10_000;

export class HttpCatalog implements CatalogPort {
  readonly #client: HttpClient;
  readonly #url: string;

  constructor(client: HttpClient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  async sources(token: string, options: { readonly refresh: boolean }): Promise<readonly CatalogSource[]> {
    const answer = await this.#client.call(this.#url, metadataCatalog.listSources, {
      token,
      timeoutMs: answerMsMax,
      ...(options.refresh ? { query: { refresh: 'true' } } : {}),
    });
    return answer.sources;
  }
}
