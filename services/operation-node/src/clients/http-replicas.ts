import { operationNode, type RunningQuery } from '@hybridstore/contracts';
import { type HttpClient, wasNothingSent } from '@hybridstore/http';
import { isHybridStoreError } from '@hybridstore/runtime';
import type { AskedReplicas, Replicas } from '../ports.ts';

export type ReplicasParts = {
  readonly client: HttpClient;
  /** Its host is the name of every replica. */
  readonly url: string;
  readonly ownAddress: string | undefined;
};

const askMsMax = 2_000;
/** As many as the chart lets there be. */
const replicasMax = 100;

/**
 * The other replicas by their addresses, each asked with the token of the user for whom it is asked. One that refuses the
 * connection has ended, and its queries with it.
 */
export class HttpReplicas implements Replicas {
  readonly #parts: ReplicasParts;

  constructor(parts: ReplicasParts) {
    this.#parts = parts;
  }

  async list(asked: AskedReplicas): Promise<readonly RunningQuery[]> {
    const lists = await this.#askAll<readonly RunningQuery[]>([], async (url) => {
      const { queries } = await this.#parts.client.call(url, operationNode.listOwnQueries, optionsOf(asked));
      return queries;
    });
    return lists.flatMap(settled);
  }

  async cancel(queryId: string, asked: AskedReplicas): Promise<boolean> {
    const params = { query_id: queryId };
    const answers = await this.#askAll(false, async (url) => {
      try {
        await this.#parts.client.call(url, operationNode.cancelOwnQuery, { ...optionsOf(asked), params });
        return true;
      } catch (error) {
        if (isHybridStoreError(error, 'not_found')) return false;
        throw error;
      }
    });
    const isStopped = answers.some((answer) => answer.status === 'fulfilled' && answer.value);
    return isStopped || answers.map(settled).includes(true);
  }

  async #askAll<T>(ofNobody: T, ask: (url: string) => Promise<T>): Promise<PromiseSettledResult<T>[]> {
    const urls = await this.#urls();
    return Promise.allSettled(
      urls.map((url) =>
        ask(url).catch((error: unknown) => {
          if (wasNothingSent(error)) return ofNobody;
          throw error;
        }),
      ),
    );
  }

  async #urls(): Promise<readonly string[]> {
    const { client, url, ownAddress } = this.#parts;
    const { protocol, hostname, port } = new URL(url);
    const addresses = await client.addressesOf(hostname);
    return addresses
      .filter((address) => address !== ownAddress)
      .slice(0, replicasMax)
      .map((address) => `${protocol}//${address.includes(':') ? `[${address}]` : address}:${port}`);
  }
}

function optionsOf({ caller, requestId }: AskedReplicas) {
  return { token: caller.token, requestId, timeoutMs: askMsMax };
}

function settled<T>(answer: PromiseSettledResult<T>): T {
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}
